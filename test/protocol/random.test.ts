/**
 * The seeded generator must match the reference vectors of xoshiro128**, and its draws must be uniform, independent and
 * repeatable.
 */

import { describe, expect, it } from 'vitest';
import { SeededRandom, xoshiro128 } from '../../src/protocol/random.ts';

const draw = (random: SeededRandom, count = 8) => Array.from({ length: count }, () => random.uint32());

/** Pearson's statistic of counts that should be equal. */
function chiSquare(counts: readonly number[]): number {
  const expected = counts.reduce((sum, count) => sum + count, 0) / counts.length;
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
}

describe('SeededRandom', () => {
  it('reproduces the reference outputs of xoshiro128**', () => {
    const state = Int32Array.of(1, 2, 3, 4);
    const reference = [
      11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804,
    ];
    expect(reference.map(() => xoshiro128(state))).toEqual(reference);
  });

  it('draws the same numbers on every platform and in every version', () => {
    expect(draw(new SeededRandom(42), 4)).toEqual([1130527598, 2850826552, 3245138611, 2547976419]);
  });

  it('treats a number and its text as the same seed, and distinguishes all other seeds', () => {
    expect(draw(new SeededRandom(7))).toEqual(draw(new SeededRandom('7')));
    const seeds = [...Array(5000).keys(), -1, 0.5, 2 ** 40, '', ' ', 'a', 'ab', 'ba', '\0', '\0\0', 'ä', '😀'];
    expect(new Set(seeds.map((seed) => draw(new SeededRandom(seed), 2).join())).size).toBe(seeds.length);
  });

  it('changes half of the bits for a neighbouring seed', () => {
    let changed = 0;
    for (let seed = 0; seed < 1000; seed++) {
      const difference = new SeededRandom(seed).uint32() ^ new SeededRandom(seed + 1).uint32();
      changed += (difference >>> 0).toString(2).replaceAll('0', '').length;
    }
    expect(changed / 1000).toBeGreaterThan(15.5);
    expect(changed / 1000).toBeLessThan(16.5);
  });

  it('draws integers uniformly', () => {
    const random = new SeededRandom('integers');
    for (const bound of [2, 3, 10, 32]) {
      const counts = new Array<number>(bound).fill(0);
      for (let run = 0; run < 20_000; run++) (counts[random.integer(bound)] as number)++;
      // Five standard deviations above the mean of the distribution.
      expect(chiSquare(counts)).toBeLessThan(bound - 1 + 5 * Math.sqrt(2 * (bound - 1)));
    }
  });

  it('has no bias towards small integers if the bound is a large part of the range', () => {
    const random = new SeededRandom('bias');
    const bound = 3 * 2 ** 30;
    let low = 0;
    for (let run = 0; run < 20_000; run++) if (random.integer(bound) < 2 ** 30) low++;
    // A remainder without rejection would give 10,000.
    expect(low).toBeGreaterThan(6300);
    expect(low).toBeLessThan(7000);
  });

  it('draws beyond 32 bits up to the greatest safe integer', () => {
    const random = new SeededRandom('wide');
    const drawn = Array.from({ length: 2000 }, () => random.integer(Number.MAX_SAFE_INTEGER));
    expect(drawn.every((value) => Number.isSafeInteger(value) && value >= 0)).toBe(true);
    expect(new Set(drawn.map((value) => Math.floor(value / 2 ** 50))).size).toBe(8);
    expect(new Set(drawn.map((value) => value % 8)).size).toBe(8);
  });

  it.each([0, -1, 1.5, Number.NaN, 2 ** 53])('refuses a bound of %d', (bound) => {
    expect(() => new SeededRandom(1).integer(bound)).toThrow(RangeError);
  });

  it('draws floats in [0, 1) with 53 bits', () => {
    const random = new SeededRandom('floats');
    const drawn = Array.from({ length: 10_000 }, () => random.float());
    expect(Math.min(...drawn)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...drawn)).toBeLessThan(1);
    expect(drawn.reduce((sum, value) => sum + value, 0) / drawn.length).toBeCloseTo(0.5, 1);
    expect(drawn.some((value) => (value * 2 ** 53) % 2 === 1)).toBe(true);
    expect(drawn.every((value) => Number.isInteger(value * 2 ** 53))).toBe(true);
  });

  it('forks streams that depend on the label alone, not on what was drawn before', () => {
    const random = new SeededRandom(1);
    const early = draw(random.fork('network'));
    draw(random);
    expect(draw(random.fork('network'))).toEqual(early);
    const others = [
      random.fork('client'),
      random.fork(''),
      random.fork('network').fork(''),
      new SeededRandom('network'),
      random,
    ];
    for (const other of others) expect(draw(other)).not.toEqual(early);
    expect(draw(random.fork('a').fork('b'))).not.toEqual(draw(random.fork('b').fork('a')));
  });

  it('shuffles into every order equally often and leaves the original alone', () => {
    const random = new SeededRandom('shuffle');
    const items = Object.freeze(['a', 'b', 'c', 'd']);
    const counts = new Map<string, number>();
    for (let run = 0; run < 24_000; run++) {
      const order = random.shuffle(items).join('');
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(24);
    expect(chiSquare([...counts.values()])).toBeLessThan(23 + 5 * Math.sqrt(46));
  });

  it('picks every item and refuses to pick from nothing', () => {
    const random = new SeededRandom('pick');
    expect(new Set(Array.from({ length: 100 }, () => random.pick(['a', 'b', 'c']))).size).toBe(3);
    expect(() => random.pick([])).toThrow(RangeError);
  });
});
