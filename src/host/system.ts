/**
 * The real clock, randomness and timers of this machine.
 */

import { randomFillSync } from 'node:crypto';
import type { Clock } from '../protocol/clock.ts';

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};

/**
 * The system's clock, read at most once before the code that runs gives way (until the next microtask): reading it
 * costs as much as checking a message, and a chunk of requests arrives at one moment anyway.
 */
export function createTurnClock(): Clock {
  let monotonicMs: number | undefined;
  const forget = () => {
    monotonicMs = undefined;
  };
  return {
    wallMs: systemClock.wallMs,
    monotonicMs: () => {
      if (monotonicMs === undefined) {
        monotonicMs = systemClock.monotonicMs();
        queueMicrotask(forget);
      }
      return monotonicMs;
    },
  };
}

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

/** Timers know no longer delay, 24.8 days: beyond it they would go off at once. */
const DELAY_MS_MAX = 2 ** 31 - 1;

/** `setTimeout` as the core wants it: the function returned cancels. */
export function setSystemTimer(delayMs: number, callback: () => void): () => void {
  const timer = setTimeout(callback, Math.min(delayMs, DELAY_MS_MAX));
  return () => clearTimeout(timer);
}
