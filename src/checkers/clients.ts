/**
 * Whether the clients kept up: how often operations began, and which share of their time clients waited for answers
 * that never came. Always valid. With few clients and many lost messages the rate falls far below the requested one,
 * and the run proves less than it seems to. Where nothing was lost, more clients are no remedy: the nodes did not
 * answer.
 */

import type { History } from '../history/history.ts';
import type { Checker } from './checker.ts';
import { indexPairs } from './pairs.ts';

const NANOSECONDS_PER_MILLISECOND = 1e6;
const TIMEOUT_ERROR = 'net-timeout';
/** More clients are advised from this share of waiting time on, and below this share of the requested rate. */
const WAITING_FRACTION_MIN = 0.2;
const RATE_FRACTION_MIN = 0.9;
/** A warning names so many nodes. */
const NAMED_NODES_MAX = 5;
/** A timer may fire a little early. */
const TIMER_ACCURACY = 0.99;

export interface ClientsOptions {
  /** The index of the first operation that is not counted. */
  readonly end: number;
  /** For how long operations began, ms. */
  readonly durationMs: number;
  /** Absent where operations come from a schedule: no rate is too low then. */
  readonly askedRatePerSecond?: number | undefined;
  /** Whether faults were planned. */
  readonly isFaulty: boolean;
  /** How long a client waits for an answer, ms. Absent where the workload says it for each operation. */
  readonly timeoutMs?: number | undefined;
}

export function clientsChecker(options: ClientsOptions): Checker {
  const { end, durationMs, askedRatePerSecond = 0, isFaulty, timeoutMs } = options;
  return {
    check({ nodes, concurrency }, history) {
      const length = Math.min(history.length, end);
      const { count, anyOk, anyTimeout } = countOperations(history, length);
      if (count === 0 || durationMs <= 0) return { 'valid?': true, count };
      const { waitingMs, unansweredCount } = anyTimeout
        ? measureWaits(history, length, durationMs, timeoutMs)
        : NO_WAITS;
      const waitingFraction = waitingMs / (concurrency * durationMs);
      const ratePerSecond = (count * 1000) / durationMs;
      const figures = {
        'valid?': true as const,
        count,
        rate: ratePerSecond,
        'waiting-fraction': waitingFraction,
        ...warnOfNodes(nodes, concurrency),
      };
      if (!isFaulty)
        return unansweredCount === 0 ? figures : { ...figures, note: describeSilence(unansweredCount, timeoutMs) };
      const isSlow = ratePerSecond < RATE_FRACTION_MIN * askedRatePerSecond;
      if (!anyOk || !isSlow || waitingFraction < WAITING_FRACTION_MIN) return figures;
      const percent = Math.round(waitingFraction * 100);
      const advice = `clients waited for answers that never came ${percent} % of the time: raise --concurrency`;
      return { ...figures, 'asked-rate': askedRatePerSecond, advice };
    },
  };
}

/** A worker talks to one node, so with fewer workers than nodes some are left alone. */
function warnOfNodes(nodes: readonly string[], concurrency: number) {
  const left = nodes.slice(concurrency);
  if (left.length === 0) return {};
  const named = left.length <= NAMED_NODES_MAX ? left : [...left.slice(0, NAMED_NODES_MAX), 'others'];
  const were = concurrency === 1 ? 'was 1 client' : `were ${concurrency} clients`;
  const warning =
    `No client talked to ${named.join(', ')}, not even at the end: there ${were} for ${nodes.length} nodes. ` +
    '--concurrency 1n has one for each.';
  return { 'nodes-without-clients': left, warning };
}

function describeSilence(count: number, timeoutMs: number | undefined): string {
  const requests = count === 1 ? '1 request' : `${count} requests`;
  const within = timeoutMs === undefined ? 'in time' : `within ${timeoutMs / 1000} s`;
  return `${requests} got no answer ${within}, though the harness injected no faults`;
}

function countOperations(history: History, length: number) {
  let count = 0;
  let [anyOk, anyTimeout] = [false, false];
  for (let index = 0; index < length; index++) {
    const type = history.typeAt(index);
    if (type === 'invoke') count++;
    else if (type === 'ok') anyOk = true;
    // An idempotent operation fails where another one is undecided.
    else if (history.errorAt(index) === TIMEOUT_ERROR) anyTimeout = true;
  }
  return { count, anyOk, anyTimeout };
}

const NO_WAITS = { waitingMs: 0, unansweredCount: 0 };

/**
 * The time before `durationMs` that clients spent on requests that timed out, summed over all clients. And how many of
 * these requests waited their full time: where a run is aborted, requests in flight end as timeouts.
 */
function measureWaits(history: History, length: number, durationMs: number, timeoutMs: number | undefined) {
  const endNs = durationMs * NANOSECONDS_PER_MILLISECOND;
  const timeoutNs = (timeoutMs ?? 0) * TIMER_ACCURACY * NANOSECONDS_PER_MILLISECOND;
  let waitingNs = 0;
  let unansweredCount = 0;
  for (const { invocation, completion } of indexPairs(history)) {
    if (invocation >= length || history.errorAt(completion) !== TIMEOUT_ERROR) continue;
    const [begin, end] = [history.timeAt(invocation), history.timeAt(completion)];
    waitingNs += Math.max(0, Math.min(end, endNs) - begin);
    if (end - begin >= timeoutNs) unansweredCount++;
  }
  return { waitingMs: waitingNs / NANOSECONDS_PER_MILLISECOND, unansweredCount };
}
