/**
 * A lasting fault that recurs: quiet times and faults alternate. Both lengths are drawn uniformly from 0 to twice their
 * mean, as in Jepsen's partition nemesis.
 */

import type { SeededRandom } from '../protocol/random.ts';
import type { Scheduler } from '../protocol/scheduler.ts';

export interface RecurrenceOptions {
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  /** The mean quiet time. */
  readonly intervalMs: number;
  /** The mean length of the fault. */
  readonly durationMs: number;
  /** Injects the fault; the function returned undoes it. */
  readonly begin: (durationMs: number) => () => void;
}

export class Recurrence {
  readonly #options: RecurrenceOptions;
  #cancel: () => void = () => {};
  #undo: () => void = () => {};

  constructor(options: RecurrenceOptions) {
    this.#options = options;
  }

  /** Begins with a quiet time. */
  start(): void {
    const { scheduler, random, intervalMs, durationMs, begin } = this.#options;
    this.#cancel = scheduler.schedule(random.float() * 2 * intervalMs, () => {
      const lastsMs = Math.ceil(random.float() * 2 * durationMs);
      this.#undo = begin(lastsMs);
      this.#cancel = scheduler.schedule(lastsMs, () => {
        this.#undoOnce();
        this.start();
      });
    });
  }

  /** Undoes the current fault, and injects no more. */
  end(): void {
    this.#cancel();
    this.#undoOnce();
  }

  #undoOnce(): void {
    const undo = this.#undo;
    this.#undo = () => {};
    undo();
  }
}
