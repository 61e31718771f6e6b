/** Latency: quantiles of what ended ok, exact for few and within one per cent for many. */

import { describe, expect, it } from 'vitest';
import { Latencies, latencyChecker } from '../../src/checkers/latency.ts';
import type { History } from '../../src/history/history.ts';
import { fail, type HandwrittenOperation, handwritten, info, invoke, ok, THREE_NODES } from '../support/histories.ts';

function check(history: History) {
  return latencyChecker().check(THREE_NODES, history);
}

/** The definition, on a sorted list. */
function nearestRank(sorted: readonly number[], percent: number): number {
  return sorted[Math.ceil((percent * sorted.length) / 100) - 1] as number;
}

describe('latency', () => {
  it('has only a count when nothing ended ok', () => {
    const empty = { 'valid?': true, count: 0 };
    expect(check(handwritten())).toEqual(empty);
    expect(check(handwritten(invoke(0, 'a'), info(0, 'a'), invoke(1, 'a'), fail(1, 'a'), invoke(2, 'a')))).toEqual(
      empty,
    );
  });

  it('measures from the invocation to the ok of the same process', () => {
    const history = handwritten(
      invoke(0, 'a', null, 0),
      invoke(1, 'a', null, 10),
      ok(1, 'a', null, 12.5),
      ok(0, 'a', null, 40),
      invoke(1, 'a', null, 50),
      info(1, 'a', null, 5050),
    );
    expect(check(history)).toEqual({ 'valid?': true, count: 2, min: 2.5, p50: 2.5, p95: 40, p99: 40, max: 40 });
  });

  it('is exact by nearest rank for a thousand operations', () => {
    const operations: HandwrittenOperation[] = [];
    for (let number = 1000; number >= 1; number--) operations.push(invoke(0, 'a', null, 0), ok(0, 'a', null, number));
    expect(check(handwritten(...operations))).toEqual({
      'valid?': true,
      count: 1000,
      min: 1,
      p50: 500,
      p95: 950,
      p99: 990,
      max: 1000,
    });
  });

  it('stays within one per cent for many, over eight orders of magnitude', () => {
    const latencies = new Latencies();
    const values: number[] = [];
    let state = 12345;
    for (let index = 0; index < 200_000; index++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      const value = Math.floor(10 ** (2 + (8 * state) / 2 ** 32));
      values.push(value);
      latencies.add(value);
    }
    values.sort((left, right) => left - right);
    expect(latencies.count).toBe(values.length);
    expect(latencies.min).toBe(values[0]);
    expect(latencies.max).toBe(values.at(-1));
    for (const percent of [0.1, 1, 25, 50, 75, 95, 99, 99.9, 100]) {
      const exact = nearestRank(values, percent);
      expect(Math.abs(latencies.percentile(percent) - exact) / exact).toBeLessThan(0.01);
    }
  });

  it('does not lose accuracy to a bucket when all latencies are one', () => {
    const latencies = new Latencies();
    for (let index = 0; index < 100_000; index++) latencies.add(1_234_567);
    expect(latencies.percentile(50)).toBe(1_234_567);
    const zeros = new Latencies();
    for (let index = 0; index < 100_000; index++) zeros.add(0);
    expect(zeros.percentile(99)).toBe(0);
  });

  it('agrees on both sides of the change from exact to counted', () => {
    const latencies = new Latencies();
    for (let value = 1; value <= 16_384; value++) latencies.add(value * 1000);
    const exact = latencies.percentile(95);
    expect(exact).toBe(15_565_000);
    latencies.add(16_385_000);
    expect(Math.abs(latencies.percentile(95) - exact) / exact).toBeLessThan(0.01);
  });

  it('is the middle of a bucket, one of 128 for every power of two, from the 16,385th on', () => {
    const latencies = new Latencies();
    for (let value = 1; value <= 16_385; value++) latencies.add(value * 1000);
    // The rank of 15,566,000. Between 2^23 and 2^24 buckets are 2^16 wide.
    expect(latencies.percentile(95)).toBe(15_564_800);
  });

  it('counts what took no time as a nanosecond, before the change and after it', () => {
    const latencies = new Latencies();
    for (let index = 0; index < 20_000; index++) {
      latencies.add(0);
      latencies.add(1_000_000);
    }
    expect(latencies.percentile(50)).toBeLessThan(1.01);
    expect(latencies.percentile(51)).toBeGreaterThan(990_000);
  });

  it('has no quantile of nothing, and every quantile of one', () => {
    const latencies = new Latencies();
    expect(latencies.percentile(50)).toBeNaN();
    latencies.add(7);
    expect([1, 50, 100].map((percent) => latencies.percentile(percent))).toEqual([7, 7, 7]);
  });

  it('takes in what comes after a quantile was asked', () => {
    const latencies = new Latencies();
    for (const value of [5, 3]) latencies.add(value);
    expect(latencies.percentile(100)).toBe(5);
    latencies.add(4);
    expect([1, 50, 100].map((percent) => latencies.percentile(percent))).toEqual([3, 4, 5]);
  });
});
