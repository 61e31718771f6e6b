import { describe, expect, it } from 'vitest';
import { Pacing } from '../../src/harness/pacing.ts';
import { SeededRandom } from '../../src/protocol/random.ts';

/** When `count` operations are due. Each begins `latenessOf` ms after it was due. */
function dueTimes(pacing: Pacing, count: number, latenessOf: (index: number) => number = () => 0): number[] {
  return Array.from({ length: count }, (_, index) => {
    const { dueMs } = pacing;
    pacing.begun(dueMs + latenessOf(index));
    return dueMs;
  });
}

function pacing(ratePerSecond: number): Pacing {
  return new Pacing(ratePerSecond, new SeededRandom('pace'));
}

describe('pacing', () => {
  it('begins at once', () => {
    expect(pacing(0.001).dueMs).toBe(0);
  });

  it.each([0.5, 100, 20_000])('keeps the rate of %s/s over a long time', (rate) => {
    const times = dueTimes(pacing(rate), 100_001);
    const seconds = (times[100_000] as number) / 1000;
    expect(100_000 / seconds / rate).toBeGreaterThan(0.99);
    expect(100_000 / seconds / rate).toBeLessThan(1.01);
  });

  it('draws the gaps evenly from 0 to twice their mean', () => {
    const times = dueTimes(pacing(100), 100_001);
    const tenths = new Array<number>(10).fill(0);
    for (let index = 1; index < times.length; index++) {
      const gapMs = (times[index] as number) - (times[index - 1] as number);
      const tenth = Math.floor(gapMs / 2);
      tenths[tenth] = (tenths[tenth] as number) + 1;
    }
    expect(tenths).toHaveLength(10);
    expect(Math.min(...tenths)).toBeGreaterThan(9500);
    expect(Math.max(...tenths)).toBeLessThan(10_500);
  });

  it('makes up for the lateness of a timer: the schedule does not shift', () => {
    expect(dueTimes(pacing(100), 1000, (index) => (index % 3) * 12)).toEqual(dueTimes(pacing(100), 1000));
  });

  it('drops lateness beyond 25 ms, so that no burst follows a stall', () => {
    const stalled = pacing(1000);
    const undisturbed = pacing(1000);
    const firstGapMs = dueTimes(undisturbed, 2)[1] as number;
    stalled.begun(10_000);
    expect(stalled.dueMs).toBe(10_000 - 25 + firstGapMs);
    let overdue = 0;
    for (; stalled.dueMs <= 10_000; overdue++) stalled.begun(10_000);
    expect(overdue).toBeGreaterThan(10);
    expect(overdue).toBeLessThan(40);
  });

  it('draws the same gaps from the same seed', () => {
    expect(dueTimes(pacing(100), 100)).toEqual(dueTimes(pacing(100), 100));
    expect(dueTimes(pacing(100), 100)).not.toEqual(dueTimes(new Pacing(100, new SeededRandom('other')), 100));
  });
});
