/** Redemptions of a dead node are finished by another one. Those of a live node are left to it for a while. */

import { describe, expect, it } from 'vitest';
import { CODE, type VoucherNode, VoucherRig } from '../../support/voucher-rig.ts';

/** Several sweeps, and the time after which a redemption counts as abandoned. */
const SWEEPS_MS = 6000;
/** Longer than a shard is idle before it is removed from the index. */
const IDLE_MS = 12_000;
const NODES = ['n0', 'n1'];

class Bench {
  readonly rig = new VoucherRig();
  readonly dying: VoucherNode;
  readonly other: VoucherNode;

  constructor({ sweeps = true } = {}) {
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
    expect(await bench.rig.run(bench.other.read())).toEqual({ limit: 3, used: 1, pending: 0 });
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

describe('a shard', () => {
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
  });
});
