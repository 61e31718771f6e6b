/**
 * Time that passes only when nothing is left to do. It jumps from one timer to the next; between two timers all pending
 * promises settle. So an hour takes only as long as its events, and the same events always happen in the same order.
 *
 * JavaScript does not report when its queue of promises is empty, so the host does (`settle`). The language fixes the
 * order within that queue.
 */

import { DeadlineQueue } from '../protocol/deadline-queue.ts';
import type { Scheduler } from '../protocol/scheduler.ts';
import { acting } from './acting.ts';

/** Timers that may go off at one moment. More are a loop in which no time passes. */
const STEPS_AT_ONCE_MAX = 1_000_000;

function describeStandstill(nowMs: number, nodeId = 'the run'): string {
  return `at ${nowMs} ms ${nodeId} made more than ${STEPS_AT_ONCE_MAX} steps and no time passed; in a loop, sleep longer than 0 ms`;
}

/** Calls back once no promise can make progress. */
export type Settle = (callback: () => void) => void;

export class VirtualTime implements Scheduler {
  readonly #settle: Settle;
  /** Callbacks, by when they are due, ms. Of timers due at the same moment, the one set first goes off first. */
  readonly #timers = new DeadlineQueue<() => void>();
  #nowMs = 0;
  #eventCount = 0;

  constructor(settle: Settle) {
    this.#settle = settle;
  }

  now(): number {
    return this.#nowMs;
  }

  /** How many timers are set. */
  get timerCount(): number {
    return this.#timers.length;
  }

  /** How many timers have fired so far. */
  get eventCount(): number {
    return this.#eventCount;
  }

  schedule(delayMs: number, callback: () => void): () => void {
    return this.#timers.push(this.#nowMs + Math.max(0, delayMs), callback);
  }

  /**
   * Lets time pass until `work` has settled, and settles in the same way. Rejects if no timer is left that could settle
   * it.
   */
  run<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      let over = false;
      work.then(
        (value) => {
          over = true;
          resolve(value);
        },
        (error: unknown) => {
          over = true;
          reject(error);
        },
      );
      let stepsAtOnce = 0;
      const step = () => {
        const { actor } = acting;
        acting.end();
        if (over) return;
        const timer = this.#timers.pop();
        if (timer === undefined) {
          reject(new Error(`at ${this.#nowMs} ms no timer is left, and the work is not done`));
          return;
        }
        stepsAtOnce = timer.deadline > this.#nowMs ? 0 : stepsAtOnce + 1;
        if (stepsAtOnce > STEPS_AT_ONCE_MAX) {
          reject(new Error(describeStandstill(this.#nowMs, actor?.nodeId)));
          return;
        }
        this.#nowMs = timer.deadline;
        this.#eventCount++;
        try {
          timer.value();
        } catch (error) {
          reject(error);
          return;
        }
        this.#settle(step);
      };
      this.#settle(step);
    });
  }
}
