/**
 * The earliest time at which a line that is read now may have arrived. After a pause of this process, lines that came
 * meanwhile look new, but their senders have been waiting since then.
 */

import type { Scheduler } from '../protocol/scheduler.ts';

const TICK_MS = 100;
/** A longer gap between two ticks is a stall. */
const GAP_MS_MAX = 2 * TICK_MS;

export class StallWatch {
  readonly #scheduler: Scheduler;
  #tickMs: number;
  /** The start of the stall that the last tick noticed; undefined: none. */
  #stalledSinceMs: number | undefined;
  #cancel: () => void = () => {};

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
    this.#tickMs = scheduler.now();
    this.#tick();
  }

  /** The earliest time at which a line that is read now can have arrived. */
  arrivalMs(): number {
    // Timers run after reads, so the tick may not have noticed the stall yet.
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
