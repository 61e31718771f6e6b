/**
 * Whether the clients kept up: how often operations began, and which share of their time clients waited for lost
 * replies. Always valid. A client waits 5 s for a reply. With few clients and many lost messages the rate falls far
 * below the requested one, and the run proves less than it seems to.
 */

import type { History } from '../history/history.ts';
import type { Checker } from './checker.ts';
import { indexPairs } from './pairs.ts';

const NANOSECONDS_PER_MILLISECOND = 1e6;
const TIMEOUT_ERROR = 'net-timeout';
/** More clients are advised from this share of waiting time on, and below this share of the requested rate. */
const WAITING_FRACTION_MIN = 0.2;
const RATE_FRACTION_MIN = 0.9;

export interface ClientsOptions {
  /** The index of the first operation that is not counted. */
  readonly end: number;
  /** For how long operations began, ms. */
  readonly durationMs: number;
  /** Absent where operations come from a schedule. */
  readonly askedRatePerSecond?: number | undefined;
}

/** The options are read when the run is checked. */
export function clientsChecker(options: () => ClientsOptions): Checker {
  return {
    check({ concurrency }, history) {
      const { end, durationMs, askedRatePerSecond } = options();
      const length = Math.min(history.length, end);
      const { count, timeoutCount } = countOperations(history, length);
      if (count === 0 || durationMs <= 0) return { 'valid?': true, count };
      const waitingMs = timeoutCount === 0 ? 0 : sumWaitingMs(history, length, durationMs);
      const waitingFraction = waitingMs / (concurrency * durationMs);
      const ratePerSecond = (count * 1000) / durationMs;
      const figures = { 'valid?': true as const, count, rate: ratePerSecond, 'waiting-fraction': waitingFraction };
      const isSlow = askedRatePerSecond !== undefined && ratePerSecond < RATE_FRACTION_MIN * askedRatePerSecond;
      if (!isSlow || waitingFraction < WAITING_FRACTION_MIN) return figures;
      const percent = Math.round(waitingFraction * 100);
      const advice = `clients were waiting for lost answers ${percent} % of the time: raise --concurrency`;
      return { ...figures, 'asked-rate': askedRatePerSecond, advice };
    },
  };
}

function countOperations(history: History, length: number) {
  let count = 0;
  let timeoutCount = 0;
  for (let index = 0; index < length; index++) {
    if (history.isNemesisAt(index)) continue;
    const type = history.typeAt(index);
    if (type === 'invoke') count++;
    else if (type === 'info' && history.errorAt(index) === TIMEOUT_ERROR) timeoutCount++;
  }
  return { count, timeoutCount };
}

/** The time before `durationMs` that clients spent on requests that timed out, summed over all clients. */
function sumWaitingMs(history: History, length: number, durationMs: number): number {
  const endNs = durationMs * NANOSECONDS_PER_MILLISECOND;
  let waitingNs = 0;
  for (const { invocation, completion } of indexPairs(history)) {
    if (invocation >= length || history.errorAt(completion) !== TIMEOUT_ERROR) continue;
    waitingNs += Math.max(0, Math.min(history.timeAt(completion), endNs) - history.timeAt(invocation));
  }
  return waitingNs / NANOSECONDS_PER_MILLISECOND;
}
