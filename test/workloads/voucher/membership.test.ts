/** Redemptions of instances that nobody was told of, and shards that are taken away from those that seem dead. */

import { describe, expect, it } from 'vitest';
import { LinKvStore } from '../../../src/kv/lin-kv-store.ts';
import { RegisteredMembers } from '../../../src/kv/registered-members.ts';
import type { NodeContext } from '../../../src/node/context.ts';
import { indexKey, openVoucherStore, shardKey } from '../../../src/workloads/voucher/records.ts';
import { closeIndex, takeAway, Unfinished } from '../../../src/workloads/voucher/unfinished.ts';
import { LOST } from '../../support/store-rig.ts';
import { CODE, type VoucherNode, VoucherRig } from '../../support/voucher-rig.ts';

const KEY = shardKey(CODE, 0);
/** Until a dead member is removed: quiet for its lease, its shards taken away, and its index closed. */
const REMOVED_MS = 30_000;
const SHARD = { granted: 5, returned: 0, used: 1, pending: [], left: [], since: 0 };

interface Names {
  readonly members: readonly { readonly id: string }[];
}

function membersIn(rig: VoucherRig): string[] {
  return ((rig.stored('members') as Names | undefined)?.members ?? []).map(({ id }) => id);
}

describe('what instances left that nobody was told of', () => {
  it.each([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])(
    'is finished within 10 s: 3 of 6 die %d ms after their request, the others were never asked',
    async (seed) => {
      const rig = new VoucherRig(seed);
      const nodes = Array.from({ length: 6 }, (_, number) => rig.begin(`n${number}`, { registered: {} }));
      const [last] = nodes.slice(-1) as [VoucherNode];
      await rig.run(last.create(100, 3));
      for (const [number, node] of nodes.entries()) await rig.run(node.redeem(`first-${number}`));
      await rig.pass(20_000 + 321 * seed);
      const dying = nodes.slice(0, 3);
      for (const [number, node] of dying.entries()) node.redeem(`last-${number}`).catch(() => {});
      await rig.pass(seed);
      for (const node of dying) node.kill();
      await rig.pass(10_000);
      const { used, pending } = await rig.run(last.read());
      expect(pending).toBe(0);
      const users = [0, 1, 2].flatMap((number) => [`first-${number}`, `first-${number + 3}`, `last-${number}`]);
      const balances = users.map((user) => rig.wallet(user)?.balance ?? 0);
      expect(balances.reduce((sum, balance) => sum + balance, 0)).toBe(5 * used);
      await rig.pass(REMOVED_MS);
      expect(membersIn(rig)).toHaveLength(3);
    },
  );

  it('keeps the shard of an instance that was only paused: it lists it again before it redeems', async () => {
    const rig = new VoucherRig();
    const node = rig.begin('n0', { registered: {} });
    await rig.run(node.create(5));
    await rig.run(node.redeem('u'));
    const [first] = membersIn(rig) as [string];
    expect(rig.index(first)).toEqual([[CODE, 0]]);
    rig.lose(({ src, dest }) => src === 'n0' || dest === 'n0');
    const other = rig.begin('n1', { registered: {} });
    await rig.pass(REMOVED_MS);
    expect(rig.shard(0)).toMatchObject({ used: 1, pending: [], epoch: 1 });
    expect(rig.stored(indexKey(first))).toMatchObject({ shards: [], closed: true });
    expect(membersIn(rig)).toEqual([]);
    rig.heal();
    await expect(rig.run(node.redeem('v'))).rejects.toMatchObject({ code: 11 });
    expect(rig.shard(0)).toMatchObject({ used: 1 });
    expect(await rig.run(node.redeem('v'))).toMatchObject({ outcome: 'redeemed' });
    const [second] = membersIn(rig) as [string];
    expect(second).not.toBe(first);
    expect(rig.index(second)).toEqual([[CODE, 0]]);
    // And it is finished if it dies now.
    rig.lose(({ src, body }) => src === 'n0' && body.type === 'cas' && body.key.startsWith('w/'));
    node.redeem('w').catch(() => {});
    await rig.pass(100);
    node.kill();
    rig.heal();
    await rig.pass(10_000);
    expect(rig.wallet('w')).toMatchObject({ balance: 5 });
    expect(await rig.run(other.read())).toMatchObject({ used: 3, pending: 0 });
  });
});

class Bench {
  readonly rig = new VoucherRig();
  readonly context: NodeContext;
  readonly store;
  readonly members: RegisteredMembers;
  readonly unfinished: Unfinished;

  constructor() {
    const context = this.rig.context('n0');
    this.context = context;
    const kv = new LinKvStore(context);
    this.store = openVoucherStore(context, kv);
    this.members = new RegisteredMembers(context, kv);
    this.unfinished = new Unfinished(this.store, this.members);
    this.rig.put(KEY, SHARD);
  }

  register(epoch?: number) {
    return this.rig.run(this.unfinished.register(CODE, 0, epoch));
  }

  async takeAway(): Promise<void> {
    await this.rig.run(takeAway(this.context, this.store, this.member, CODE, 0));
  }

  get member(): string {
    return membersIn(this.rig)[0] as string;
  }

  get listed() {
    return this.rig.index(this.member);
  }
}

describe('a shard that is taken away', () => {
  it('has another epoch, and is added again before a pivot from there', async () => {
    const bench = new Bench();
    await bench.register();
    await bench.takeAway();
    expect(bench.rig.shard(0)).toEqual({ ...SHARD, epoch: 1, ver: 2 });
    expect(bench.listed).toEqual([]);
    // A pivot from the old epoch fails.
    expect(await bench.register()).toBeUndefined();
    expect(bench.listed).toEqual([]);
    expect(await bench.register(1)).toBeUndefined();
    expect(bench.listed).toEqual([[CODE, 0]]);
  });

  it('is fenced before it leaves the index', async () => {
    const bench = new Bench();
    await bench.register();
    bench.rig.wire.length = 0;
    await bench.takeAway();
    expect(bench.rig.requests('cas').map(({ key }) => key)).toEqual([KEY, indexKey(bench.member)]);
  });

  it('stays listed if its node adds it again after the fence and before it leaves', async () => {
    const bench = new Bench();
    await bench.register();
    const { rig, member } = bench;
    rig.drawFate = ({ body }) => (body.type === 'cas' && body.key === KEY ? [1] : body.type === 'cas_ok' ? [500] : [1]);
    const taking = takeAway(bench.context, bench.store, member, CODE, 0);
    await rig.pass(100);
    rig.heal();
    expect(rig.shard(0)).toMatchObject({ epoch: 1 });
    // It is listed, and written nevertheless.
    expect(await bench.register(1)).toBeUndefined();
    await rig.run(taking);
    expect(bench.listed).toEqual([[CODE, 0]]);
  });

  it('stays if the fence is lost', async () => {
    const bench = new Bench();
    await bench.register();
    bench.rig.next('cas', LOST);
    await bench.takeAway();
    expect(bench.listed).toEqual([[CODE, 0]]);
  });

  it('stays until what was unfinished at the fence has left, however much comes after it', async () => {
    const bench = new Bench();
    await bench.register();
    const { rig, member } = bench;
    rig.put(KEY, { ...SHARD, pending: [['u', 'r', 0]] }, 5);
    const taking = takeAway(bench.context, bench.store, member, CODE, 0);
    await rig.pass(3000);
    expect(rig.shard(0)).toMatchObject({ epoch: 1 });
    const others = [1, 2].map((place) => [`u${place}`, 'r', place]);
    rig.put(KEY, { ...SHARD, epoch: 1, pending: [['u', 'r', 0], ...others] }, 7);
    await rig.pass(3000);
    expect(bench.listed).toEqual([[CODE, 0]]);
    rig.put(KEY, { ...SHARD, epoch: 1, pending: others }, 8);
    await rig.run(taking);
    expect(bench.listed).toEqual([]);
  });
});

describe('an index', () => {
  it('is closed only while it is empty, and then for ever', async () => {
    const bench = new Bench();
    await bench.register();
    const close = () => bench.rig.run(closeIndex(bench.store, bench.member));
    expect(await close()).toBe(false);
    await bench.takeAway();
    expect(await close()).toBe(true);
    expect(await close()).toBe(true);
    expect(await bench.register(1)).toMatchObject({ code: 11 });
    expect(bench.unfinished.lists(KEY)).toBe(false);
    expect(bench.rig.stored(indexKey(bench.member))).toMatchObject({ shards: [], closed: true });
  });

  it('that was never written can be closed', async () => {
    const bench = new Bench();
    expect(await bench.rig.run(closeIndex(bench.store, 'n9.x'))).toBe(true);
    expect(bench.rig.stored(indexKey('n9.x'))).toEqual({ shards: [], closed: true, ver: 1 });
  });
});
