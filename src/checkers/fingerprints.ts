/**
 * Fingerprints: 8 bytes that stand for a value, to search millions of values for one that recurs. Equal values have
 * equal fingerprints. So if all fingerprints differ, all values differ. Otherwise the values with recurring
 * fingerprints are compared themselves. A collision costs only that comparison, never a verdict.
 */

import { canonicalKey } from '../protocol/exact-json.ts';
import { hash53 } from '../protocol/hash.ts';

/** A number that equal values share, and different values almost never. */
export function fingerprint(value: unknown): number {
  if (typeof value === 'string') return hash53(value);
  return Number.isSafeInteger(value) ? (value as number) : hash53(canonicalKey(value));
}

/** The numbers that occur more than once. Sorts in place. */
export function recurring(numbers: Float64Array): ReadonlySet<number> {
  numbers.sort();
  const found = new Set<number>();
  let before = Number.NaN;
  for (const number of numbers) {
    if (number === before) found.add(number);
    before = number;
  }
  return found;
}
