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
 * The system's clock, read at most once until the next microtask. Reading it costs as much as checking a message, and
 * the requests of a chunk arrive together.
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

/** Returns 32 random bits of the system's generator, which is read a few kilobytes at a time. */
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

/** The longest delay of a timer, 24.8 days. A longer one would fire at once. */
const DELAY_MS_MAX = 2 ** 31 - 1;

/** `setTimeout` as the core needs it: the function returned cancels the timer. */
export function setSystemTimer(delayMs: number, callback: () => void): () => void {
  const timer = setTimeout(callback, Math.min(delayMs, DELAY_MS_MAX));
  return () => clearTimeout(timer);
}
