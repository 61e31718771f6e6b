/**
 * Where the operations of a run come from. A source draws them from the seed, at the requested rate. Or it repeats
 * those of a recorded run, at the same times and with the same workers.
 */

import type { SeededRandom } from '../protocol/random.ts';
import { Pacing } from './pacing.ts';
import type { Invocation, Turn } from './workload-test.ts';

/** An operation with its time and its worker. */
export interface OperationEvent extends Invocation {
  /** ms since the operations began. */
  readonly atMs: number;
  /** The index of its worker, which talks to the node `worker mod nodes`. */
  readonly worker: number;
}

/** A worker's index, and its operation. */
export interface Assignment {
  readonly worker: number;
  readonly invocation: Invocation;
}

export interface OperationSource {
  /** When the next operation for one of the idle workers is due, ms; undefined: there is none for these. */
  dueMs(idle: readonly number[]): number | undefined;
  /** Takes the operation that is due, and removes its worker from `idle`. */
  take(nowMs: number, idle: number[]): Assignment;
}

/** Draws operations at the requested rate, each for a worker drawn from the idle ones. */
export class DrawnOperations implements OperationSource {
  readonly #pacing: Pacing | undefined;
  readonly #random: SeededRandom;
  readonly #next: (turn: Turn) => Invocation;
  readonly #processOf: (worker: number) => number;

  /** @param processOf the present process of a worker */
  constructor(
    ratePerSecond: number,
    next: (turn: Turn) => Invocation,
    random: SeededRandom,
    processOf: (worker: number) => number,
  ) {
    this.#pacing = ratePerSecond === 0 ? undefined : new Pacing(ratePerSecond, random.fork('pacing'));
    this.#random = random.fork('workers');
    this.#next = next;
    this.#processOf = processOf;
  }

  dueMs(idle: readonly number[]): number | undefined {
    return idle.length === 0 ? undefined : this.#pacing?.dueMs;
  }

  take(nowMs: number, idle: number[]): Assignment {
    this.#pacing?.begun(nowMs);
    const index = this.#random.integer(idle.length);
    const worker = idle[index] as number;
    idle[index] = idle[idle.length - 1] as number;
    idle.pop();
    return { worker, invocation: this.#next({ worker, process: this.#processOf(worker), atMs: nowMs }) };
  }
}

/** Repeats recorded operations. If a worker is still busy, its operation begins when the worker is idle. */
export class RecordedOperations implements OperationSource {
  readonly #events: OperationEvent[];

  constructor(events: readonly OperationEvent[]) {
    this.#events = events.toSorted((one, other) => one.atMs - other.atMs);
  }

  dueMs(idle: readonly number[]): number | undefined {
    return this.#events[this.#nextFor(idle)]?.atMs;
  }

  take(_nowMs: number, idle: number[]): Assignment {
    const [event] = this.#events.splice(this.#nextFor(idle), 1);
    const { worker, f, value } = event as OperationEvent;
    idle.splice(idle.indexOf(worker), 1);
    return { worker, invocation: { f, value } };
  }

  #nextFor(idle: readonly number[]): number {
    if (idle.length === 0) return this.#events.length;
    const index = this.#events.findIndex(({ worker }) => idle.includes(worker));
    return index < 0 ? this.#events.length : index;
  }
}
