/**
 * Whether a run had work to do until its end. A service that is sold out answers every request, even if it is broken.
 * So the run proves little if many operations succeeded in the last third of the time and none did new work: the
 * verdict is then unknown.
 */

import type { History } from '../history/history.ts';
import type { Checker } from './checker.ts';
import { asSentence } from './proof.ts';

/** Whether an operation that ended ok did new work. Called once for each of them, in the order of the history. */
export type CountWork = (f: string, value: unknown) => boolean;

/**
 * With fewer operations that ended ok in the last third nothing is judged: the run was short, or everything was broken.
 */
const OK_COUNT_MIN = 20;

/** @param end the index of the first operation that does not count; absent: all count */
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

/**
 * When the last third of the time of the operations begins, ns. The time goes from the first to the last operation of a
 * client.
 */
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
