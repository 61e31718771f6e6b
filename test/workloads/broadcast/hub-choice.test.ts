/** Which node is the hub, and who succeeds it. */

import { expect, it } from 'vitest';
import { HubChoice, SILENT_MS } from '../../../src/workloads/broadcast/hub-choice.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const NODES = ['a', 'b', 'c', 'd'];

function choiceOf(nodeId: string) {
  const clock = new ManualClock(0);
  return { clock, choice: new HubChoice({ nodeId, nodeIds: NODES, clock }) };
}

it('is the first node, for itself at any time and for others as long as they hear it', () => {
  const first = choiceOf('a');
  first.clock.pass(100 * SILENT_MS);
  expect(first.choice.isOwn).toBe(true);
  expect(first.choice.target).toBe('a');
  const third = choiceOf('c');
  for (let count = 0; count < 5; count++) {
    third.clock.pass(SILENT_MS - 1);
    expect(third.choice.target).toBe('a');
    expect(third.choice.hear('a')).toBe('followed');
  }
  expect(third.choice.isOwn).toBe(false);
});

it('is succeeded by the next one, each after one more period of silence', () => {
  const { clock, choice } = choiceOf('c');
  clock.pass(SILENT_MS);
  expect([choice.isOwn, choice.target]).toEqual([false, 'b']);
  clock.pass(SILENT_MS);
  expect([choice.isOwn, choice.target]).toEqual([true, 'c']);
  clock.pass(10 * SILENT_MS);
  expect([choice.isOwn, choice.target]).toEqual([true, 'c']);
});

it('is followed when it takes over, and given up for one with a lower index', () => {
  const { clock, choice } = choiceOf('d');
  expect(choice.hear('b')).toBe('ignored');
  clock.pass(SILENT_MS);
  expect(choice.hear('b')).toBe('successor');
  expect(choice.target).toBe('b');
  expect(choice.hear('c')).toBe('ignored');
  expect(choice.hear('a')).toBe('followed');
  expect(choice.target).toBe('a');
});

it('steps down for a lower index only', () => {
  const { clock, choice } = choiceOf('b');
  clock.pass(SILENT_MS);
  expect(choice.isOwn).toBe(true);
  for (const other of ['b', 'c', 'stranger']) expect(choice.hear(other)).toBe('ignored');
  expect(choice.isOwn).toBe(true);
  expect(choice.hear('a')).toBe('followed');
  expect(choice.isOwn).toBe(false);
});
