/**
 * The operations of a run: workers with a client each, that do one thing at a time, and where the next thing comes
 * from. A source paces and draws what the seed says; or it repeats what was recorded of another run, at the same times
 * and by the same workers.
 */

import type { SeededRandom } from '../protocol/random.ts';
import { Pacing } from './pacing.ts';
import type { Invocation } from './workload-test.ts';

/** An operation with its moment and its worker. */
export interface OperationEvent extends Invocation {
  /** ms since the operations began. */
  readonly atMs: number;
  /** The number of its worker, which talks to the node `worker mod nodes`. */
  readonly worker: number;
}

/** A worker's number, and what it is to do. */
export interface Assignment {
  readonly worker: number;
  readonly invocation: Invocation;
}

export interface OperationSource {
  /** When there is next something to begin for one of the workers at leisure; undefined: nothing for these. */
  dueMs(free: readonly number[]): number | undefined;
  /** Draws what is due, and takes its worker out of `free`. */
  take(nowMs: number, free: number[]): Assignment;
}

/** Draws operations at the asked rate, each for a worker drawn among the free ones. */
export class DrawnOperations implements OperationSource {
  readonly #pacing: Pacing | undefined;
  readonly #random: SeededRandom;
  readonly #next: () => Invocation;

  constructor(ratePerSecond: number, next: () => Invocation, random: SeededRandom) {
    this.#pacing = ratePerSecond === 0 ? undefined : new Pacing(ratePerSecond, random.fork('pacing'));
    this.#random = random.fork('workers');
    this.#next = next;
  }

  dueMs(free: readonly number[]): number | undefined {
    return free.length === 0 ? undefined : this.#pacing?.dueMs;
  }

  take(nowMs: number, free: number[]): Assignment {
    this.#pacing?.begun(nowMs);
    const index = this.#random.integer(free.length);
    const worker = free[index] as number;
    free[index] = free[free.length - 1] as number;
    free.pop();
    return { worker, invocation: this.#next() };
  }
}

/** Repeats recorded operations. One whose worker is still busy begins as soon as it is not. */
export class RecordedOperations implements OperationSource {
  readonly #events: OperationEvent[];

  constructor(events: readonly OperationEvent[]) {
    this.#events = events.toSorted((one, other) => one.atMs - other.atMs);
  }

  dueMs(free: readonly number[]): number | undefined {
    return this.#events[this.#nextFor(free)]?.atMs;
  }

  take(_nowMs: number, free: number[]): Assignment {
    const [event] = this.#events.splice(this.#nextFor(free), 1);
    const { worker, f, value } = event as OperationEvent;
    free.splice(free.indexOf(worker), 1);
    return { worker, invocation: { f, value } };
  }

  #nextFor(free: readonly number[]): number {
    if (free.length === 0) return this.#events.length;
    const index = this.#events.findIndex(({ worker }) => free.includes(worker));
    return index < 0 ? this.#events.length : index;
  }
}
