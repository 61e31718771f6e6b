/**
 * Whether enough of the invoked operations ended `ok`: all of them for `'total'`, otherwise at least the given
 * fraction.
 *
 * Source: `maelstrom.checker/availability-checker`. Its fraction is a 32-bit float: it overlooks one failure in a
 * hundred million, and rejects 9 of 10 for 0.9. Here it is a double, exact at both. An operation that the end of the
 * run cut off counts as not answered. Without any invocation the fraction is 1, as in Maelstrom: `stats` reports such a
 * run.
 */

import type { Checker, CheckResult, TestFacts } from './checker.ts';

const FRACTION_DIGITS = 6;

/** @param end the index of the first operation that does not count; absent: all count */
export function availabilityChecker(end = Number.POSITIVE_INFINITY): Checker {
  return {
    check(test, history) {
      let invoked = 0;
      let ok = 0;
      for (let index = 0; index < history.length && index < end; index++) {
        // What the nemesis writes is `info`.
        const type = history.typeAt(index);
        if (type === 'invoke') invoked++;
        else if (type === 'ok') ok++;
      }
      return availabilityResult(test.availability, ok, invoked);
    },
  };
}

/** The verdict on `ok` of `invoked` operations. */
export function availabilityResult(required: TestFacts['availability'], ok: number, invoked: number): CheckResult {
  const fraction = invoked === 0 ? 1 : ok / invoked;
  const valid = required === undefined || fraction >= (required === 'total' ? 1 : required);
  return { 'valid?': valid, 'ok-fraction': fraction, ...(valid ? {} : { summary: summarize(fraction) }) };
}

function summarize(fraction: number): string {
  const rounded = Number(fraction.toPrecision(FRACTION_DIGITS));
  return `Only ${rounded === 1 ? fraction : rounded} of all operations were ok.`;
}
