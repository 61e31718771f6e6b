/**
 * Fingerprints: 8 bytes that stand for a value while millions are searched for one that recurs. Equal values have equal
 * ones, so when no two are equal after sorting, that is the proof; the values of those that recur are then compared
 * themselves. A collision costs that second look and never a verdict.
 */

import { canonicalKey } from '../protocol/exact-json.ts';

/** A number that equal values share and different ones nearly never do. */
export function fingerprint(value: unknown): number {
  if (typeof value === 'string') return hash(value);
  return Number.isSafeInteger(value) ? (value as number) : hash(canonicalKey(value));
}

/**
 * 53 bits of a text, from two chains of multiply and xor with an avalanche at the end (constants of MurmurHash3's
 * finalizer).
 */
function hash(text: string): number {
  let high = text.length;
  let low = ~text.length;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    high = Math.imul(high ^ code, 0x85ebca6b);
    low = Math.imul(low ^ code, 0xc2b2ae35);
  }
  high = Math.imul(high ^ (low >>> 16), 0xc2b2ae35);
  low = Math.imul(low ^ (high >>> 13), 0x85ebca6b);
  return ((high ^ (high >>> 16)) & 0x1fffff) * 2 ** 32 + ((low ^ (low >>> 16)) >>> 0);
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
