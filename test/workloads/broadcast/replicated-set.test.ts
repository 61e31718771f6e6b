/** The set of one node: what it keeps, numbers, tells and shows, and when. */

import { describe, expect, it } from 'vitest';
import { Journal } from '../../../src/journal/journal.ts';
import { ReplicatedSet, type Run } from '../../../src/workloads/broadcast/replicated-set.ts';
import { settle } from '../../support/virtual-time.ts';

const LIMITS = { entriesMax: 100, lengthMax: 1000 };
const EPOCH = 7;

/** A journal whose syncs the test ends by hand. */
class SlowJournal {
  readonly records: string[] = [];
  readonly #waiting: { readonly resolve: () => void; readonly reject: (error: Error) => void }[] = [];

  append(record: string): Promise<void> {
    this.records.push(record);
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  async sync(): Promise<void> {
    for (const { resolve } of this.#waiting.splice(0)) resolve();
    await settle();
  }

  async fail(): Promise<void> {
    for (const { reject } of this.#waiting.splice(0)) reject(new Error('the disk is gone'));
    await settle();
  }
}

async function openSet(records: readonly string[] = [], nodeId = 'n1', epoch = EPOCH) {
  const { journal } = await Journal.open(undefined, 'set');
  const kept: string[] = [...records];
  const append = (record: string) => {
    kept.push(record);
    return journal.append(record);
  };
  const set = new ReplicatedSet({ nodeId, journal: { append }, records, randomUint32: () => epoch });
  return { set, kept };
}

function slowSet() {
  const journal = new SlowJournal();
  const set = new ReplicatedSet({ nodeId: 'n1', journal, records: [], randomUint32: () => EPOCH });
  return { journal, set };
}

const ignore = () => {};

describe('an add', () => {
  it('is acknowledged, spread and shown only when it is in the journal', async () => {
    const { journal, set } = slowSet();
    const spread: Run[] = [];
    let acknowledged = false;
    void set.add(5, (run) => spread.push(run)).then(() => (acknowledged = true));
    await settle();
    expect({ acknowledged, spread, size: set.size, digest: set.digest() }).toEqual({
      acknowledged: false,
      spread: [],
      size: 0,
      digest: [],
    });
    await journal.sync();
    expect(acknowledged).toBe(true);
    expect(spread).toEqual([['n1', EPOCH, 0, [5]]]);
    expect(set.elements()).toEqual([5]);
  });

  it('of what is there already has no number, and of what is on its way shares its end', async () => {
    const { journal, set } = slowSet();
    const ends: string[] = [];
    void set.add({ a: 1, b: 2 }, ignore).then(() => ends.push('first'));
    void set.add({ b: 2, a: 1 }, ignore).then(() => ends.push('second'));
    await settle();
    expect(ends).toEqual([]);
    await journal.sync();
    expect(ends).toEqual(['first', 'second']);
    await set.add({ a: 1, b: 2 }, ignore);
    expect(journal.records).toHaveLength(1);
    expect(set.digest()).toEqual([['n1', EPOCH, 1]]);
  });

  it('is rejected if the journal fails, and never shown', async () => {
    const { journal, set } = slowSet();
    const adding = set.add(5, ignore);
    const reading = set.elements();
    const failing = expect(adding).rejects.toThrow('the disk is gone');
    await journal.fail();
    await failing;
    expect(await reading).toEqual([]);
    expect(set.elements()).toEqual([]);
  });

  it('of a value that another node was told too gives two entries and one element', async () => {
    const { set } = await openSet();
    await set.add('x', ignore);
    await set.merge([['n2', 1, 0, ['x', 'y']]]);
    expect(set.elements()).toEqual(['x', 'y']);
    expect(set.digest()).toEqual([
      ['n1', EPOCH, 1],
      ['n2', 1, 2],
    ]);
  });
});

describe('a read', () => {
  it('waits for what came before it, and not for what comes after', async () => {
    const { journal, set } = slowSet();
    void set.merge([['n2', 1, 0, ['a']]]);
    const reading = set.elements();
    expect(reading).toBeInstanceOf(Promise);
    await journal.sync();
    expect(await reading).toEqual(['a']);
    expect(set.elements()).toEqual(['a']);
  });
});

describe('entries of others', () => {
  it('are taken once, in any order, with what is on its way counted', async () => {
    const { journal, set } = slowSet();
    const first = set.merge([['n2', 1, 0, ['a', 'b']]]);
    expect(await set.merge([['n2', 1, 0, ['a', 'b']]])).toEqual([]);
    const second = set.merge([['n2', 1, 1, ['b', 'c']]]);
    await journal.sync();
    expect(await first).toEqual([['n2', 1, 0, ['a', 'b']]]);
    expect(await second).toEqual([['n2', 1, 2, ['c']]]);
    expect(set.elements()).toEqual(['a', 'b', 'c']);
  });

  it('behind a gap are shown, and counted when the gap is filled', async () => {
    const { set } = await openSet();
    await set.merge([['n2', 1, 2, ['c']]]);
    expect(set.elements()).toEqual(['c']);
    expect(set.digest()).toEqual([]);
    expect(set.countOf('n2', 1)).toBe(0);
    expect(await set.merge([['n2', 1, 0, ['a', 'b', 'c', 'd']]])).toEqual([
      ['n2', 1, 0, ['a', 'b']],
      ['n2', 1, 3, ['d']],
    ]);
    expect(set.countOf('n2', 1)).toBe(4);
    expect(set.missingFrom([], LIMITS)).toEqual({ runs: [['n2', 1, 0, ['a', 'b', 'c', 'd']]], more: false });
  });
});

describe('a node that starts again', () => {
  it('has all that was in the journal, and goes on with its numbers', async () => {
    const { set, kept } = await openSet();
    await set.add(1, ignore);
    await set.merge([
      ['n2', 1, 0, ['a']],
      ['n2', 1, 5, ['f']],
      // Of a life whose journal was lost.
      ['n1', 99, 0, ['old']],
    ]);
    const again = await openSet(kept, 'n1', 1000);
    expect(again.set.elements()).toEqual([1, 'a', 'f', 'old']);
    const spread: Run[] = [];
    await again.set.add(2, (run) => spread.push(run));
    expect(spread).toEqual([['n1', EPOCH, 1, [2]]]);
    expect(again.set.ownCount()).toEqual(['n1', EPOCH, 2]);
    expect(again.set.digest()).toEqual([
      ['n1', EPOCH, 2],
      ['n2', 1, 1],
      ['n1', 99, 1],
    ]);
  });

  it('has the same from a journal that was written anew', async () => {
    const { set, kept } = await openSet();
    for (const value of [1, 2, 3, 4, 5]) await set.add(value, ignore);
    await set.merge([
      ['n2', 1, 0, ['a']],
      ['n2', 1, 5, ['f']],
      ['n1', 99, 0, ['old']],
    ]);
    const records = [...set.records({ entriesMax: 2 })];
    expect(records).toHaveLength(6);
    const before = (await openSet(kept)).set;
    const after = (await openSet(records, 'n1', 1000)).set;
    for (const again of [before, after]) {
      expect(new Set(again.elements() as unknown[])).toEqual(new Set([1, 2, 3, 4, 5, 'a', 'f', 'old']));
      expect(again.ownCount()).toEqual(['n1', EPOCH, 5]);
      expect(again.digest().sort()).toEqual(set.digest().sort());
    }
    await after.merge([['n2', 1, 1, ['b', 'c', 'd', 'e']]]);
    expect(after.countOf('n2', 1)).toBe(6);
  });

  it('has another epoch if its journal was lost', async () => {
    const { set } = await openSet([], 'n1', 1000);
    await set.add(1, ignore);
    expect(set.digest()).toEqual([['n1', 1000, 1]]);
  });
});

describe('what is missing', () => {
  it('is what a digest does not have, in parts', async () => {
    const { set } = await openSet();
    await set.merge([
      ['n2', 1, 0, ['a', 'b', 'c']],
      ['n3', 1, 0, ['x', 'y']],
    ]);
    const limits = { entriesMax: 3, lengthMax: 1000 };
    expect(set.missingFrom([['n2', 1, 1]], limits)).toEqual({
      runs: [
        ['n2', 1, 1, ['b', 'c']],
        ['n3', 1, 0, ['x']],
      ],
      more: true,
    });
    const rest = set.missingFrom(
      [
        ['n2', 1, 3],
        ['n3', 1, 1],
      ],
      limits,
    );
    expect(rest).toEqual({ runs: [['n3', 1, 1, ['y']]], more: false });
    expect(set.missingFrom(set.digest(), limits)).toEqual({ runs: [], more: false });
  });

  it('is cut by its length, and a single long entry goes alone', async () => {
    const { set } = await openSet();
    const long = 'l'.repeat(50);
    await set.merge([['n2', 1, 0, ['a', long, 'b']]]);
    const limits = { entriesMax: 10, lengthMax: 20 };
    expect(set.missingFrom([], limits)).toEqual({ runs: [['n2', 1, 0, ['a']]], more: true });
    expect(set.missingFrom([['n2', 1, 1]], limits)).toEqual({ runs: [['n2', 1, 1, [long]]], more: true });
    expect(set.missingFrom([['n2', 1, 2]], limits)).toEqual({ runs: [['n2', 1, 2, ['b']]], more: false });
  });
});
