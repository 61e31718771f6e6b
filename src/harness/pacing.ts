/**
 * When the next operation is due. Gaps are drawn uniformly from 0 to twice the mean, over all workers together, as in
 * Jepsen's `stagger`.
 *
 * Jepsen does not make up for lateness, so it reaches 912 operations a second where 1000 were requested. Here lateness
 * from the coarseness of timers is made up for. Lateness because every worker is busy is not, so no burst follows a
 * stall.
 */

import type { SeededRandom } from '../protocol/random.ts';

const LATENESS_MS_MAX = 25;

export class Pacing {
  readonly #gapMeanMs: number;
  readonly #random: SeededRandom;
  #dueMs = 0;

  /** @param ratePerSecond operations a second, more than 0 */
  constructor(ratePerSecond: number, random: SeededRandom) {
    this.#gapMeanMs = 1000 / ratePerSecond;
    this.#random = random;
  }

  /** When the next operation is due, ms since the start. */
  get dueMs(): number {
    return this.#dueMs;
  }

  /** Notes that the due operation began at `nowMs`. */
  begun(nowMs: number): void {
    this.#dueMs = Math.max(this.#dueMs, nowMs - LATENESS_MS_MAX) + this.#random.float() * 2 * this.#gapMeanMs;
  }
}
