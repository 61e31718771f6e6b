import { expect, it } from 'vitest';
import { OctaveCounts } from '../../src/protocol/octave-counts.ts';

it('tells every number to half a bucket, at every power of two and beside it', () => {
  for (const bits of [5, 7]) {
    for (let power = 1; power < 2 ** 39; power *= 2) {
      for (const number of [power, power * 1.000001, power * 1.5, power * 1.999999]) {
        const counts = new OctaveCounts(bits, 40);
        counts.add(number);
        expect(Math.abs(counts.ofRank(1) - number) / number).toBeLessThanOrEqual(2 ** -(bits + 1));
      }
    }
  }
});

it('has numbers in the order of their ranks, as often as they came', () => {
  const counts = new OctaveCounts(5, 10);
  for (const number of [1000, 1, 8, 8]) counts.add(number);
  expect([1, 2, 3, 4].map((rank) => Math.round(counts.ofRank(rank)))).toEqual([1, 8, 8, 1000]);
});
