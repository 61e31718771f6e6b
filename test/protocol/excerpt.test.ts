import { describe, expect, it } from 'vitest';
import { excerpt } from '../../src/protocol/excerpt.ts';

describe('an excerpt', () => {
  it.each([
    ['four', 4, 'four'],
    ['fours', 4, 'four…'],
    ['abc😀', 5, 'abc😀'],
    ['abc😀d', 5, 'abc😀…'],
    ['abc😀d', 4, 'abc…'],
    ['😀😀', 1, '…'],
  ])('of %j, %i units long at most, is %j', (text, lengthMax, expected) => {
    expect(excerpt(text, lengthMax)).toBe(expected);
  });

  it('ends in another mark on request, only if it is cut', () => {
    expect(excerpt('abcdef', 3, ' (and so on)')).toBe('abc (and so on)');
    expect(excerpt('abc', 3, ' (and so on)')).toBe('abc');
  });
});
