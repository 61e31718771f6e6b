/** The newest messages of a log in memory, and how a segment takes messages. */

import { describe, expect, it } from 'vitest';
import { SEGMENT_LENGTH_MAX } from '../../../src/workloads/kafka/limits.ts';
import { LogWindow } from '../../../src/workloads/kafka/log-window.ts';
import { type Entry, extendSegment, type Segment } from '../../../src/workloads/kafka/segments.ts';

const entries = (...ids: number[]): Entry[] => ids.map((id) => [String(id), `"${id}"`]);
const idsFrom = (window: LogWindow, offset: number, max = 100) => window.from(offset, max).map(([id]) => Number(id));

describe('the window of a log', () => {
  it('takes messages in their order, and knows those that overlap', () => {
    const window = new LogWindow(10);
    window.learn(0, entries(0, 1));
    window.learn(1, entries(1, 2, 3));
    window.learn(0, entries(0, 1, 2));
    expect([window.first, window.end, idsFrom(window, 0), idsFrom(window, 2, 1)]).toEqual([0, 4, [0, 1, 2, 3], [2]]);
  });

  it('keeps the newest ones only', () => {
    const window = new LogWindow(2);
    window.learn(0, entries(0, 1, 2));
    expect([window.first, window.end, idsFrom(window, 1)]).toEqual([1, 3, [1, 2]]);
    window.learn(3, entries(3, 4, 5));
    expect([window.first, window.end, idsFrom(window, 4)]).toEqual([4, 6, [4, 5]]);
  });

  it('leaves out what lies before a gap', () => {
    const window = new LogWindow(10);
    window.learn(0, entries(0, 1));
    window.learn(5, entries(5));
    expect([window.first, window.end, idsFrom(window, 5)]).toEqual([5, 6, [5]]);
    window.learn(0, entries(0, 1, 2));
    expect([window.first, window.end]).toEqual([5, 6]);
  });
});

describe('a segment', () => {
  const two: Segment = { base: 4, entries: entries(4, 5), closed: false };

  it('takes messages that it does not hold yet', () => {
    expect(extendSegment(undefined, 4, entries(4, 5), 9)).toEqual(two);
    expect(extendSegment(two, 0, entries(5, 6), 9)).toEqual({ base: 4, entries: entries(4, 5, 6), closed: false });
    expect(extendSegment(two, 0, entries(5, 4), 9)).toBeUndefined();
  });

  it('is closed when it has enough messages, or long ones, and then takes no more', () => {
    const full = extendSegment(two, 0, entries(6, 7, 8), 4) as Segment;
    expect(full).toMatchObject({ closed: true, base: 4, entries: { length: 5 } });
    expect(extendSegment(full, 0, entries(9), 100)).toBeUndefined();
    const long: Entry = ['6', 'x'.repeat(SEGMENT_LENGTH_MAX - 6)];
    expect(extendSegment(two, 0, [long], 100)?.closed).toBe(true);
    expect(extendSegment(two, 0, [['6', long[1].slice(1)]], 100)?.closed).toBe(false);
  });
});
