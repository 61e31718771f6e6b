/** Redemptions of a dead node are finished by another one. Those of a live node are left to it for a while. */

import { describe, expect, it } from 'vitest';
import { shardKey } from '../../../src/workloads/voucher/records.ts';
import { LATENCY_MS } from '../../support/store-rig.ts';
import { CODE, type VoucherNode, VoucherRig } from '../../support/voucher-rig.ts';

/** Several sweeps, and the time after which a redemption counts as abandoned. */
const SWEEPS_MS = 6000;
/** Longer than a shard is idle before it is removed from the index. */
const IDLE_MS = 12_000;
const NODES = ['n0', 'n1'];
const SHARD_KEY = shardKey(CODE, 0);

class Bench {
  readonly rig: VoucherRig;
  readonly dying: VoucherNode;
  readonly other: VoucherNode;

  constructor({ sweeps = true, seed = 0 } = {}) {
    this.rig = new VoucherRig(seed);
    this.dying = this.rig.begin('n0', { nodeIds: NODES });
    this.other = this.rig.begin('n1', { nodeIds: NODES, parts: { sweeps } });
  }

  /** A node dies after its pivot and before the credit. */
  async leaveBehind(): Promise<void> {
    await this.rig.run(this.dying.create(3));
    this.rig.lose(({ src, body }) => src === 'n0' && body.type === 'cas' && body.key.startsWith('w/'));
    this.dying.redeem('u').catch(() => {});
    await this.rig.pass(100);
    this.dying.kill();
    this.rig.heal();
    expect(this.rig.shard(0)?.pending).toEqual([['u', 'by u', 0]]);
    expect(this.rig.wallet('u')).toBeUndefined();
  }

  /** From now on, when each request of a type for a key is sent, ms. */
  watch(): (nodeId: string, type: string, key: string) => readonly number[] {
    const sent: { readonly nodeId: string; readonly type: string; readonly key: string; readonly ms: number }[] = [];
    this.rig.drawFate = ({ src, body }) => {
      sent.push({ nodeId: src, type: body.type, key: body.key, ms: this.rig.time.now() });
      return [LATENCY_MS];
    };
    return (nodeId, type, key) =>
      sent.filter((one) => one.nodeId === nodeId && one.type === type && one.key === key).map(({ ms }) => ms);
  }
}

function ascending(one: number, other: number): number {
  return one - other;
}

function differences(numbers: readonly number[]): number[] {
  return numbers.slice(1).map((number, index) => number - (numbers[index] as number));
}

describe('the redemption of a dead node', () => {
  it('is credited, reported and removed by a node that has handled a voucher', async () => {
    const bench = new Bench();
    await bench.leaveBehind();
    await bench.rig.run(bench.other.read());
    await bench.rig.pass(SWEEPS_MS);
    expect(bench.rig.wallet('u')).toMatchObject({ balance: 5, entries: [[CODE, 'by u', 1, 5]] });
    expect(bench.rig.shard(0)).toMatchObject({ used: 1, pending: [] });
    expect(bench.rig.stored(`vp/${CODE}/0/0`)).toMatchObject({ entries: [[0, 'u', 'by u']] });
    expect(await bench.rig.run(bench.other.read())).toEqual({ limit: 3, amount: 5, used: 1, pending: 0 });
  });

  it.each<[string, (node: VoucherNode) => Promise<unknown>]>([
    ['created one', (node) => node.create(3)],
    ['redeemed one', (node) => node.redeem('other')],
    ['read one', (node) => node.read()],
    ['reported one', (node) => node.report(0, 1)],
  ])('is finished by a node that has only %s', async (_, ask) => {
    const bench = new Bench();
    await bench.leaveBehind();
    await bench.rig.run(ask(bench.other));
    await bench.rig.pass(SWEEPS_MS);
    expect(bench.rig.wallet('u')).toMatchObject({ balance: 5 });
    expect(bench.rig.shard(0)).toMatchObject({ pending: [] });
  });

  it.each([0, 1, 2, 3, 4, 5, 6, 7])(
    'is finished by the first sweep that has seen it for a second: seed %d',
    async (seed) => {
      const bench = new Bench({ seed });
      await bench.leaveBehind();
      await bench.rig.run(bench.other.read());
      const sentMs = bench.watch();
      await bench.rig.pass(SWEEPS_MS);
      const [creditedMs = 0] = sentMs('n1', 'cas', 'w/u');
      const sweepsMs = sentMs('n1', 'read', SHARD_KEY).filter((ms) => ms < creditedMs);
      const seenMs = sweepsMs.map((ms) => ms - (sweepsMs[0] as number));
      expect(seenMs.length).toBeGreaterThan(1);
      expect(seenMs.pop()).toBeGreaterThanOrEqual(1000);
      for (const ms of seenMs) expect(ms).toBeLessThan(1000);
    },
  );

  it('is finished although other shards in the index cannot be read or belong to no voucher', async () => {
    const bench = new Bench();
    await bench.leaveBehind();
    const lost = [['nobody', 'r', 0]];
    bench.rig.put('vs/broken/0', { granted: 'many' });
    bench.rig.put('vs/lost/0', { granted: 1, returned: 0, used: 1, pending: lost, left: [], since: 0 });
    bench.rig.put('vn/n0', { shards: ['broken', 'lost', CODE].map((code) => [code, 0]) }, 10);
    await bench.rig.run(bench.other.read());
    await bench.rig.pass(SWEEPS_MS);
    expect(bench.rig.wallet('u')).toMatchObject({ balance: 5 });
    expect(bench.rig.shard(0)).toMatchObject({ pending: [] });
    expect(bench.rig.shard(0, 'lost')).toMatchObject({ pending: lost });
  });

  it('is in reports before it is swept', async () => {
    const bench = new Bench();
    await bench.leaveBehind();
    expect(await bench.rig.run(bench.other.report(0, 10))).toEqual({
      length: 1,
      redemptions: [{ redemption: 1, user: 'u', request_id: 'by u' }],
    });
    expect(await bench.rig.run(bench.other.read())).toMatchObject({ pending: 1 });
  });

  it('stays if no node sweeps', async () => {
    const bench = new Bench({ sweeps: false });
    await bench.leaveBehind();
    await bench.rig.run(bench.other.read());
    await bench.rig.pass(SWEEPS_MS);
    expect(bench.rig.shard(0)?.pending).toHaveLength(1);
  });

  it('is not searched for by a node that has never handled a voucher', async () => {
    const bench = new Bench();
    await bench.leaveBehind();
    bench.rig.wire.length = 0;
    await bench.rig.pass(SWEEPS_MS);
    expect(bench.rig.wire).toEqual([]);
  });

  it('is finished once if all nodes sweep', async () => {
    const bench = new Bench();
    await bench.leaveBehind();
    const again = bench.rig.begin('n0', { nodeIds: NODES });
    await bench.rig.run(Promise.all([again.read(), bench.other.read()]));
    await bench.rig.pass(SWEEPS_MS);
    expect(bench.rig.wallet('u')).toMatchObject({ balance: 5 });
    expect(bench.rig.shard(0)).toMatchObject({ pending: [] });
  });
});

describe('the sweeps of a node', () => {
  it('come every second on average, at random, and look at one index each', async () => {
    const bench = new Bench();
    await bench.rig.run(bench.other.create(3));
    const sentMs = bench.watch();
    await bench.rig.pass(60_000);
    const pauses = differences(
      [...sentMs('n1', 'read', 'vn/n0'), ...sentMs('n1', 'read', 'vn/n1')].toSorted(ascending),
    );
    expect(pauses.length).toBeGreaterThan(40);
    expect(Math.min(...pauses)).toBeGreaterThanOrEqual(800 + 2);
    // Nothing is to be done, so they come a little later.
    expect(Math.max(...pauses)).toBeGreaterThan(1300);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(1440 + 2);
  });
});

describe('a shard', () => {
  it.each([0, 1, 2, 3])('is removed by the first sweep after it was idle for 5 s: seed %d', async (seed) => {
    const bench = new Bench({ seed });
    await bench.rig.run(bench.dying.create(3));
    const sentMs = bench.watch();
    await bench.rig.run(bench.dying.redeem('u'));
    await bench.rig.pass(IDLE_MS);
    const [, removalMs = 0, fenceMs = 0, ...more] = sentMs('n0', 'cas', SHARD_KEY);
    expect(more).toEqual([]);
    const sweepsMs = sentMs('n0', 'read', 'vn/n0').filter((ms) => ms > removalMs && ms < fenceMs);
    const idleMs = sweepsMs.map((ms) => ms - removalMs);
    // The index of each node is read, and then the shard.
    expect(idleMs.pop()).toBeGreaterThanOrEqual(5000 - 6);
    for (const ms of idleMs) expect(ms).toBeLessThan(5000);
    expect(bench.rig.index('n0')).toEqual([]);
  });

  it('that could not be removed stays for as long again', async () => {
    const bench = new Bench();
    await bench.rig.run(bench.dying.create(3));
    await bench.rig.run(bench.dying.redeem('u'));
    await bench.rig.pass(1000);
    bench.rig.wire.length = 0;
    const fencesMs: number[] = [];
    bench.rig.lose(({ body }) => {
      if (body.type === 'cas' && body.key === SHARD_KEY) fencesMs.push(bench.rig.time.now());
      return body.type === 'cas';
    });
    await bench.rig.pass(30_000);
    expect(fencesMs.length).toBeGreaterThan(2);
    expect(Math.min(...differences(fencesMs))).toBeGreaterThan(5000);
    expect(bench.rig.index('n0')).toEqual([[CODE, 0]]);
    bench.rig.heal();
    await bench.rig.pass(IDLE_MS);
    expect(bench.rig.index('n0')).toEqual([]);
  });

  it('is removed by its node although a node listed after it is dead and has it, too', async () => {
    const bench = new Bench();
    await bench.rig.run(bench.dying.create(3));
    await bench.rig.run(bench.dying.redeem('u'));
    await bench.rig.run(bench.other.redeem('other'));
    bench.other.kill();
    await bench.rig.pass(2 * IDLE_MS);
    expect(bench.rig.shard(0)).toMatchObject({ used: 2, pending: [] });
    expect([bench.rig.index('n0'), bench.rig.index('n1')]).toEqual([[], [[CODE, 0]]]);
  });

  it('in which others redeem stays as long as something is unfinished, for two readings a sweep', async () => {
    const bench = new Bench();
    await bench.rig.run(bench.dying.create(100));
    await bench.rig.run(bench.dying.redeem('u'));
    await bench.rig.pass(1000);
    bench.rig.wire.length = 0;
    const record = { granted: 100, returned: 0, left: [], since: 0 };
    // Always another one, so that none looks abandoned.
    for (let place = 1; place < 40; place++) {
      bench.rig.put(SHARD_KEY, { ...record, used: place + 1, pending: [[`u${place}`, 'r', place]] }, 100 + place);
      await bench.rig.pass(400);
    }
    expect(bench.rig.index('n0')).toEqual([[CODE, 0]]);
    const reads = (key: string) => bench.rig.asked('read', key, 'n0').length;
    // The last one may have come just before the end.
    expect(Math.abs(reads('vs/') - 2 * reads('vn/n0'))).toBeLessThanOrEqual(1);
  });
  it('that was idle for a while is removed by its node, and added again with the next redemption', async () => {
    const bench = new Bench();
    await bench.rig.run(bench.dying.create(3));
    await bench.rig.run(bench.dying.redeem('u'));
    expect(bench.rig.index('n0')).toEqual([[CODE, 0]]);
    await bench.rig.pass(IDLE_MS);
    expect(bench.rig.index('n0')).toEqual([]);
    await bench.rig.run(bench.dying.redeem('other'));
    expect(bench.rig.index('n0')).toEqual([[CODE, 0]]);
  });

  it('of a dead node is removed by its next life, when it is empty', async () => {
    const bench = new Bench();
    await bench.leaveBehind();
    const again = bench.rig.begin('n0', { nodeIds: NODES });
    await bench.rig.run(again.read());
    await bench.rig.pass(2 * IDLE_MS);
    expect(bench.rig.index('n0')).toEqual([]);
    expect(bench.rig.wallet('u')).toMatchObject({ balance: 5 });
  });

  it('of another node is not removed', async () => {
    const bench = new Bench();
    await bench.leaveBehind();
    await bench.rig.run(bench.other.read());
    await bench.rig.pass(2 * IDLE_MS);
    expect(bench.rig.index('n0')).toEqual([[CODE, 0]]);
    expect(bench.rig.index('n1')).toBeUndefined();
    // It removed the redemption, and then let the shard be.
    expect(bench.rig.asked('cas', SHARD_KEY, 'n1')).toHaveLength(1);
  });
});
