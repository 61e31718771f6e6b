/** Members that nobody was told of: how they register, show that they are alive, and are removed when they are not. */

import { describe, expect, it } from 'vitest';
import { LinKv } from '../../src/harness/services/lin-kv.ts';
import { LinKvStore } from '../../src/kv/lin-kv-store.ts';
import type { Held, MemberIndex, Sign } from '../../src/kv/members.ts';
import { RegisteredMembers } from '../../src/kv/registered-members.ts';
import { LATENCY_MS, LOST, StoreRig, type WireMessage } from '../support/store-rig.ts';

const LEASE_MS = 6000;

interface Listed {
  readonly id: string;
  readonly beat: number;
  readonly indices: readonly string[];
}

/** An index that a test fills, and that notes what is done with it. */
class Index implements MemberIndex {
  readonly name: string;
  readonly held = new Map<string, Held>();
  readonly seen: { readonly member: string; readonly sign: Sign }[] = [];
  readonly closed: string[] = [];
  closes = true;

  constructor(name: string) {
    this.name = name;
  }

  async sweepOwn(): Promise<boolean> {
    return false;
  }

  async sweep(member: string, sign: Sign): Promise<Held> {
    this.seen.push({ member, sign });
    return this.held.has(member) ? this.held.get(member) : 'nothing';
  }

  async close(member: string): Promise<boolean> {
    if (this.closes) this.closed.push(member);
    return this.closes;
  }
}

interface Instance {
  readonly members: RegisteredMembers;
  readonly index: Index;
  kill(): void;
}

class Bench {
  readonly rig: StoreRig;

  constructor(seed?: number) {
    this.rig = new StoreRig(new Map([['lin-kv', new LinKv()]]), seed);
  }

  begin(nodeId: string, ...names: readonly string[]): Instance {
    const { context, kill } = this.rig.start(nodeId);
    const members = new RegisteredMembers(context, new LinKvStore(context));
    const indices = (names.length === 0 ? ['p'] : names).map((name) => new Index(name));
    for (const index of indices) members.attend(index);
    members.start();
    return { members, index: indices[0] as Index, kill };
  }

  async joined(nodeId: string, ...names: readonly string[]): Promise<Instance & { readonly id: string }> {
    const instance = this.begin(nodeId, ...names);
    return { ...instance, id: await this.rig.run(instance.members.join()) };
  }

  get list(): readonly Listed[] {
    const { value } = this.rig.look('lin-kv', { type: 'read', key: 'members' });
    return value === undefined ? [] : JSON.parse(value).members;
  }

  get ids(): string[] {
    return this.list.map(({ id }) => id);
  }

  lose(loses: (message: WireMessage) => boolean): void {
    this.rig.drawFate = (message) => (loses(message) ? LOST : [LATENCY_MS]);
  }
}

describe('an instance', () => {
  it('is listed when `join` resolves, once, under a name that begins with its id, with the kinds of its indices', async () => {
    const bench = new Bench();
    const { members } = bench.begin('n0', 'p', 'vn');
    const [one, other] = await bench.rig.run(Promise.all([members.join(), members.join()]));
    expect(one).toMatch(/^n0\.[0-9a-z]+$/);
    expect(other).toBe(one);
    expect(bench.list).toEqual([{ id: one, beat: 0, indices: ['p', 'vn'] }]);
    expect(await bench.rig.run(members.ids())).toEqual([one]);
  });

  it('has another name in each life', async () => {
    const bench = new Bench();
    const first = await bench.joined('n0');
    first.kill();
    const second = await bench.joined('n0');
    expect(second.id).not.toBe(first.id);
    expect(bench.ids).toEqual([first.id, second.id]);
  });

  it('is listed once although answers were lost, and is refused with 11 while the store is away', async () => {
    const bench = new Bench();
    const { members } = bench.begin('n0');
    bench.lose(({ src }) => src === 'lin-kv');
    await expect(bench.rig.run(members.join())).rejects.toMatchObject({ code: 11 });
    bench.lose(() => false);
    const id = await bench.rig.run(members.join());
    await bench.rig.pass(2000);
    expect(bench.ids).toEqual([id]);
  });

  it('shows that it is alive: others do not look at its indices', async () => {
    const bench = new Bench();
    await bench.joined('n0');
    const { index } = bench.begin('n1');
    await bench.rig.pass(60_000);
    const [{ beat }] = bench.list as [Listed];
    expect(beat).toBeGreaterThan(60_000 / (LEASE_MS / 2));
    expect(index.seen).toEqual([]);
  });

  it('takes another name for an index that was closed, and no other for the same one', async () => {
    const bench = new Bench();
    const { members, id } = await bench.joined('n0');
    const next = await bench.rig.run(members.join(id));
    expect(next).not.toBe(id);
    expect(await bench.rig.run(members.join(id))).toBe(next);
    expect(bench.ids).toEqual([id, next]);
  });

  it('is refused with 11 if the list is full', async () => {
    const bench = new Bench();
    const members = Array.from({ length: 1000 }, (_, number) => ({ id: `dead-${number}`, beat: 0, indices: ['?'] }));
    bench.rig.look('lin-kv', { type: 'write', key: 'members', value: JSON.stringify({ members, ver: 1 }) });
    await expect(bench.rig.run(bench.begin('n0').members.join())).rejects.toMatchObject({ code: 11 });
  });
});

describe('a dead instance', () => {
  it('is looked at within 6 s, and removed when its lease has run out: first its indices are closed', async () => {
    const bench = new Bench();
    const dead = await bench.joined('n0');
    const { index, id } = await bench.joined('n1');
    await bench.rig.pass(10_000);
    dead.kill();
    // Its last beat may have been 3 s before.
    await bench.rig.pass(LEASE_MS / 2);
    expect(bench.ids).toEqual([dead.id, id]);
    await bench.rig.pass(LEASE_MS / 2);
    expect(index.seen[0]).toEqual({ member: dead.id, sign: 'quiet' });
    await bench.rig.pass(LEASE_MS);
    expect(index.closed).toEqual([dead.id]);
    expect(bench.ids).toEqual([id]);
  });

  it('stays as long as one of its indices holds something, cannot be read, or cannot be closed', async () => {
    for (const spoil of [
      (index: Index, id: string) => index.held.set(id, 'something'),
      (index: Index, id: string) => index.held.set(id, undefined),
      (index: Index) => {
        index.closes = false;
      },
    ]) {
      const bench = new Bench();
      const dead = await bench.joined('n0');
      dead.kill();
      const { index } = bench.begin('n1');
      spoil(index, dead.id);
      await bench.rig.pass(5 * LEASE_MS);
      expect(bench.ids).toEqual([dead.id]);
      expect(index.closed).toEqual([]);
      expect(index.seen.at(-1)).toEqual({ member: dead.id, sign: 'lapsed' });
      index.held.clear();
      index.closes = true;
      await bench.rig.pass(LEASE_MS);
      expect(bench.ids).toEqual([]);
    }
  });

  it('is left to those who know all its indices', async () => {
    const bench = new Bench();
    const dead = await bench.joined('n0', 'p', 'vn');
    dead.kill();
    const { index } = bench.begin('n1', 'vn');
    await bench.rig.pass(5 * LEASE_MS);
    expect(index.seen.at(-1)).toEqual({ member: dead.id, sign: 'lapsed' });
    expect(index.closed).toEqual([]);
    expect(bench.ids).toEqual([dead.id]);
    bench.begin('n2', 'vn', 'p');
    await bench.rig.pass(2 * LEASE_MS + 2000);
    expect(bench.ids).toEqual([]);
  });

  it('is removed with many others', async () => {
    const bench = new Bench();
    const members = Array.from({ length: 60 }, (_, number) => ({ id: `dead-${number}`, beat: 0, indices: ['p'] }));
    bench.rig.look('lin-kv', { type: 'write', key: 'members', value: JSON.stringify({ members, ver: 1 }) });
    bench.begin('n0');
    await bench.rig.pass(5 * LEASE_MS);
    expect(bench.ids).toEqual([]);
  });
});

describe('a live instance', () => {
  it('that gave no sign of life for a lease is removed, and notices', async () => {
    const bench = new Bench();
    const paused = await bench.joined('n0');
    const { index } = bench.begin('n1');
    bench.lose(({ src, dest }) => src === 'n0' || dest === 'n0');
    await bench.rig.pass(3 * LEASE_MS);
    expect(index.closed).toEqual([paused.id]);
    expect(bench.ids).toEqual([]);
    bench.lose(() => false);
    await bench.rig.pass(3000);
    const again = await bench.rig.run(paused.members.join());
    expect(again).not.toBe(paused.id);
    expect(bench.ids).toEqual([again]);
  });

  it('is not taken for dead because the store was away', async () => {
    const bench = new Bench();
    const { id } = await bench.joined('n0');
    const { index } = await bench.joined('n1');
    await bench.rig.pass(10_000);
    for (let time = 0; time < 5; time++) {
      bench.lose(({ dest }) => dest === 'lin-kv');
      await bench.rig.pass(3 * LEASE_MS);
      bench.lose(() => false);
      await bench.rig.pass(1000 + 700 * time);
    }
    expect(index.seen).toEqual([]);
    expect(bench.ids).toContain(id);
  });
});

describe.each([1, 3, 10])('%d idle instances', (count) => {
  it('read at most once a second each, and less after a while', async () => {
    const bench = new Bench(count);
    for (let number = 0; number < count; number++) await bench.joined(`n${number}`, 'p', 'vn');
    const readsIn = async (ms: number): Promise<number> => {
      const before = bench.rig.requests('read').length;
      await bench.rig.pass(ms);
      return bench.rig.requests('read').length - before;
    };
    await readsIn(20_000);
    const perSecond = (await readsIn(60_000)) / 60;
    expect(perSecond).toBeLessThanOrEqual(0.9 * count);
    expect(perSecond).toBeGreaterThan(0.75 * count);
  });
});
