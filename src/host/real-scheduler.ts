/**
 * The simulator's time when nodes are processes: the machine's own monotonic clock and timers.
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
