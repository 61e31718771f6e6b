/**
 * Whether enough of what clients invoked was answered `ok`: everything for `'total'`, otherwise at least the fraction
 * named.
 *
 * Source: `maelstrom.checker/availability-checker`. There the fraction is a 32-bit float, which takes one failure in a
 * hundred million for none and 9 of 10 for less than 0.9; here it is a double, exact at both. An operation that was cut
 * off by the end of the run counts as not answered. With nothing invoked the fraction is 1, as in Maelstrom: that such
 * a run shows nothing is for `stats` to say.
 */

import type { Checker, CheckResult, TestFacts } from './checker.ts';

const FRACTION_DIGITS = 6;

/** @param end the index of the first operation that does not count; absent: all count */
export function availabilityChecker(end: () => number = () => Number.POSITIVE_INFINITY): Checker {
  return {
    check(test, history) {
      let invoked = 0;
      let ok = 0;
      const length = Math.min(history.length, end());
      for (let index = 0; index < length; index++) {
        if (history.isNemesisAt(index)) continue;
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
