/**
 * How many operations of clients completed, and how: overall and for each function.
 *
 * A function is valid when at least one of its operations was ok, and a run is valid when all its functions are; `crash` and
 * `debug-topic-partitions`, which may fail always, are excused. Source: `jepsen.checker/stats` inside
 * `jepsen.tests.kafka/stats-checker`, the way Maelstrom's `core.clj` puts them together.
 * Two differences are meant. To Jepsen a run in which nothing completed is valid, here it is `unknown`, because it shows nothing. And what is asked
 * after everything was healed is not counted, but shows that a function works, where anything worked before: under all faults at once there are
 * runs in which a dozen operations of one kind all get lost.
 */

import type { Checker } from './checker.ts';

const EXCUSED: ReadonlySet<string> = new Set(['crash', 'debug-topic-partitions']);

interface Counts {
  ok: number;
  fail: number;
  info: number;
}

/** @param end the index of the first operation that is not counted; absent: all are */
export function statsChecker(end: () => number = () => Number.POSITIVE_INFINITY): Checker {
  return {
    check(_test, history) {
      const all = noCounts();
      const byFunction = new Map<string, Counts>();
      const countedLength = Math.min(history.length, end());
      /** Functions that were ok after the end. */
      const working = new Set<string>();
      for (let index = 0; index < history.length; index++) {
        const type = history.typeAt(index);
        if (type === 'invoke' || history.isNemesisAt(index)) continue;
        const f = history.functionAt(index);
        if (index >= countedLength) {
          if (type === 'ok') working.add(f);
          continue;
        }
        let counts = byFunction.get(f);
        if (counts === undefined) {
          counts = noCounts();
          byFunction.set(f, counts);
        }
        counts[type]++;
        all[type]++;
      }
      const functions = [...byFunction].sort(([left], [right]) => (left < right ? -1 : 1));
      const works = (f: string, counts: Counts) => counts.ok > 0 || (all.ok > 0 && working.has(f));
      const details = {
        ...summary(all),
        'by-f': Object.fromEntries(
          functions.map(([f, counts]) => [f, { 'valid?': works(f, counts), ...summary(counts) }]),
        ),
      };
      if (functions.length === 0) return { 'valid?': 'unknown', error: 'no operation was completed', ...details };
      return { 'valid?': functions.every(([f, counts]) => EXCUSED.has(f) || works(f, counts)), ...details };
    },
  };
}

function noCounts(): Counts {
  return { ok: 0, fail: 0, info: 0 };
}

function summary(counts: Counts) {
  return {
    count: counts.ok + counts.fail + counts.info,
    'ok-count': counts.ok,
    'fail-count': counts.fail,
    'info-count': counts.info,
  };
}
