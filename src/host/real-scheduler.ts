/**
 * The scheduler of a run whose nodes are processes: this machine's monotonic clock and timers.
 */

import type { Scheduler } from '../protocol/scheduler.ts';
import { setSystemTimer } from './system.ts';

export function createRealScheduler(): Scheduler {
  const startMs = performance.now();
  return {
    now: () => performance.now() - startMs,
    schedule: setSystemTimer,
  };
}
