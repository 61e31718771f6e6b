/** Weighted random choice. */

import { describe, expect, it } from 'vitest';
import { WeightedChoice } from '../../src/harness/drawing.ts';
import { SeededRandom } from '../../src/protocol/random.ts';

describe('a weighted choice', () => {
  it('draws in proportion to the weights, and never a choice of weight 0', () => {
    const choice = new WeightedChoice([
      [3, 'often'],
      [0, 'never'],
      [1, 'seldom'],
    ]);
    const random = new SeededRandom('weights');
    const drawn = Array.from({ length: 10_000 }, () => choice.draw(random));
    expect(new Set(drawn)).toEqual(new Set(['often', 'seldom']));
    expect(drawn.filter((value) => value === 'often').length / drawn.length).toBeCloseTo(0.75, 1);
  });

  it('takes one number a draw, as a pick from a list with each choice repeated by its weight', () => {
    const [random, other] = [new SeededRandom('weights'), new SeededRandom('weights')];
    const choice = new WeightedChoice([
      [2, 'a'],
      [1, 'b'],
    ]);
    for (let count = 0; count < 100; count++) expect(choice.draw(random)).toBe(other.pick(['a', 'a', 'b']));
  });
});
