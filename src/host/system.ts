/**
 * The real clock, randomness and timers of this machine.
 */

import { randomFillSync } from 'node:crypto';
import type { Clock } from '../protocol/clock.ts';

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};

const RANDOM_WORDS = 1024;

/** 32 bits from the system's generator, fetched a few kilobytes at a time. */
export function createRandomUint32(): () => number {
  const words = new Uint32Array(RANDOM_WORDS);
  let next = RANDOM_WORDS;
  return () => {
    if (next === RANDOM_WORDS) {
      randomFillSync(words);
      next = 0;
    }
    return words[next++] as number;
  };
}

/** `setTimeout` as the core wants it: the function returned cancels. */
export function setSystemTimer(delayMs: number, callback: () => void): () => void {
  const timer = setTimeout(callback, delayMs);
  return () => clearTimeout(timer);
}
