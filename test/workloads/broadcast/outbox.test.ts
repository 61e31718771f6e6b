/** Gathering entries, and cutting them into messages. */

import { describe, expect, it } from 'vitest';
import { Outbox, type Outgoing, partsOf } from '../../../src/workloads/broadcast/outbox.ts';
import type { Run } from '../../../src/workloads/broadcast/replicated-set.ts';
import { VirtualTime } from '../../support/virtual-time.ts';

function outgoing(...runs: readonly Run[]): Outgoing[] {
  return runs.map((run) => ({ run, src: run[0] }));
}

describe('an outbox', () => {
  it('sends all that comes within the wait of the first entry, at once', async () => {
    const time = new VirtualTime();
    const sent: { readonly atMs: number; readonly count: number }[] = [];
    const sleep = (ms: number) => new Promise<boolean>((resolve) => time.schedule(ms, () => resolve(true)));
    const box = new Outbox({ sleep }, 200, ({ length: count }) => sent.push({ atMs: time.now(), count }));
    box.add([]);
    await time.advance(1000);
    expect(sent).toEqual([]);
    box.add(outgoing(['n1', 1, 0, ['a']]));
    await time.advance(150);
    box.add(outgoing(['n2', 1, 0, ['b']], ['n3', 1, 0, ['c']]));
    expect(box.size).toBe(3);
    await time.advance(51);
    box.add(outgoing(['n1', 1, 1, ['d']]));
    await time.advance(1000);
    expect(sent).toEqual([
      { atMs: 1200, count: 3 },
      { atMs: 1401, count: 1 },
    ]);
  });
});

describe('parts', () => {
  it('join neighbours of one log, and nothing else', () => {
    const entries = outgoing(
      ['n1', 1, 0, ['a']],
      ['n1', 1, 1, ['b']],
      ['n1', 1, 3, ['d']],
      ['n1', 2, 4, ['e']],
      ['n2', 2, 5, ['f']],
    );
    expect(partsOf(entries, { entriesMax: 10, lengthMax: 100 })).toEqual([
      [
        ['n1', 1, 0, ['a', 'b']],
        ['n1', 1, 3, ['d']],
        ['n1', 2, 4, ['e']],
        ['n2', 2, 5, ['f']],
      ],
    ]);
  });

  it('have at most so many entries and characters', () => {
    const entries = outgoing(['n1', 1, 0, [1, 2, 3]], ['n1', 1, 3, [4444, 5]]);
    expect(partsOf(entries, { entriesMax: 2, lengthMax: 100 })).toEqual([
      [['n1', 1, 0, [1, 2]]],
      [['n1', 1, 2, [3, 4444]]],
      [['n1', 1, 4, [5]]],
    ]);
    expect(partsOf(entries, { entriesMax: 10, lengthMax: 3 })).toEqual([
      [['n1', 1, 0, [1, 2, 3]]],
      [['n1', 1, 3, [4444]]],
      [['n1', 1, 4, [5]]],
    ]);
    expect(partsOf([], { entriesMax: 10, lengthMax: 3 })).toEqual([]);
  });
});
