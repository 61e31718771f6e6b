/** The order of ids: numbers by value however they are written, and everything else as Clojure compares it. */

import { describe, expect, it } from 'vitest';
import { parseExact } from '../../../../src/protocol/exact-json.ts';
import { comparableIds, compareIds } from '../../../../src/workloads/unique-ids/checker/id-order.ts';

/** Every list is in ascending order. */
const ASCENDING: readonly (readonly [string, readonly unknown[]])[] = [
  ['numbers', [-2, -1.5, 0, 0.5, 1, 9, 10, 2 ** 53]],
  [
    'numbers that JavaScript cannot hold',
    [
      '-1e400',
      '-9007199254740993',
      '-9007199254740992',
      '-1',
      '0',
      '5e-324',
      '0.1',
      '9007199254740992',
      '9007199254740993',
      '9007199254740993.5',
      '9007199254740996.0',
      '9007199254740997',
      '90071992547409930',
      '99999999999999999999999',
      '1e23',
      '1e400',
    ].map(parseExact),
  ],
  ['strings', ['', '10', '9', 'B', 'a', 'aa', '\u{1F600}', '\uFFFD']],
  ['booleans', [false, true]],
  ['arrays', [[], [2], [10], [1, 1], [1, 2]]],
  ['types', [null, true, 5, 'a', [1], { a: 1 }, { a: 2 }]],
];

describe('compareIds', () => {
  it.each(ASCENDING)('orders %s', (_name, ids) => {
    for (const [index, id] of ids.entries()) {
      for (const [otherIndex, other] of ids.entries()) {
        expect([id, other, Math.sign(compareIds(id, other))]).toEqual([id, other, Math.sign(index - otherIndex)]);
      }
    }
  });

  it('finds one value in 1, 1.0 and 1e0, and zero in all its forms', () => {
    for (const text of ['1.0', '1e0', '0.1e1', '10E-1', '1.000']) expect(compareIds(1, parseExact(text))).toBe(0);
    for (const text of ['0.0', '-0.0', '0e5']) expect(Math.abs(compareIds(0, parseExact(text)))).toBe(0);
    expect(compareIds(parseExact('9007199254740992'), parseExact('9007199254740992.0'))).toBe(0);
    expect(compareIds(parseExact('-1e400'), parseExact('-1e401'))).toBe(0);
  });

  it('takes what is missing for null', () => {
    expect(compareIds(undefined, null)).toBe(0);
    expect(compareIds(undefined, false)).toBeLessThan(0);
    expect(comparableIds(undefined, null)).toBe(true);
  });

  it('throws for a number that no JSON has', () => {
    expect(() => compareIds(NaN, 1)).toThrow('not a JSON number: NaN');
  });
});

describe('comparableIds', () => {
  it('is true within a type and false across types and for objects', () => {
    expect(comparableIds('a', 'b')).toBe(true);
    expect(comparableIds(1, parseExact('9007199254740993'))).toBe(true);
    expect(comparableIds([1], ['a', 'b'])).toBe(true);
    expect(comparableIds(1, '1')).toBe(false);
    expect(comparableIds([1], { 0: 1 })).toBe(false);
    expect(comparableIds({ a: 1 }, { a: 2 })).toBe(false);
  });
});
