/**
 * Whether a run had work to do until its end. A service that is sold out answers every request, even if it is broken.
 * And a service that dies in peace breaks no other rule. So the run proves little if nothing succeeded in the last
 * third of the time, or if many operations succeeded then and none did new work: the verdict is then unknown.
 */

import type { History } from '../history/history.ts';
import type { Checker } from './checker.ts';
import { asSentence } from './proof.ts';

/** Whether an operation that ended ok did new work. Called once for each of them, in the order of the history. */
export type CountWork = (f: string, value: unknown) => boolean;

export interface ActivityOptions {
  /** The index of the first operation that does not count. */
  readonly end: number;
  /** For how long operations were begun, ms. Later answers are no work of the run: it waits for the last ones. */
  readonly operationsMs: number;
  /** Whether faults were planned. They may last for a third of the run. */
  readonly isFaulty: boolean;
}

/** With fewer operations that ended ok, before the last third or in it, the run was short or everything was broken. */
const OK_COUNT_MIN = 20;
const NANOSECONDS_PER_MILLISECOND = 1e6;
const NANOSECONDS_PER_SECOND = 1e9;

export function activityChecker(createWorkCounter: () => CountWork, options: ActivityOptions): Checker {
  return {
    check(_test, history) {
      const counts = countActivity(history, createWorkCounter(), options);
      const { workCount, lastThirdCount } = counts;
      const error = (options.isFaulty ? undefined : describeDeath(counts)) ?? describeIdleness(counts);
      return {
        'valid?': error === undefined ? true : ('unknown' as const),
        'work-count': workCount,
        'last-third-count': lastThirdCount,
        'last-third-fraction': workCount === 0 ? 0 : lastThirdCount / workCount,
        ...(error === undefined ? {} : { error, summary: asSentence(error) }),
      };
    },
  };
}

interface Activity {
  readonly workCount: number;
  readonly lastThirdCount: number;
  /** Operations that ended ok before the last third, and in it. */
  readonly earlierOkCount: number;
  readonly lastThirdOkCount: number;
  /** When the last operation that counts ended ok, ns. */
  readonly lastOkTime: number;
  /** Whether an operation was begun in the last third, or was still without an answer then. */
  readonly isAsked: boolean;
  /** Whether an operation ended ok in the last third or later. */
  readonly isAnswered: boolean;
}

/** The last third is that of the time in which operations were begun. */
function countActivity(history: History, didWork: CountWork, { end, operationsMs }: ActivityOptions): Activity {
  const endTime = operationsMs * NANOSECONDS_PER_MILLISECOND;
  const lastThirdTime = (endTime * 2) / 3;
  let [workCount, lastThirdCount, earlierOkCount, lastThirdOkCount, lastOkTime] = [0, 0, 0, 0, 0];
  let [openCount, isAsked, isAnswered] = [0, false, false];
  for (let index = 0; index < history.length && index < end; index++) {
    if (history.isNemesisAt(index)) continue;
    const [type, time] = [history.typeAt(index), history.timeAt(index)];
    const isLate = time >= lastThirdTime;
    if (!isLate) openCount += type === 'invoke' ? 1 : -1;
    // What was answered late was asked late, or it was open.
    else isAsked = true;
    if (type !== 'ok') continue;
    isAnswered ||= isLate;
    if (time > endTime) continue;
    const work = didWork(history.functionAt(index), history.valueAt(index)) ? 1 : 0;
    workCount += work;
    lastOkTime = time;
    if (!isLate) earlierOkCount++;
    else {
      lastThirdOkCount++;
      lastThirdCount += work;
    }
  }
  isAsked ||= openCount > 0;
  return { workCount, lastThirdCount, earlierOkCount, lastThirdOkCount, lastOkTime, isAsked, isAnswered };
}

function describeDeath({ earlierOkCount, lastOkTime, isAsked, isAnswered }: Activity): string | undefined {
  if (isAnswered || !isAsked || earlierOkCount < OK_COUNT_MIN) return undefined;
  const last = `the last one succeeded at ${(lastOkTime / NANOSECONDS_PER_SECOND).toFixed(1)} s`;
  return `no operation succeeded in the last third of the run; ${last}`;
}

function describeIdleness({ lastThirdCount, lastThirdOkCount }: Activity): string | undefined {
  if (lastThirdCount > 0 || lastThirdOkCount < OK_COUNT_MIN) return undefined;
  const count = lastThirdOkCount.toLocaleString('en-US');
  return `the workload was idle: none of the ${count} operations that succeeded in the last third of the run did new work`;
}
