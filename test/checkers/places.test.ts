/** The order in real time. */

import { describe, expect, it } from 'vitest';
import { byCompletion, countBelow, isBefore } from '../../src/checkers/places.ts';

describe('an operation', () => {
  const first = { invocation: 0, operation: 3 };
  const overlapping = { invocation: 2, operation: 7 };
  const later = { invocation: 4, operation: 5 };

  it('is before another one that begins after it ended', () => {
    expect(isBefore(first, later)).toBe(true);
    expect(isBefore(later, first)).toBe(false);
    expect(isBefore(first, overlapping)).toBe(false);
    expect(isBefore(overlapping, first)).toBe(false);
  });

  it('has its place by its completion, whenever it began', () => {
    expect([overlapping, later, first].sort(byCompletion)).toEqual([first, later, overlapping]);
    expect([first, overlapping, later].sort(byCompletion)).toEqual([first, later, overlapping]);
  });
});

describe('countBelow', () => {
  it('counts the numbers below a bound, not the bound itself', () => {
    const ascending = [2, 4, 4, 9];
    expect([1, 2, 3, 4, 5, 9, 10].map((bound) => countBelow(ascending, bound))).toEqual([0, 0, 1, 1, 3, 3, 4]);
    expect(countBelow([], 5)).toBe(0);
  });
});
