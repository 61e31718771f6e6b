/**
 * Availability while nothing is broken: from the start to the first fault, and from some time after healing to the next
 * fault. Requests that begin and end in such a window must be answered. Faults of the nemesis are in the history, but
 * the fates of single messages are not. Without knowledge of these nothing is demanded.
 */

import type { TestFacts } from '../../../checkers/checker.ts';
import { type FaultStep, faultStep } from '../../../checkers/fault-steps.ts';
import { Findings } from '../../../checkers/findings.ts';
import type { History } from '../../../history/history.ts';
import type { Attempt } from './record.ts';

const NANOSECONDS_PER_SECOND = 1e9;
/** For this long after the end of a fault nothing is demanded. */
const REST_NANOSECONDS = 3 * NANOSECONDS_PER_SECOND;
/** As long as a client waits for a reply. */
const TIMEOUT_NANOSECONDS = 5 * NANOSECONDS_PER_SECOND;
const JUDGED_COUNT_MIN = 20;
const OK_FRACTION_MIN = 0.9;
/**
 * A transfer takes fourteen messages one after the other, more where others want its accounts, and its client waits 5
 * s. With 60 ms one in forty is late, with 100 ms one in eight.
 */
const JUDGED_LATENCY_MS_MAX = 50;
/** Limits at which a node rightly refuses transfers for lack of room. */
const REFUSING_LIMITS = ['inFlight', 'listed', 'requests'] as const;

interface Window {
  readonly begin: number;
  readonly end: number;
}

export class AvailabilityRule {
  readonly #findings = new Findings();
  readonly #judged: boolean;
  #okCount = 0;
  #otherCount = 0;

  constructor(
    { hitMessageCount, latencyMeanMs = 0, nodeLimits = {} }: TestFacts,
    history: History,
    attempts: readonly Attempt[],
  ) {
    const hasRoom = REFUSING_LIMITS.every((name) => nodeLimits[name] === undefined);
    this.#judged = hitMessageCount === 0 && latencyMeanMs <= JUDGED_LATENCY_MS_MAX && hasRoom;
    this.#count(history, attempts);
    const count = this.#okCount + this.#otherCount;
    const fraction = this.#okCount / count;
    if (!this.#judged || count < JUDGED_COUNT_MIN || fraction >= OK_FRACTION_MIN) return;
    const facts = { ok: this.#okCount, other: this.#otherCount, 'ok-fraction': fraction };
    this.#findings.add('too few transfers were answered while nothing was broken', facts);
  }

  report() {
    return { ...this.#findings.report(), ok: this.#okCount, other: this.#otherCount, judged: this.#judged };
  }

  #count(history: History, attempts: readonly Attempt[]): void {
    const windows = findQuietWindows(history);
    let number = 0;
    for (const { wellFormed, invocation, operation, ok } of attempts) {
      const begin = history.timeAt(invocation);
      while (number < windows.length && (windows[number] as Window).end < begin) number++;
      const window = windows[number];
      if (window === undefined) return;
      const end = operation === undefined ? begin + TIMEOUT_NANOSECONDS : history.timeAt(operation);
      if (!wellFormed || begin < window.begin || end >= window.end || isUnknownAccount(history, operation)) continue;
      if (ok) this.#okCount++;
      else this.#otherCount++;
    }
  }
}

/** Whether a request was refused because an account does not exist. If that is wrong, `accounts-are-right` finds it. */
function isUnknownAccount(history: History, operation: number | undefined): boolean {
  if (operation === undefined || history.typeAt(operation) !== 'fail') return false;
  const error = history.errorAt(operation);
  return Array.isArray(error) && error[0] === 'key-does-not-exist';
}

/**
 * The windows in which nothing was broken, in order. One that ends before it begins holds nothing. At the end Maelstrom
 * heals everything, also what is not broken. That ends no fault.
 */
function findQuietWindows(history: History): Window[] {
  const windows: Window[] = [];
  const counts = new Map<string, number>();
  let begin = 0;
  for (let index = 0; index < history.length; index++) {
    if (!history.isNemesisAt(index)) continue;
    const { f, value, time } = history.at(index);
    const step = faultStep(f);
    if (step === undefined) continue;
    const { kind } = step;
    const wasQuiet = counts.size === 0;
    const count = Math.max(0, (counts.get(kind) ?? 0) + changeOf(step, value));
    if (count === 0) counts.delete(kind);
    else counts.set(kind, count);
    const isQuiet = counts.size === 0;
    if (wasQuiet && !isQuiet) windows.push({ begin, end: time });
    if (!wasQuiet && isQuiet) begin = time + REST_NANOSECONDS;
  }
  // Beyond the last operation, so that it is inside.
  const end = history.length === 0 ? 0 : history.timeAt(history.length - 1) + 1;
  if (counts.size === 0) windows.push({ begin, end });
  return windows;
}

/**
 * 1 for the begin of a fault, -1 for an end. Every step is written twice. An announcement of a begin has null or a text
 * as its value, the begin itself the affected nodes. An end has null at first, and then a text.
 */
function changeOf({ kind, does }: FaultStep, value: unknown): number {
  if (does === 'begin') return typeof value === 'object' && value !== null ? 1 : 0;
  // A clock that was set back while its node was down stays so for the rest of the run.
  return kind !== 'clock-restart' && value !== null ? -1 : 0;
}
