/**
 * All decisions of a run: which operation and which fault began when, and which message had a fate. Replayed with the
 * same seed, a schedule gives the same run. With events left out, it gives a smaller one.
 */

import { type FaultEvent, isEngineEvent, type MessageEvent, type NodeFaultEvent } from './fault.ts';
import type { DrawFate } from './network.ts';
import type { OperationEvent } from './operations.ts';

export interface Schedule {
  readonly operations: readonly OperationEvent[];
  readonly faults: readonly NodeFaultEvent[];
  readonly messages: readonly MessageEvent[];
}

/** The fates of a schedule, as the network asks for them. */
export function repeatFates(messages: readonly MessageEvent[]): DrawFate | undefined {
  if (messages.length === 0) return undefined;
  const fates = new Map(messages.map((event) => [`${event.src} ${event.dest} ${event.nth}`, event]));
  return (src, dest, nth) => fates.get(`${src} ${dest} ${nth}`);
}

/** Records the decisions of a run. Pass its listeners to the run as observer. */
export class ScheduleRecorder {
  readonly #operations: OperationEvent[] = [];
  readonly #faults: NodeFaultEvent[] = [];
  readonly #messages: MessageEvent[] = [];

  readonly onBegin = (event: OperationEvent): void => {
    this.#operations.push(event);
  };

  /** Simulated nodes have no engine, so no fault of one can be replayed. */
  readonly onFault = (event: FaultEvent): void => {
    if (!isEngineEvent(event)) this.#faults.push(event);
  };

  readonly onFate = (event: MessageEvent): void => {
    this.#messages.push(event);
  };

  get schedule(): Schedule {
    return { operations: [...this.#operations], faults: [...this.#faults], messages: [...this.#messages] };
  }
}
