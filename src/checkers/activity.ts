/**
 * Whether a run had work to do until its end. A service that is sold out answers every request and may be as wrong as
 * it likes about what it no longer does. So a run in which the last third of the time shows no new work, although a lot
 * was answered, proves little: it is of unknown validity.
 */

import type { History } from '../history/history.ts';
import type { Checker } from './checker.ts';
import { asSentence } from './proof.ts';

/** Says whether an operation that ended ok did new work. Called once for each of them, in the order of the history. */
export type CountWork = (f: string, value: unknown) => boolean;

/**
 * Fewer operations that ended ok than this in the last third show nothing: the run was short, or everything was broken.
 */
const OK_COUNT_MIN = 20;

/**
 * @param end the index of the first operation that does not count; absent: all count
 */
export function activityChecker(
  createWorkCounter: () => CountWork,
  end: () => number = () => Number.POSITIVE_INFINITY,
): Checker {
  return {
    check(_test, history) {
      const didWork = createWorkCounter();
      const length = Math.min(history.length, end());
      const lastThirdTime = findLastThird(history, length);
      let [workCount, lastThirdCount, lastThirdOkCount] = [0, 0, 0];
      for (let index = 0; index < length; index++) {
        if (history.isNemesisAt(index) || history.typeAt(index) !== 'ok') continue;
        const work = didWork(history.functionAt(index), history.valueAt(index)) ? 1 : 0;
        workCount += work;
        if (history.timeAt(index) < lastThirdTime) continue;
        lastThirdOkCount++;
        lastThirdCount += work;
      }
      const idle = lastThirdCount === 0 && lastThirdOkCount >= OK_COUNT_MIN;
      const error = describeIdleness(lastThirdOkCount);
      return {
        'valid?': idle ? ('unknown' as const) : true,
        'work-count': workCount,
        'last-third-count': lastThirdCount,
        'last-third-fraction': workCount === 0 ? 0 : lastThirdCount / workCount,
        ...(idle ? { error, summary: asSentence(error) } : {}),
      };
    },
  };
}

/** When the last third of the time of the operations begins, ns: counted from the first one of a client to the last. */
function findLastThird(history: History, length: number): number {
  let [first, last] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let index = 0; index < length; index++) {
    if (history.isNemesisAt(index)) continue;
    first = Math.min(first, history.timeAt(index));
    last = Math.max(last, history.timeAt(index));
  }
  return last - (last - first) / 3;
}

function describeIdleness(okCount: number): string {
  const count = okCount.toLocaleString('en-US');
  return `the workload was idle: none of the ${count} operations that succeeded in the last third of the run did new work`;
}
