/**
 * The simulator's time when nodes are processes: the machine's own monotonic clock and timers.
 */

import type { Scheduler } from '../simulator/scheduler.ts';

/** Timers know no longer delay, 24.8 days: beyond it they would go off at once. */
const DELAY_MS_MAX = 2 ** 31 - 1;

export function createRealScheduler(): Scheduler {
  const startMs = performance.now();
  return {
    now: () => performance.now() - startMs,
    schedule: (delayMs, callback) => {
      const timer = setTimeout(callback, Math.min(delayMs, DELAY_MS_MAX));
      return () => clearTimeout(timer);
    },
  };
}
