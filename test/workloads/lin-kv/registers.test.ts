/** The registers: what they remember of requests. */

import { expect, it } from 'vitest';
import { encodeCommand, OK, Registers } from '../../../src/workloads/lin-kv/registers.ts';

function write(seq: number, low: number): string {
  return encodeCommand({ node: 'n1', incarnation: 7, epoch: 1, seq, low, f: 'write', args: ['k', seq] });
}

it('remember an outcome until its node says that it knows it, however many reads came between', () => {
  const registers = new Registers();
  // Reads have numbers, too. One by one these would take hours.
  const later = 2 ** 52;
  for (const seq of [1, 2]) registers.apply(write(seq, 1));
  expect(registers.outcomeOf({ node: 'n1', incarnation: 7, epoch: 1, seq: 2 })).toBe(OK);
  expect(registers.apply(write(later, later - 1)).outcome).toBe(OK);
  expect(registers.outcomeOf({ node: 'n1', incarnation: 7, epoch: 1, seq: 2 })).toBe('over');
  expect(registers.apply(write(2, 1)).outcome).toBe('over');
  expect(registers.outcomeOf({ node: 'n1', incarnation: 7, epoch: 1, seq: later })).toBe(OK);
  expect(registers.outcomeOf({ node: 'n1', incarnation: 7, epoch: 1, seq: later - 1 })).toBe('unknown');
  expect(JSON.parse(registers.snapshot()).sessions).toEqual([['n1 7', 1, later - 1, [[later, OK]]]]);
});

it('take a request of another disk of a node for another one, however late it comes', () => {
  const registers = new Registers();
  const request = { node: 'n1', epoch: 1, seq: 1, low: 1, f: 'write', args: ['k', 1] } as const;
  for (const incarnation of [7, 3]) {
    expect(registers.outcomeOf({ ...request, incarnation })).toBe('unknown');
    expect(registers.apply(encodeCommand({ ...request, incarnation })).outcome).toBe(OK);
  }
  const restored = new Registers();
  restored.restore(registers.snapshot());
  for (const incarnation of [7, 3]) expect(restored.outcomeOf({ ...request, incarnation })).toBe(OK);
});
