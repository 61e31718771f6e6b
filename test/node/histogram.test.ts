import { describe, expect, it } from 'vitest';
import { Histogram } from '../../src/node/histogram.ts';
import { SeededRandom } from '../../src/protocol/random.ts';

const ERROR_MAX = 0.016;
const DAY_MS = 24 * 3_600_000;
const SHARES = [0.001, 0.01, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 1];

function histogramOf(values: readonly number[]): Histogram {
  const histogram = new Histogram();
  for (const value of values) histogram.record(value);
  return histogram;
}

/** The nearest rank, from the values themselves. */
function exactQuantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.max(Math.ceil(share * sorted.length), 1) - 1] as number;
}

/** The greatest relative error of any quantile. */
function errorOf(values: readonly number[]): number {
  const histogram = histogramOf(values);
  return Math.max(
    ...SHARES.map((share) => {
      const exact = exactQuantile(values, share);
      return Math.abs(histogram.quantile(share) - exact) / exact;
    }),
  );
}

const random = new SeededRandom('histogram');
/** Uniform in (0, 1]. */
const uniform = () => (random.uint32() + 1) / 2 ** 32;
const draw = (count: number, next: () => number) => Array.from({ length: count }, next);

describe('a histogram', () => {
  it.each([
    ['uniform', () => 1 + 999 * uniform()],
    ['exponential', () => 0.001 - 20 * Math.log(uniform())],
    ['log-uniform from 1 µs to ten days', () => 0.001 * (10 * DAY_MS * 1000) ** uniform()],
    ['two far peaks', () => (uniform() < 0.97 ? 0.05 + 0.01 * uniform() : 5000 + 100 * uniform())],
  ] as const)('tells the quantiles of %s data to 1.6 %', (_, next) => {
    for (const count of [1, 2, 3, 10, 1000, 20_000]) expect(errorOf(draw(count, next))).toBeLessThan(ERROR_MAX);
  });

  it('keeps its error bound at every power of two and next to it', () => {
    for (let ms = 0.001; ms < 10 * DAY_MS; ms *= 2) {
      // A greater one above, so that the maximum cannot make up for the bucket.
      for (const value of [ms * 0.999999, ms, ms * 1.000001, ms * 1.5].filter((near) => near >= 0.001)) {
        const told = histogramOf([value, 11 * DAY_MS]).quantile(0.5);
        expect(Math.abs(told - value) / value).toBeLessThan(ERROR_MAX);
      }
    }
  });

  it('counts, and knows its greatest value exactly', () => {
    const histogram = histogramOf([3, 1.2345, 7.654321, 2]);
    expect({ count: histogram.count, max: histogram.max }).toEqual({ count: 4, max: 7.654321 });
    expect(histogram.quantile(1)).toBe(7.654321);
  });

  it('that is empty reports 0', () => {
    const histogram = new Histogram();
    expect([histogram.count, histogram.max, histogram.quantile(0.5), histogram.quantile(1)]).toEqual([0, 0, 0, 0]);
  });

  it('counts durations below its resolution as 0', () => {
    const histogram = histogramOf([0, 0, 0.0005, 8]);
    expect([0.25, 0.5, 0.75].map((share) => histogram.quantile(share))).toEqual([0, 0, 0]);
    expect(histogram.quantile(1)).toBe(8);
  });

  it('tells the middle of the bucket of a value, of which there are 32 for every power of two', () => {
    for (const ms of [1.024, 1.0559]) expect(histogramOf([ms, 8]).quantile(0.5)).toBe(1.04);
    expect(histogramOf([1.056, 8]).quantile(0.5)).toBe(1.072);
    expect(histogramOf([0.001, 8]).quantile(0.5)).toBe(0.001015625);
  });

  it('tells no more than the greatest value of its last bucket', () => {
    expect(histogramOf([1.024, 1.024]).quantile(0.5)).toBe(1.024);
  });

  it('tells the quantiles of values above those that count as 0', () => {
    const histogram = histogramOf([0, 0, 1.024, 1.056, 8]);
    expect([0.4, 0.6, 0.8].map((share) => histogram.quantile(share))).toEqual([0, 1.04, 1.072]);
  });

  it('knows its greatest value below its resolution, too', () => {
    const histogram = histogramOf([0.0002, 0.0005, 0.0003]);
    expect([histogram.max, histogram.quantile(1)]).toEqual([0.0005, 0]);
  });

  it('counts invalid durations of a bad clock as 0', () => {
    const histogram = histogramOf([-1, Number.NaN, Number.NEGATIVE_INFINITY]);
    expect([histogram.count, histogram.max, histogram.quantile(0.5), histogram.quantile(1)]).toEqual([3, 0, 0, 0]);
  });

  it('counts durations beyond its range as the longest one', () => {
    const histogram = histogramOf([Number.POSITIVE_INFINITY, 1e300]);
    expect(histogram.max).toBe((2 ** 40 - 1) / 1000);
    expect(Math.abs(histogram.quantile(0.5) - histogram.max) / histogram.max).toBeLessThan(ERROR_MAX);
  });

  it('never reports more than its greatest value, and never goes down', () => {
    const values = draw(500, () => 0.001 - 3 * Math.log(uniform()));
    const histogram = histogramOf(values);
    let last = 0;
    for (let percent = 0; percent <= 100; percent++) {
      const told = histogram.quantile(percent / 100);
      expect(told).toBeGreaterThanOrEqual(last);
      expect(told).toBeLessThanOrEqual(histogram.max);
      last = told;
    }
  });
});
