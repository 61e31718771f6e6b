/**
 * The scheduler of a run whose nodes are processes: this machine's monotonic clock and timers.
 *
 * The clock is read once for all that happens at a time. A chunk of output holds the replies of many operations: all of
 * them arrived when it was read, and all that follows them is sent in one write.
 */

import type { Scheduler } from '../protocol/scheduler.ts';
import { createTurnClock, setSystemTimer } from './system.ts';

export function createRealScheduler(): Scheduler {
  const clock = createTurnClock();
  const startMs = clock.monotonicMs();
  return {
    now: () => clock.monotonicMs() - startMs,
    schedule: setSystemTimer,
  };
}
