/** Differences that last, and those that end by themselves. */

import { expect, it } from 'vitest';
import { Differences } from '../../../src/workloads/broadcast/differences.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const LASTING_MS = 1000;

function rig() {
  const clock = new ManualClock(0);
  const counts = new Map<string, number>();
  const set = { countOf: (origin: string, epoch: number) => counts.get(`${epoch} ${origin}`) ?? 0 };
  return { clock, counts, differences: new Differences(set, clock, LASTING_MS) };
}

it('are told when they have lasted, and again after as long', () => {
  const { clock, differences } = rig();
  differences.note('b', [['a', 1, 3]]);
  clock.pass(LASTING_MS - 1);
  expect([...differences.findLasting()]).toEqual([]);
  clock.pass(1);
  expect([...differences.findLasting()]).toEqual(['b']);
  expect([...differences.findLasting()]).toEqual([]);
  clock.pass(LASTING_MS);
  expect([...differences.findLasting()]).toEqual(['b']);
});

it('end when the log is known up to where they began, and are as old as their oldest entry', () => {
  const { clock, counts, differences } = rig();
  differences.note('b', [['a', 1, 3]]);
  clock.pass(LASTING_MS - 1);
  // Others join it. They are younger, and it is not made younger by them.
  differences.note('b', [['a', 1, 8]]);
  clock.pass(1);
  expect([...differences.findLasting()]).toEqual(['b']);
  counts.set('1 a', 3);
  clock.pass(LASTING_MS);
  expect([...differences.findLasting()]).toEqual([]);
  expect(differences.size).toBe(0);
});

it('begin anew behind one that ended', () => {
  const { clock, counts, differences } = rig();
  differences.note('b', [['a', 1, 3]]);
  counts.set('1 a', 3);
  clock.pass(LASTING_MS);
  differences.note('b', [['a', 1, 8]]);
  expect([...differences.findLasting()]).toEqual([]);
});

it('are asked of the last node that has them, each node once', () => {
  const { clock, differences } = rig();
  differences.note('b', [
    ['a', 1, 3],
    ['d', 1, 2],
  ]);
  differences.note('c', [
    ['a', 1, 3],
    ['d', 1, 2],
  ]);
  clock.pass(LASTING_MS);
  expect([...differences.findLasting()]).toEqual(['c']);
});

it('are none of what is known', () => {
  const { counts, differences } = rig();
  counts.set('1 a', 3);
  differences.note('b', [['a', 1, 3]]);
  expect(differences.size).toBe(0);
});
