/** Registers that get the same transactions in different orders, with copies and through snapshots. */

import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../../src/protocol/random.ts';
import { EarlyTransactions, KeptTransactions } from '../../../src/workloads/txn-rw-register/kept.ts';
import type { Committed } from '../../../src/workloads/txn-rw-register/messages.ts';
import { nextStamp, Registers } from '../../../src/workloads/txn-rw-register/registers.ts';

const ORIGINS = ['a', 'b', 'c'];

/** A node with what it has seen. */
class Replica {
  readonly registers = new Registers();
  readonly early = new EarlyTransactions(100);

  constructor(readonly origin: string) {}

  commit(wallMs: number, writes: Committed['writes']): Committed {
    const { seen, stamp } = this.registers;
    const others = [...seen].filter(([origin]) => origin !== this.origin);
    const committed = {
      origin: this.origin,
      number: (seen.get(this.origin) ?? 0) + 1,
      stamp: nextStamp(wallMs, stamp),
      seen: Object.fromEntries(others),
      writes,
    };
    this.registers.apply(committed);
    return committed;
  }

  take(committed: Committed): void {
    if (this.registers.has(committed)) return;
    this.early.add(committed);
    for (;;) {
      const next = this.early.takeReady(this.registers);
      if (next === undefined) break;
      this.registers.apply(next);
    }
    this.early.forget(this.registers);
  }
}

/** Transactions of three nodes, which hear of some of each other's meanwhile. */
function history(random: SeededRandom): { replicas: Replica[]; all: Committed[] } {
  const replicas = ORIGINS.map((origin) => new Replica(origin));
  const all: Committed[] = [];
  for (let step = 0; step < 60; step++) {
    const replica = random.pick(replicas);
    for (const committed of random.shuffle(all).slice(0, random.integer(10))) replica.take(committed);
    const keys = random.shuffle(['x', 'y', 'z']).slice(0, 1 + random.integer(3));
    // Clocks that differ by more than the transactions are apart.
    all.push(
      replica.commit(
        1000 + random.integer(20),
        keys.map((key) => [key, step]),
      ),
    );
  }
  return { replicas, all };
}

describe.each(['1', '2', '3', '4'])('registers, seed %s', (seed) => {
  const random = new SeededRandom(seed);
  const { replicas, all } = history(random);

  it('are the same in the end, in whatever order the transactions come', () => {
    for (const replica of replicas) for (const committed of random.shuffle([...all, ...all])) replica.take(committed);
    const [first, ...others] = replicas.map(({ registers }) => registers.state);
    for (const other of others) expect(other).toEqual(first);
    expect(replicas.map(({ early }) => early.count)).toEqual([0, 0, 0]);
  });

  it('have no transaction before those that it depends on', () => {
    const replica = new Replica('reader');
    for (const committed of random.shuffle(all)) {
      replica.take(committed);
      for (const applied of all.filter((own) => replica.registers.has(own)))
        for (const [origin, number] of Object.entries(applied.seen))
          expect(replica.registers.has({ origin, number })).toBe(true);
    }
  });

  it('give a later transaction a greater stamp than all that it has seen', () => {
    for (const { stamp, seen } of all)
      for (const [origin, number] of Object.entries(seen))
        expect(stamp).toBeGreaterThan(all.find((own) => own.origin === origin && own.number === number)?.stamp ?? 0);
  });

  it('are the same with a snapshot in place of the first half', () => {
    const source = new Replica('source');
    for (const committed of all.slice(0, 30)) source.take(committed);
    const target = new Replica('target');
    for (const committed of random.shuffle(all).slice(0, 20)) target.take(committed);
    target.registers.merge(source.registers.state);
    for (const committed of [...all, ...all]) {
      source.take(committed);
      target.take(committed);
    }
    expect(target.registers.state).toEqual(source.registers.state);
  });
});

it('lets the later write by the clock win, and the greater origin at the same moment', () => {
  const registers = new Registers();
  const write = (origin: string, stamp: number): Committed => {
    return { origin, number: 1, stamp, seen: {}, writes: [['x', origin]] };
  };
  registers.apply(write('b', 5));
  registers.apply(write('a', 5));
  expect(registers.read('x')).toBe('b');
  registers.apply(write('c', 4));
  expect(registers.read('x')).toBe('b');
  registers.apply(write('d', 6));
  expect([registers.read('x'), registers.read('never')]).toEqual(['d', null]);
});

describe('a stamp', () => {
  it('is near the clock, and above the last one where the clock is behind', () => {
    expect(nextStamp(1000.9, 0)).toBe(1000 * 1024);
    expect(nextStamp(1000, 2000 * 1024)).toBe(2000 * 1024 + 1);
    expect(nextStamp(4_000_000_000_000, 0)).toBeLessThan(Number.MAX_SAFE_INTEGER);
  });
});

describe('transactions that are kept', () => {
  const committed = (origin: string, number: number): Committed => {
    return { origin, number, stamp: number, seen: {}, writes: [] };
  };
  const seen = (entries: Record<string, number>) => new Map(Object.entries(entries));

  it('are what another node lacks, in order, up to what is asked for', () => {
    const kept = new KeptTransactions(10);
    for (const own of [committed('a', 1), committed('b', 1), committed('a', 2), committed('a', 3)]) kept.add(own);
    const lacked = kept.lackedBy(seen({ a: 1 }), seen({ a: 2, b: 1 }));
    expect(lacked).toEqual([committed('b', 1), committed('a', 2)]);
    expect(kept.lackedBy(seen({ a: 3 }), seen({ a: 3 }))).toEqual([]);
  });

  it('are dropped when all have seen them; who lacks one then needs the whole state', () => {
    const kept = new KeptTransactions(10);
    for (let number = 1; number <= 4; number++) kept.add(committed('a', number));
    kept.drop([seen({ a: 3 }), seen({ a: 2 })]);
    expect(kept.all.map(({ number }) => number)).toEqual([3, 4]);
    expect(kept.lackedBy(seen({ a: 2 }), seen({ a: 4 }))).toHaveLength(2);
    expect(kept.lackedBy(seen({ a: 1 }), seen({ a: 4 }))).toBeUndefined();
  });

  it('are bounded, also while a node is dead', () => {
    const kept = new KeptTransactions(10);
    for (let number = 1; number <= 100; number++) kept.add(committed('a', number));
    expect(kept.all.length).toBeLessThanOrEqual(20);
    expect(kept.all.at(-1)).toEqual(committed('a', 100));
  });
});

it('drops what comes too early beyond its limit', () => {
  const early = new EarlyTransactions(2);
  for (let number = 2; number <= 5; number++) early.add({ origin: 'a', number, stamp: number, seen: {}, writes: [] });
  expect(early.count).toBe(2);
});
