/**
 * When a line that is read now may have arrived at the earliest. A process that was stopped, or starved, finds what
 * came meanwhile waiting, and would take it for new; its sender has been waiting all the while.
 */

import type { Scheduler } from '../protocol/scheduler.ts';

const TICK_MS = 100;
/** A tick that comes later than this comes after a stall. */
const GAP_MS_MAX = 2 * TICK_MS;

export class StallWatch {
  readonly #scheduler: Scheduler;
  #tickMs: number;
  /** When the stall began that was noticed at the last tick; undefined: there was none. */
  #stalledSinceMs: number | undefined;
  #cancel: () => void = () => {};

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
    this.#tickMs = scheduler.now();
    this.#tick();
  }

  /** The earliest moment at which what is read now can have arrived. */
  arrivalMs(): number {
    // Timers come after what was read: the tick may not have noticed yet.
    const nowMs = this.#scheduler.now();
    if (nowMs - this.#tickMs > GAP_MS_MAX) return this.#tickMs;
    return this.#stalledSinceMs ?? nowMs;
  }

  stop(): void {
    this.#cancel();
  }

  #tick(): void {
    const nowMs = this.#scheduler.now();
    this.#stalledSinceMs = nowMs - this.#tickMs > GAP_MS_MAX ? this.#tickMs : undefined;
    this.#tickMs = nowMs;
    this.#cancel = this.#scheduler.schedule(TICK_MS, () => this.#tick());
  }
}
