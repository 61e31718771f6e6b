/** What a map of recent entries keeps, and what it says of the others. */

import { expect, it } from 'vitest';
import { RecentMap } from '../../src/node/recent-map.ts';
import { ManualClock } from '../support/manual-clock.ts';

const WINDOW = { windowMs: 100, countMax: 3 };

it('keeps an entry for its time', () => {
  const clock = new ManualClock();
  const map = new RecentMap<number>(clock, WINDOW);
  map.set('a', 1);
  clock.pass(99);
  map.set('b', 2);
  expect(map.get('a')).toBe(1);
  clock.pass(1);
  expect([map.get('a'), map.get('b'), map.size]).toEqual([undefined, 2, 1]);
});

it('keeps the newest for longer', () => {
  const clock = new ManualClock();
  const map = new RecentMap<number>(clock, { ...WINDOW, countMin: 2 });
  for (const value of [1, 2, 3]) map.set(String(value), value);
  clock.pass(1000);
  expect([map.get('1'), map.get('2'), map.get('3')]).toEqual([undefined, 2, 3]);
});

it('gives a known key a new time and place', () => {
  const clock = new ManualClock();
  const map = new RecentMap<number>(clock, WINDOW);
  map.set('a', 1);
  map.set('b', 2);
  clock.pass(60);
  map.set('a', 3);
  clock.pass(60);
  expect([map.get('a'), map.get('b')]).toEqual([3, undefined]);
  map.set('c', 4);
  map.delete('a');
  expect([...map.values()]).toEqual([4]);
});

it('removes the oldest where there are too many, and tells which and how long it had left', () => {
  const clock = new ManualClock();
  const evicted: unknown[] = [];
  const map = new RecentMap<number>(clock, WINDOW, (value, untilMs) => evicted.push([value, untilMs]));
  for (const value of [1, 2, 3]) map.set(String(value), value);
  expect([map.next, evicted]).toEqual([1, []]);
  map.set('4', 4);
  expect([...map.values(), ...evicted]).toEqual([2, 3, 4, [1, 1100]]);
  clock.pass(100);
  expect(map.next).toBeUndefined();
  map.set('5', 5);
  expect([...map.values(), ...evicted]).toEqual([5, [1, 1100]]);
});

it('removes the oldest where all together are too long, and does not take what is too long by itself', () => {
  const evicted: number[] = [];
  const limits = { ...WINDOW, lengthMax: 10 };
  const map = new RecentMap<number>(new ManualClock(), limits, (value) => evicted.push(value));
  map.set('a', 1, 4);
  map.set('b', 2, 6);
  map.set('b', 3, 5);
  expect([[...map.values()], evicted]).toEqual([[1, 3], []]);
  map.set('c', 4, 5);
  expect([[...map.values()], evicted]).toEqual([[3, 4], [1]]);
  map.set('d', 5, 11);
  expect([[...map.values()], evicted]).toEqual([
    [3, 4],
    [1, 5],
  ]);
});
