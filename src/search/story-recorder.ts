/** Records the events that a story of a run needs; `story.ts` tells it. */

import { endStep } from '../checkers/fault-steps.ts';
import { isEngineEvent, type MessageEvent, type NodeFaultEvent } from '../harness/fault.ts';
import type { NetworkMessage } from '../harness/network.ts';
import type { RunObserver } from '../harness/run.ts';
import { NEMESIS, type Operation } from '../history/operation.ts';
import type { LogEntry } from '../simulator/in-process-bed.ts';

/** An event of a story. `atMs` is by the scheduler's clock. */
export type StoryEvent = { readonly atMs: number } & (
  | { readonly kind: 'start'; readonly nodes: string[] }
  | { readonly kind: 'operation'; readonly operation: Operation }
  | { readonly kind: 'fault' | 'fault-end'; readonly fault: NodeFaultEvent }
  | { readonly kind: 'fate'; readonly fate: MessageEvent; readonly message: NetworkMessage | undefined }
  | { readonly kind: 'drop'; readonly message: NetworkMessage }
  | { readonly kind: 'log'; readonly entry: LogEntry }
);

/** Records the events of a story. Give `observer` to the run and `onLog` to the bed. */
export class StoryRecorder {
  readonly #now: () => number;
  readonly #events: StoryEvent[] = [];
  readonly #started = new Set<string>();
  /** Active faults, the one that ends first at the front. */
  readonly #faults: { readonly fault: NodeFaultEvent; readonly endMs: number }[] = [];
  #lastSent: NetworkMessage | undefined;
  /** The message whose loss was recorded as its fate. */
  #lost: NetworkMessage | undefined;

  /** @param now the clock of the run's scheduler, read during the run */
  constructor(now: () => number) {
    this.#now = now;
  }

  get events(): readonly StoryEvent[] {
    return this.#events;
  }

  readonly observer: RunObserver = {
    onOperation: (operation) => {
      if (operation.process !== NEMESIS) this.#events.push({ atMs: this.#now(), kind: 'operation', operation });
      else if (operation.value !== null) this.#endFault(operation.f);
    },
    onMessage: (event, message) => {
      if (event === 'send') {
        this.#lastSent = message;
        if (message.body.type === 'init') this.#startNode(message.dest);
      } else if (event === 'drop' && message !== this.#lost) {
        this.#events.push({ atMs: this.#now(), kind: 'drop', message });
      }
    },
    onFault: (fault) => {
      if (isEngineEvent(fault)) return;
      const atMs = this.#now();
      this.#events.push({ atMs, kind: 'fault', fault });
      this.#faults.push({ fault, endMs: atMs + fault.durationMs });
      this.#faults.sort((one, other) => one.endMs - other.endMs);
    },
    onFate: (fate) => {
      // The network asks for the fate of the message that it has just sent.
      const message = this.#lastSent;
      if (fate.fault === 'loss') this.#lost = message;
      this.#events.push({ atMs: this.#now(), kind: 'fate', fate, message });
    },
  };

  readonly onLog = (entry: LogEntry): void => {
    if (entry.level === 'warn' || entry.level === 'error') this.#events.push({ atMs: this.#now(), kind: 'log', entry });
  };

  /** Nodes that start at the same moment start together. A restart is recorded as the end of a fault. */
  #startNode(nodeId: string): void {
    if (this.#started.has(nodeId)) return;
    this.#started.add(nodeId);
    const atMs = this.#now();
    const last = this.#events.at(-1);
    if (last?.kind === 'start' && last.atMs === atMs) last.nodes.push(nodeId);
    else this.#events.push({ atMs, kind: 'start', nodes: [nodeId] });
  }

  #endFault(f: string): void {
    const index = this.#faults.findIndex(({ fault }) => f === endStep(fault.fault));
    const [ended] = index < 0 ? [] : this.#faults.splice(index, 1);
    if (ended !== undefined) this.#events.push({ atMs: this.#now(), kind: 'fault-end', fault: ended.fault });
  }
}
