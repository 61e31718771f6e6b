/**
 * Liveness: once no fault is in force, a node must serve within a stated time. A system that is safe only because it
 * does nothing does not pass.
 */

import type { OperationType } from '../history/operation.ts';
import type { Scheduler } from '../protocol/scheduler.ts';

/** Every node must serve again within this time after the healing, ms. */
export const RECOVERY_MS_MAX = 10_000;

const RETRY_MS = 100;

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
