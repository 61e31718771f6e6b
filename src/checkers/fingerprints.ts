/**
 * Fingerprints: 8 bytes that stand for a value while millions are searched for one that recurs. Equal values have equal
 * ones, so when no two are equal after sorting, that is the proof; the values of those that recur are then compared
 * themselves. A collision costs that second look and never a verdict.
 */

import { canonicalKey } from '../protocol/exact-json.ts';
import { hash53 } from '../protocol/hash.ts';

/** A number that equal values share and different ones nearly never do. */
export function fingerprint(value: unknown): number {
  if (typeof value === 'string') return hash53(value);
  return Number.isSafeInteger(value) ? (value as number) : hash53(canonicalKey(value));
}

/** The numbers that are there more than once. Sorts in place. */
export function recurring(numbers: Float64Array): ReadonlySet<number> {
  numbers.sort();
  const found = new Set<number>();
  for (let index = 1; index < numbers.length; index++) {
    if (numbers[index] === numbers[index - 1]) found.add(numbers[index] as number);
  }
  return found;
}
