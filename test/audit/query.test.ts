/** What is found in an audit, page by page. */

import { describe, expect, it } from 'vitest';
import { parseCursor } from '../../src/audit/query.ts';
import { MemoryEngine } from '../../src/kv/memory-engine.ts';
import type { StoreList, StoreRead } from '../../src/kv/store.ts';
import { AuditRig, changeOf } from '../support/audit-rig.ts';

/** 200 changes of three lives, ten seconds apart. */
async function written(): Promise<AuditRig> {
  const rig = new AuditRig();
  for (const [from, to] of [
    [1, 120],
    [121, 125],
    [126, 200],
  ] as const) {
    const trail = rig.trail();
    for (let number = from; number <= to; number++) {
      const ticket = await rig.settled(
        trail.begin(changeOf(number, { who: number % 10 === 0 ? 'sub:ten' : 'sub:one' })),
      );
      trail.end(ticket, { outcome: 'committed', result: { number } });
      await rig.time.advance(10_000);
    }
  }
  return rig;
}

const rig = await written();
const numbersOf = (changes: readonly { readonly trace: string }[]) =>
  changes.map(({ trace }) => Number.parseInt(trace, 16));
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

describe('a query', () => {
  it('finds all changes with their outcomes', async () => {
    const { changes, next } = await rig.find();
    expect(numbersOf(changes)).toEqual(range(1, 200));
    expect(next).toBeUndefined();
    for (const change of changes) expect(change).toMatchObject({ outcome: 'committed', ended: expect.any(String) });
    expect(changes[0]).toMatchObject({ what: 'transfer', result: { number: 1 }, request_id: 'r-1' });
  });

  it.each([1, 7, 64, 199])('goes on where it ended, %i at a time', async (limit) => {
    const found: number[] = [];
    let after: string | undefined;
    do {
      const { changes, next } = await rig.find({ limit, after });
      expect(changes.length).toBeLessThanOrEqual(limit);
      for (const { outcome } of changes) expect(outcome).toBe('committed');
      found.push(...numbersOf(changes));
      after = next;
    } while (after !== undefined);
    expect(found).toEqual(range(1, 200));
  });

  it('finds by time', async () => {
    const { changes } = await rig.find();
    const times = changes.map(({ time }) => Date.parse(time));
    for (const [from, to] of [
      [1, 200],
      [60, 61],
      [119, 127],
      [198, 200],
    ] as const) {
      const found = await rig.find({ fromMs: times[from - 1] as number, toMs: times[to - 1] as number });
      expect(numbersOf(found.changes)).toEqual(range(from, to - 1));
    }
  });

  it('finds by what an entry says, and goes on when it has read enough', async () => {
    const { changes, next } = await rig.find({ matches: ({ who }) => who === 'sub:ten' });
    expect(numbersOf(changes)).toEqual(range(1, 20).map((ten) => 10 * ten));
    expect(next).toBeUndefined();
    const none = await rig.find({ matches: () => false });
    expect(none).toEqual({ changes: [], next: undefined });
  });

  it('reads a bounded number of pages', async () => {
    const long = new AuditRig();
    const trail = long.trail();
    for (let group = 0; group < 80; group++) {
      const tickets = await long.settled(
        Promise.all(range(1, 60).map((number) => trail.begin(changeOf(60 * group + number)))),
      );
      for (const ticket of tickets) trail.end(ticket, { outcome: 'committed' });
      await long.time.advance(500);
    }
    let queries = 0;
    let after: string | undefined;
    do {
      const { changes, next } = await long.find({ matches: ({ trace }) => Number.parseInt(trace, 16) === 4800, after });
      queries++;
      after = next;
      if (next === undefined) expect(numbersOf(changes)).toEqual([4800]);
      else expect(changes).toEqual([]);
    } while (after !== undefined);
    expect(queries).toBeGreaterThan(1);
  });

  it('reads a bounded number of chains', async () => {
    const lives = 200;
    class CountedEngine extends MemoryEngine {
      calls = 0;
      override async read(key: string): Promise<StoreRead> {
        this.calls++;
        return super.read(key);
      }
      override async list(prefix: string, after: string | undefined, limit: number): Promise<StoreList> {
        this.calls++;
        return super.list(prefix, after, limit);
      }
    }
    const engine = new CountedEngine();
    const many = new AuditRig(engine);
    for (let life = 1; life <= lives; life++) {
      const trail = many.trail();
      trail.end(await many.settled(trail.begin(changeOf(life))), { outcome: 'committed' });
      await many.settled(trail.close());
    }
    const times = (await many.find({ limit: 1 })).changes.map(({ time }) => Date.parse(time));
    // All; those that are too early to be looked at; those that match nothing.
    for (const [query, expected] of [
      [{}, range(1, lives)],
      [{ toMs: times[0] as number }, []],
      [{ matches: () => false }, []],
    ] as const) {
      const found: number[] = [];
      let after: string | undefined;
      do {
        engine.calls = 0;
        const { changes, next } = await many.find({ ...query, after });
        expect(engine.calls).toBeLessThan(200);
        for (const { outcome } of changes) expect(outcome).toBe('committed');
        found.push(...numbersOf(changes));
        if (next !== undefined) expect(parseCursor(next)).toBeDefined();
        after = next;
      } while (after !== undefined);
      expect(found).toEqual(expected);
    }
  });

  it('is told where to go on by what it has said, and by nothing else', () => {
    expect(parseCursor('019b-a.3.17')).toEqual({ chain: '019b-a', page: 3, n: 17 });
    for (const text of ['', 'a', 'a.1', 'a.1.b', '../a.1.2', `a.1.${'9'.repeat(20)}`])
      expect(parseCursor(text)).toBeUndefined();
  });
});
