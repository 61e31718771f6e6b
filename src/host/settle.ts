/**
 * Tells when the queue of promises is empty, many times and cheaply: Node empties it after every `setImmediate`
 * callback, also between those that were set together. So they are set in batches, and only every batch costs a turn of
 * the event loop, in which signals and timers of the real world get theirs.
 */

import type { Settle } from '../simulator/virtual-time.ts';

const BATCH_LENGTH = 256;

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
    for (let count = 0; count < BATCH_LENGTH; count++) setImmediate(onImmediate);
  };
}
