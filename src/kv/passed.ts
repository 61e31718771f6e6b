/** How much time has passed on a machine that may have been asleep. */

import type { Clock } from '../protocol/clock.ts';

/** A moment by both clocks. */
export interface Moment {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

export function momentOf(clock: Clock): Moment {
  return { monotonicMs: clock.monotonicMs(), wallMs: clock.wallMs() };
}

/** By the clock that says more: a machine that was asleep may not have counted that time on its monotonic clock. */
export function passedMs(clock: Clock, since: Moment): number {
  return Math.max(clock.monotonicMs() - since.monotonicMs, clock.wallMs() - since.wallMs);
}
