/** Draws in proportion. */

import { describe, expect, it } from 'vitest';
import { Mix } from '../../src/harness/drawing.ts';
import { SeededRandom } from '../../src/protocol/random.ts';

describe('a mix', () => {
  it('is drawn from as the weights say, and never what has none', () => {
    const mix = new Mix([
      [3, 'often'],
      [0, 'never'],
      [1, 'seldom'],
    ]);
    const random = new SeededRandom('mix');
    const drawn = Array.from({ length: 10_000 }, () => mix.draw(random));
    expect(new Set(drawn)).toEqual(new Set(['often', 'seldom']));
    expect(drawn.filter((choice) => choice === 'often').length / drawn.length).toBeCloseTo(0.75, 1);
  });

  it('takes one number a draw, the same that a choice among as many as the weights add up to would', () => {
    const [random, other] = [new SeededRandom('mix'), new SeededRandom('mix')];
    const mix = new Mix([
      [2, 'a'],
      [1, 'b'],
    ]);
    for (let count = 0; count < 100; count++) expect(mix.draw(random)).toBe(other.pick(['a', 'a', 'b']));
  });
});
