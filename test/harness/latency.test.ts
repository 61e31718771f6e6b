import { describe, expect, it } from 'vitest';
import { createLatency, LATENCY_DISTRIBUTIONS, type LatencyDistributionName } from '../../src/harness/latency.ts';
import { SeededRandom } from '../../src/protocol/random.ts';

const DRAWS = 100_000;

function draws(name: LatencyDistributionName, meanMs: number, seed = 'latency', count = DRAWS): number[] {
  const draw = createLatency(name, meanMs, new SeededRandom(seed));
  return Array.from({ length: count }, draw);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

describe.each(LATENCY_DISTRIBUTIONS)('%s latency', (name) => {
  it('is whole milliseconds, none below 0', () => {
    expect(draws(name, 7).filter((delayMs) => !(Number.isInteger(delayMs) && delayMs >= 0))).toEqual([]);
  });

  it('is always 0 for a mean of 0', () => {
    expect(new Set(draws(name, 0))).toEqual(new Set([0]));
  });

  it('is drawn from the seed alone', () => {
    expect(draws(name, 50, 'a', 100)).toEqual(draws(name, 50, 'a', 100));
  });
});

describe('constant latency', () => {
  it('is the mean, every time', () => {
    expect(new Set(draws('constant', 13))).toEqual(new Set([13]));
  });
});

describe('uniform latency', () => {
  it('takes every value from 0 to twice the mean about as often', () => {
    const counts = new Array<number>(21).fill(0);
    for (const delayMs of draws('uniform', 10)) counts[delayMs] = (counts[delayMs] as number) + 1;
    expect(counts).toHaveLength(21);
    expect(Math.min(...counts) / (DRAWS / 21)).toBeGreaterThan(0.93);
    expect(Math.max(...counts) / (DRAWS / 21)).toBeLessThan(1.07);
  });

  it('differs from seed to seed', () => {
    expect(draws('uniform', 50, 'a', 100)).not.toEqual(draws('uniform', 50, 'b', 100));
  });
});

describe('exponential latency', () => {
  it('has the given mean, less half a millisecond for rounding down', () => {
    expect(mean(draws('exponential', 100))).toBeGreaterThan(98.5);
    expect(mean(draws('exponential', 100))).toBeLessThan(100.5);
  });

  it('exceeds its mean in e^-1 of the draws, and five times its mean in e^-5', () => {
    const delays = draws('exponential', 100);
    expect(delays.filter((delayMs) => delayMs >= 100).length / DRAWS).toBeCloseTo(Math.exp(-1), 2);
    expect(delays.filter((delayMs) => delayMs >= 500).length / DRAWS).toBeCloseTo(Math.exp(-5), 2);
  });

  it('is finite for every draw', () => {
    const atTheEnds = [0, 1 - 2 ** -53].map((float) =>
      createLatency('exponential', 100, Object.assign(new SeededRandom(0), { float: () => float }))(),
    );
    expect(atTheEnds.map(Math.abs)).toEqual([0, 3673]);
  });
});
