import { describe, expect, it } from 'vitest';
import {
  LinearScale,
  LogScale,
  niceStep,
  timeDigits,
  writeCount,
  writeDuration,
  writeInstant,
  writeNumber,
  writeRunTime,
  writeShare,
  writeTime,
} from '../../src/report/scales.ts';

describe('a nice step', () => {
  it.each([
    [1, 1],
    [1.01, 2],
    [2, 2],
    [2.5, 5],
    [5.1, 10],
    [999.9999999999999, 1000],
    [0.03, 0.05],
    [7e8, 1e9],
    [1e-9, 1e-9],
  ])('at least %s is %s', (least, step) => {
    expect(niceStep(least)).toBeCloseTo(step, 12);
  });
});

describe('a linear scale', () => {
  const ticksOf = (max: number, ticksMax?: number) => new LinearScale(max, ticksMax).ticks(String);

  it('has ticks in equal steps from zero to what holds the greatest value', () => {
    expect(ticksOf(87)).toEqual(['0', '20', '40', '60', '80', '100'].map((text, index) => ({ at: index * 200, text })));
  });

  it('has no more steps than requested, for any greatest value', () => {
    for (const max of [1e-12, 0.3, 1, 1.01, 9.99, 10, 49, 50, 51, 99.999, 123_456, 6e9, 2 ** 53]) {
      for (const ticksMax of [1, 2, 5, 6, 10]) {
        const ticks = ticksOf(max, ticksMax);
        expect(ticks.length).toBeLessThanOrEqual(ticksMax + 1);
        expect(ticks.length).toBeGreaterThanOrEqual(2);
        expect(ticks.at(-1)?.at).toBe(1000);
        expect(Number(ticks.at(-1)?.text)).toBeGreaterThanOrEqual(max * (1 - 1e-9));
      }
    }
  });

  it('stands for nothing at all too', () => {
    const scale = new LinearScale(0);
    expect(scale.at(0)).toBe(0);
    expect(scale.max).toBeGreaterThan(0);
  });
});

describe('a logarithmic scale', () => {
  it('has a tick a decade, from below the least value to above the greatest', () => {
    expect(new LogScale(3e3, 2e6).ticks(writeDuration)).toEqual([
      { at: 0, text: '1 µs' },
      { at: 250, text: '10 µs' },
      { at: 500, text: '100 µs' },
      { at: 750, text: '1 ms' },
      { at: 1000, text: '10 ms' },
    ]);
  });

  it('ends at a value that is a power of ten', () => {
    expect(new LogScale(1e3, 1e6).ticks(String).map(({ text }) => text)).toEqual([
      '1000',
      '10000',
      '100000',
      '1000000',
    ]);
  });

  it.each([1, 1e3, 2.5e6, 1e9])('holds all values where all are %s', (value) => {
    const scale = new LogScale(value, value);
    expect(scale.ticks(String)).toHaveLength(2);
    expect(scale.at(value)).toBeGreaterThanOrEqual(0);
    expect(scale.at(value)).toBeLessThan(1000);
  });

  it('finds the value that lies at a place', () => {
    const scale = new LogScale(1e3, 1e7);
    expect(scale.valueAt(scale.at(1e5))).toBeCloseTo(1e5, 3);
  });
});

describe('written figures', () => {
  it.each([
    [0, '0 ns'],
    [0.2, '0.2 ns'],
    [999, '999 ns'],
    [45_670, '45.7 µs'],
    [3.2e6, '3.2 ms'],
    [999_499, '999 µs'],
    [999_600, '1 ms'],
    [999.6e6, '1 s'],
    [1.8e9, '1.8 s'],
    [3600e9, '3600 s'],
  ])('have a duration of %s ns as %s', (nanoseconds, text) => {
    expect(writeDuration(nanoseconds)).toBe(text);
  });

  it('have a time in seconds with as many digits as tell its neighbours apart', () => {
    expect([writeTime(0), writeTime(1.5e9), writeTime(100e9), writeTime(1_234_567, 0)]).toEqual([
      '0 s',
      '1.5 s',
      '100 s',
      '0 s',
    ]);
    for (const step of [1, 50, 1e3, 2e5, 5e6, 1e9]) {
      const texts = Array.from({ length: 7 }, (_, index) => writeTime(index * step, timeDigits(step)));
      expect(new Set(texts).size).toBe(7);
      expect(texts.join()).not.toContain('e');
    }
  });

  it('have an instant in ms, to the µs', () => {
    expect([0, 1234.4e6, 12_345_678_901].map(writeInstant)).toEqual(['0 ms', '1,234.4 ms', '12,345.679 ms']);
  });

  it('have the time that a run lasted in seconds from a second on', () => {
    expect([0, 45e6, 999.4e6, 1e9, 3610.44e9].map(writeRunTime)).toEqual([
      '0 ns',
      '45 ms',
      '999 ms',
      '1 s',
      '3610.4 s',
    ]);
  });

  it('have a share of 100 % for all and of 0 % for none only', () => {
    expect([0, 1e-7, 0.4384236, 0.98765, 0.99998, 0.9999999, 1].map(writeShare)).toEqual([
      '0 %',
      '0.00001 %',
      '43.84 %',
      '98.77 %',
      '99.998 %',
      '99.99999 %',
      '100 %',
    ]);
  });

  it('have counts with commas, and other figures with four digits', () => {
    expect([0, 999, 1000, 1_234_567].map(writeCount)).toEqual(['0', '999', '1,000', '1,234,567']);
    expect([2, 2.01222, 0.0001234567, 12_345.678].map((value) => writeNumber(value))).toEqual([
      '2',
      '2.012',
      '0.0001235',
      '12,346',
    ]);
  });
});
