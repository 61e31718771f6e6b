/**
 * Calls back when the queue of promises is empty, often and cheaply. Node empties that queue after every `setImmediate`
 * callback, also between callbacks that were set together. So they are set in batches. Each batch costs one turn of the
 * event loop, in which real signals and timers are served.
 */

import type { Settle } from '../simulator/virtual-time.ts';

const BATCH_LENGTH = 256;

/** Node's own, also where a watch of an author's module puts another in its place. */
const setSoon = setImmediate;

export function createSettle(): Settle {
  let waiting: (() => void) | undefined;
  let outstanding = 0;
  const onImmediate = () => {
    outstanding--;
    const callback = waiting;
    waiting = undefined;
    callback?.();
  };
  return (callback) => {
    waiting = callback;
    if (outstanding > 0) return;
    outstanding = BATCH_LENGTH;
    for (let count = 0; count < BATCH_LENGTH; count++) setSoon(onImmediate);
  };
}
