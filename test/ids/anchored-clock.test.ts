import { describe, expect, it } from 'vitest';
import { parseDurationMs } from '../../src/cli/options.ts';
import { AnchoredClock, type AnchoredClockOptions, ClockError, canGoOnFrom } from '../../src/ids/anchored-clock.ts';
import { EPOCH_MS, TIMESTAMP_MS_MAX } from '../../src/ids/snowflake.ts';
import { ManualClock, NEW_YEAR_MS } from '../support/manual-clock.ts';

const HOUR_MS = 3_600_000;
const YEAR_MS = 366 * 24 * HOUR_MS;

function anchor(clock: ManualClock, options: Partial<AnchoredClockOptions> = {}) {
  const warnings: string[] = [];
  const anchored = new AnchoredClock({ clock, warn: (text) => warnings.push(text), ...options });
  return { warnings, now: () => anchored.advance(clock.monotonicMs()), anchored };
}

describe('AnchoredClock', () => {
  it('starts at the later of wall clock and stored bound', () => {
    const clock = new ManualClock();
    expect(anchor(clock).now()).toBe(NEW_YEAR_MS);
    expect(anchor(clock, { storedBoundMs: NEW_YEAR_MS - 700 }).now()).toBe(NEW_YEAR_MS);
    expect(anchor(clock, { storedBoundMs: NEW_YEAR_MS + 700 }).now()).toBe(NEW_YEAR_MS + 700);
  });

  it('follows the monotonic clock while the wall clock steps back and stands still', () => {
    const clock = new ManualClock();
    const { now } = anchor(clock);
    clock.jump(-8 * HOUR_MS);
    clock.pass(10);
    expect(now()).toBe(NEW_YEAR_MS + 10);
    clock.monotonic += 5;
    expect(now()).toBe(NEW_YEAR_MS + 15);
  });

  it('is pulled forward by a wall clock that is ahead, and stays there when it steps back', () => {
    const clock = new ManualClock();
    const { now, warnings } = anchor(clock);
    clock.jump(2 * HOUR_MS);
    expect(now()).toBe(NEW_YEAR_MS + 2 * HOUR_MS);
    clock.jump(-2 * HOUR_MS);
    clock.pass(3);
    expect(now()).toBe(NEW_YEAR_MS + 2 * HOUR_MS + 3);
    expect(warnings).toEqual([]);
  });

  it('goes on by the monotonic clock from where the wall clock pulled it', () => {
    const clock = new ManualClock();
    const { now } = anchor(clock);
    clock.pass(10);
    now();
    clock.jump(1);
    expect(now()).toBe(NEW_YEAR_MS + 11);
    clock.monotonic += 5;
    expect(now()).toBe(NEW_YEAR_MS + 16);
  });

  it('names the monotonic reading at which the next millisecond begins', () => {
    const clock = new ManualClock();
    clock.monotonic = 1000.25;
    const { now, anchored } = anchor(clock);
    expect(anchored.stepAtMonotonicMs).toBe(1001.25);
    clock.monotonic = 1001.125;
    expect(now()).toBe(NEW_YEAR_MS);
    clock.monotonic = anchored.stepAtMonotonicMs;
    expect(now()).toBe(NEW_YEAR_MS + 1);
    expect(anchored.stepAtMonotonicMs).toBe(1002.25);
  });

  it.each([
    ['ahead of', 366 * 24 + 1],
    ['behind', -25],
  ])('refuses to start with the wall clock too far %s the stored bound', (words, hours) => {
    const clock = new ManualClock(NEW_YEAR_MS + hours * HOUR_MS);
    const gap = `${Math.abs(hours)} h ${words} the stored bound`;
    expect(() => anchor(clock, { storedBoundMs: NEW_YEAR_MS })).toThrow(ClockError);
    expect(() => anchor(clock, { storedBoundMs: NEW_YEAR_MS })).toThrow(gap);
    const maxSkewMs = Math.abs(hours) * HOUR_MS;
    expect(anchor(clock, { storedBoundMs: NEW_YEAR_MS, maxSkewMs }).now()).toBeGreaterThanOrEqual(NEW_YEAR_MS);
    expect(anchor(clock).now()).toBe(clock.wall);
  });

  it.each([
    ['72 h 18 min', 72.3 * HOUR_MS, 24 * HOUR_MS, '24 h', '74h', '49 h'],
    ['72 h', 72 * HOUR_MS, 24 * HOUR_MS, '24 h', '73h', '49 h'],
    ['24 h 59 min', 24 * HOUR_MS + 59 * 60_000, 24 * HOUR_MS, '24 h', '26h', '1 h'],
    ['24 h 1 min', 24 * HOUR_MS + 1, 24 * HOUR_MS, '24 h', '26h', '1 min'],
    ['24 h 1 min', 24 * HOUR_MS + 1, 24 * HOUR_MS - 0.5, '23 h 59 min', '26h', '1 min'],
    ['1 h', HOUR_MS, 10_000, '10 s', '2h', '1 h'],
    ['61.2 s', 61_200, 10_000, '10 s', '2h', '1 min'],
  ])('refuses a wall clock %s behind, and names the skew and for how long', (...row) => {
    const [gap, behindMs, maxSkewMs, believed, skew, stop] = row;
    const clock = new ManualClock(NEW_YEAR_MS - behindMs);
    const stored = { storedBoundMs: NEW_YEAR_MS };
    expect(() => anchor(clock, { ...stored, maxSkewMs })).toThrow(
      new ClockError(
        `the wall clock is ${gap} behind the stored bound of this node's ids, more than the ${believed} that are ` +
          `believed: set the clock right; if it is right already, start the node with --max-skew ${skew}, every time ` +
          `until it has been stopped for ${stop} in total; while it runs, its ids stay ahead of the clock`,
      ),
    );
    // The named skew has an hour to spare.
    const shouldBeEnough = { ...stored, maxSkewMs: parseDurationMs(1)(skew) };
    expect(anchor(new ManualClock(clock.wall - HOUR_MS), shouldBeEnough).now()).toBe(NEW_YEAR_MS);
  });

  it('refuses a wall clock far ahead, and names the skew that one start needs', () => {
    const clock = new ManualClock(NEW_YEAR_MS + 8785 * HOUR_MS);
    expect(() => anchor(clock, { storedBoundMs: NEW_YEAR_MS })).toThrow(
      new ClockError(
        "the wall clock is 8785 h ahead of the stored bound of this node's ids, more than the 8784 h that are " +
          'believed: set the clock right; if it is right already, start the node once with --max-skew 8786h',
      ),
    );
    clock.pass(HOUR_MS);
    const { now } = anchor(clock, { storedBoundMs: NEW_YEAR_MS, maxSkewMs: parseDurationMs(1)('8786h') });
    expect(now()).toBe(clock.wall);
  });

  it('starts by the wall clock after a weekend off, and after a year', () => {
    for (const hours of [64, 365 * 24]) {
      const clock = new ManualClock(NEW_YEAR_MS + hours * HOUR_MS);
      expect(anchor(clock, { storedBoundMs: NEW_YEAR_MS }).now()).toBe(clock.wall);
    }
  });

  it('starts at any timestamp of an id', () => {
    for (const wallMs of [EPOCH_MS, TIMESTAMP_MS_MAX]) {
      expect(anchor(new ManualClock(wallMs), { storedBoundMs: wallMs }).now()).toBe(wallMs);
    }
  });

  it('can believe no skew at all: then a clock that is behind stops it, and one that is ahead does not', () => {
    const options = { storedBoundMs: NEW_YEAR_MS, maxSkewMs: 0 };
    for (const aheadMs of [0, 1]) {
      expect(anchor(new ManualClock(NEW_YEAR_MS + aheadMs), options).now()).toBe(NEW_YEAR_MS + aheadMs);
    }
    expect(() => anchor(new ManualClock(NEW_YEAR_MS - 1), options)).toThrow('0.001 s behind the stored bound');
    for (const maxSkewMs of [-1, Number.NaN]) {
      expect(() => anchor(new ManualClock(), { maxSkewMs })).toThrow(RangeError);
    }
  });

  it.each([
    ['before the epoch', EPOCH_MS - 1, 'before 2025'],
    ['beyond the 41 bits', TIMESTAMP_MS_MAX + 1, 'after 2094'],
    ['not a number', Number.NaN, 'not a time'],
    ['endless', Number.POSITIVE_INFINITY, 'not a time'],
  ])('refuses to start with a wall clock that is %s', (_, wallMs, problem) => {
    expect(() => anchor(new ManualClock(wallMs))).toThrow(ClockError);
    expect(() => anchor(new ManualClock(wallMs))).toThrow(problem);
  });

  it('refuses to start with a stored bound that is not a timestamp of an id', () => {
    const clock = new ManualClock();
    expect(() => anchor(clock, { storedBoundMs: Number.NaN })).toThrow('stored bound');
    expect(() => anchor(clock, { storedBoundMs: TIMESTAMP_MS_MAX + 1, maxSkewMs: Infinity })).toThrow('used up');
  });

  it('refuses to start without a monotonic clock', () => {
    const clock = new ManualClock();
    clock.monotonic = Number.NaN;
    expect(() => anchor(clock)).toThrow('monotonic clock reads NaN');
  });

  it('does not follow one visit to the year 2090, and warns once while it lasts', () => {
    const clock = new ManualClock();
    const { now, warnings } = anchor(clock);
    clock.jump(64 * 365 * 24 * HOUR_MS);
    for (let step = 1; step <= 100; step++) {
      clock.pass(1);
      expect(now()).toBe(NEW_YEAR_MS + step);
    }
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('ahead of the clock of the ids, more than the 24 h that are believed');
  });

  it('warns once when the wall clock falls too far behind', () => {
    const clock = new ManualClock();
    const { now, warnings } = anchor(clock, { maxSkewMs: 2_000 });
    clock.jump(-2_000);
    now();
    expect(warnings).toEqual([]);
    clock.jump(-1);
    for (let step = 0; step < 10; step++) {
      clock.pass(60_000);
      now();
    }
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('2.001 s behind');
  });

  it('warns again of a new episode, but not more than once a minute', () => {
    const clock = new ManualClock();
    const { now, warnings } = anchor(clock);
    for (let flap = 0; flap < 100; flap++) {
      clock.jump(100 * HOUR_MS);
      now();
      clock.jump(-100 * HOUR_MS);
      clock.pass(1_000);
      now();
    }
    expect(warnings).toHaveLength(2);
  });

  it('warns again as soon as a minute is over', () => {
    const clock = new ManualClock();
    const { now, warnings } = anchor(clock);
    const flap = () => {
      clock.jump(100 * HOUR_MS);
      now();
      clock.jump(-100 * HOUR_MS);
      now();
      return warnings.length;
    };
    expect(flap()).toBe(1);
    clock.pass(59_999);
    expect(flap()).toBe(1);
    clock.pass(1);
    expect(flap()).toBe(2);
  });

  it.each([
    ['a millisecond ahead', 1, '0.001 s ahead of'],
    ['a millisecond behind', -1, '0.001 s behind'],
    ['no number', Number.NaN, 'not a number, unlike'],
  ])('says how far off a wall clock is that it does not believe, at %s', (_, aheadMs, words) => {
    const clock = new ManualClock();
    const { now, warnings } = anchor(clock, { maxSkewMs: 0 });
    clock.jump(aheadMs);
    expect(now()).toBe(NEW_YEAR_MS);
    expect(warnings).toEqual([
      `the wall clock is ${words} the clock of the ids, more than the 0 s that are believed; ids go on without it`,
    ]);
  });

  it('stands still, and never goes back, when the monotonic clock freezes, goes back or reads nonsense', () => {
    const clock = new ManualClock();
    const { now } = anchor(clock);
    clock.pass(50);
    clock.wall = NEW_YEAR_MS;
    expect(now()).toBe(NEW_YEAR_MS + 50);
    for (const reading of [1_050, 900, -5, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      clock.monotonic = reading;
      expect(now()).toBe(NEW_YEAR_MS + 50);
    }
    clock.monotonic = 1_060;
    expect(now()).toBe(NEW_YEAR_MS + 60);
  });

  it('does not follow a wall clock beyond the 41 bits, with any allowed skew', () => {
    const clock = new ManualClock();
    const { now, warnings } = anchor(clock, { maxSkewMs: Number.POSITIVE_INFINITY });
    clock.wall = TIMESTAMP_MS_MAX + 1;
    expect(now()).toBe(NEW_YEAR_MS);
    expect(warnings).toHaveLength(1);
    clock.wall = TIMESTAMP_MS_MAX;
    expect(now()).toBe(TIMESTAMP_MS_MAX);
  });
});

describe('canGoOnFrom', () => {
  it.each([
    ['the first timestamp', EPOCH_MS, EPOCH_MS, true],
    ['the last timestamp', TIMESTAMP_MS_MAX, TIMESTAMP_MS_MAX, true],
    ['a time before the first timestamp', EPOCH_MS - 1, EPOCH_MS, false],
    ['a time after the last timestamp', TIMESTAMP_MS_MAX + 1, TIMESTAMP_MS_MAX, false],
    ['a year ago', NEW_YEAR_MS, NEW_YEAR_MS + YEAR_MS, true],
    ['more than a year ago', NEW_YEAR_MS, NEW_YEAR_MS + YEAR_MS + 1, false],
    ['the skew ahead', NEW_YEAR_MS, NEW_YEAR_MS - 2 * HOUR_MS, true],
    ['more than the skew ahead', NEW_YEAR_MS, NEW_YEAR_MS - 2 * HOUR_MS - 1, false],
    ['a part of a millisecond further ahead', NEW_YEAR_MS, NEW_YEAR_MS - 2 * HOUR_MS - 0.5, false],
  ])('says of a bound that is %s what a clock will do', (_, storedBoundMs, wallMs, expected) => {
    const maxSkewMs = 2 * HOUR_MS;
    expect(canGoOnFrom(storedBoundMs, wallMs, maxSkewMs)).toBe(expected);
    const starting = () => anchor(new ManualClock(wallMs), { storedBoundMs, maxSkewMs });
    if (expected) expect(starting).not.toThrow();
    else expect(starting).toThrow(ClockError);
  });

  it('believes a skew of 24 h unless told otherwise', () => {
    expect(canGoOnFrom(NEW_YEAR_MS, NEW_YEAR_MS - 24 * HOUR_MS)).toBe(true);
    expect(canGoOnFrom(NEW_YEAR_MS, NEW_YEAR_MS - 24 * HOUR_MS - 1)).toBe(false);
  });
});
