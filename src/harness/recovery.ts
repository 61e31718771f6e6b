/**
 * Liveness: once no fault is in force, a node must serve within a stated time. A system that is safe only because it
 * does nothing does not pass.
 */

import type { OperationType } from '../history/operation.ts';
import type { Scheduler } from '../protocol/scheduler.ts';

/** Unless the bed says otherwise, every node must serve again within this time after the healing, ms. */
const RECOVERY_MS_MAX = 10_000;
/**
 * It may wait for so many round trips, one after the other, in addition. The network of the run makes these slow, not
 * the node. What our own nodes are slowest at takes 75.
 */
const ROUND_TRIPS_MAX = 100;

const RETRY_MS = 100;

/**
 * Within which time every node must serve again, ms.
 *
 * @param latencyMeanMs mean delay of a message between nodes, ms
 * @param atOnceMs the time on a network without latency
 */
export function recoveryMsMax(latencyMeanMs: number, atOnceMs = RECOVERY_MS_MAX): number {
  return atOnceMs + ROUND_TRIPS_MAX * 2 * latencyMeanMs;
}

/**
 * Retries until `act` ends ok. Resolves to how long that took, ms; undefined if it was not ok in time.
 *
 * @param withinMs asked after each try, since the time may be extended
 */
export async function persist(
  act: (onEnd: (type: OperationType) => void) => void,
  withinMs: () => number,
  { scheduler, over }: { readonly scheduler: Scheduler; readonly over: () => boolean },
): Promise<number | undefined> {
  const startMs = scheduler.now();
  for (;;) {
    const type = await new Promise<OperationType>(act);
    const takenMs = scheduler.now() - startMs;
    if (over() || takenMs > withinMs()) return undefined;
    if (type === 'ok') return takenMs;
    await new Promise<void>((resolve) => scheduler.schedule(RETRY_MS, resolve));
  }
}
