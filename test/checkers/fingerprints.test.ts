/** Fingerprints: equal values share one, and one that recurs is found. */

import { describe, expect, it } from 'vitest';
import { fingerprint, recurring } from '../../src/checkers/fingerprints.ts';
import { parseExact } from '../../src/protocol/exact-json.ts';

/** JSON values that are all different, each as text. */
const DIFFERENT = [
  '"a"',
  '"1"',
  '1',
  '-1',
  '0',
  '1.5',
  '9007199254740993',
  '9007199254740992',
  'null',
  '[1]',
  '{"a":1}',
];

describe('the fingerprints of values', () => {
  it('are equal where the values are', () => {
    for (const json of DIFFERENT) expect(fingerprint(parseExact(json)), json).toBe(fingerprint(parseExact(json)));
    expect(fingerprint(parseExact('{"b":2,"a":1}'))).toBe(fingerprint(parseExact('{"a":1,"b":2}')));
  });

  it('differ where the values do', () => {
    expect(new Set(DIFFERENT.map((json) => fingerprint(parseExact(json)))).size).toBe(DIFFERENT.length);
  });
});

describe('recurring', () => {
  it('finds each number that occurs more than once, wherever it is', () => {
    expect([...recurring(Float64Array.of(7, 2, 9, 2, 7, 1, 7, 10))]).toEqual([2, 7]);
    expect([...recurring(Float64Array.of(3, 3))]).toEqual([3]);
  });

  it('finds nothing among numbers that all differ', () => {
    expect([...recurring(Float64Array.of(3, 1, 2))]).toEqual([]);
    expect([...recurring(new Float64Array())]).toEqual([]);
  });
});
