/** The requests of a desk to the store, and its answers when the outcome of a pivot is unknown. */

import { describe, expect, it } from 'vitest';
import { LinKvStore } from '../../../src/kv/lin-kv-store.ts';
import { RpcError } from '../../../src/protocol/errors.ts';
import { VOUCHER_LIMITS } from '../../../src/workloads/voucher/limits.ts';
import { openVoucherStore } from '../../../src/workloads/voucher/records.ts';
import type { Terms } from '../../../src/workloads/voucher/redemptions.ts';
import type { RedeemOutcome, ShardDesk, ShardDeskOptions } from '../../../src/workloads/voucher/shard-desk.ts';
import { replacing } from '../../fixtures/mutants/altered.ts';
import { LOST } from '../../support/store-rig.ts';
import { CODE, VoucherRig } from '../../support/voucher-rig.ts';

/** Longer than a desk or a document retries. */
const LONG_MS = 30_000;

class Bench {
  readonly rig = new VoucherRig();
  readonly terms: Terms;

  constructor(limit: number) {
    this.terms = { code: CODE, limit, amount: 5, shardCount: 1 };
  }

  static async open(limit = 1000): Promise<Bench> {
    const bench = new Bench(limit);
    await bench.rig.run(bench.rig.begin('creator').create(limit));
    // The shard has its rights, so only redemptions are counted.
    await bench.rig.run(bench.desk('first').redeem('first', 'r'));
    await bench.rig.pass(1000);
    bench.rig.wire.length = 0;
    return bench;
  }

  desk(nodeId: string, own: Partial<ShardDeskOptions> = {}): ShardDesk {
    return this.rig.desk(this.rig.context(nodeId), this.terms, own);
  }

  /** Redeems at one node, to the end. */
  redeem(desk: ShardDesk, user: string, requestId = `by ${user}`): Promise<RedeemOutcome> {
    return this.rig.run(desk.redeem(user, requestId));
  }
}

/** A store that cannot change shards in tries for which `isAway` is true, counted from 0. */
function unavailableShards(bench: Bench, nodeId: string, isAway: (number: number) => boolean) {
  const context = bench.rig.context(nodeId);
  const store = openVoucherStore(context, new LinKvStore(context));
  /** The times of the tries, ms. */
  const tries: number[] = [];
  const shards = replacing(store.shards, {
    replace: async (...args) => {
      tries.push(bench.rig.time.now());
      if (!isAway(tries.length - 1)) return store.shards.replace(...args);
      return { kind: 'unavailable', error: RpcError.of('temporarily-unavailable', 'connection refused') };
    },
  });
  return { context, store: { ...store, shards }, tries };
}

describe('many at once', () => {
  it('are redeemed with few compare-and-sets of their shard, and one of each wallet', async () => {
    const bench = await Bench.open();
    const desk = bench.desk('n0');
    const users = Array.from({ length: 64 }, (_, number) => `u${number}`);
    const answers = await bench.rig.run(Promise.all(users.map((user) => desk.redeem(user, 'r'))));
    expect(new Set(answers.map((answer) => answer.outcome))).toEqual(new Set(['redeemed']));
    expect(new Set(answers.map((answer) => 'redemption' in answer && answer.redemption)).size).toBe(64);
    await bench.rig.pass(1000);
    // The first alone, all others together, and the removals.
    expect(bench.rig.asked('cas', 'vs/').length).toBeLessThanOrEqual(5);
    expect(bench.rig.asked('cas', 'w/')).toHaveLength(64);
    expect(bench.rig.asked('read', 'w/')).toHaveLength(64);
    expect(bench.rig.shard(0)).toMatchObject({ used: 65, pending: [] });
  });

  it('of one user get one redemption, with any request ids', async () => {
    const bench = await Bench.open();
    const desk = bench.desk('n0');
    const [one, other, again] = await bench.rig.run(
      Promise.all([desk.redeem('u', 'a'), desk.redeem('u', 'b'), desk.redeem('u', 'a')]),
    );
    expect(one).toMatchObject({ outcome: 'redeemed', credited: 5 });
    expect(other).toEqual({ outcome: 'already_redeemed' });
    expect(again).toEqual(one);
    expect(bench.rig.wallet('u')).toMatchObject({ balance: 5 });
  });
});

describe('a shard that is full of unfinished redemptions', () => {
  it('takes others when those are reported, also if there is never a moment without a request', async () => {
    const bench = await Bench.open();
    const desk = bench.desk('n0', { limits: { ...VOUCHER_LIMITS, group: 1, pending: 1 } });
    expect(await bench.redeem(desk, 'first in')).toMatchObject({ outcome: 'redeemed' });
    // While one of them is refused, the others wait.
    const insist = async (user: string): Promise<RedeemOutcome> => {
      for (;;) {
        try {
          return await desk.redeem(user, 'r');
        } catch (error) {
          expect(error).toMatchObject({ code: 11 });
        }
      }
    };
    const outcomes: RedeemOutcome[] = [];
    for (const user of ['a', 'b', 'c']) void insist(user).then((outcome) => outcomes.push(outcome));
    await bench.rig.pass(50);
    expect(outcomes).toEqual([]);
    await bench.rig.pass(2000);
    expect(outcomes).toEqual(Array.from({ length: 3 }, () => expect.objectContaining({ outcome: 'redeemed' })));
  });
});

describe('a shard that was full when a node last saw it', () => {
  it('is read again before the next request is refused', async () => {
    const bench = await Bench.open();
    const limits = { ...VOUCHER_LIMITS, pending: 1 };
    const [one, other] = [bench.desk('n0', { limits }), bench.desk('n1', { limits })];
    expect(await bench.redeem(one, 'a')).toMatchObject({ outcome: 'redeemed' });
    await expect(bench.redeem(other, 'b')).rejects.toMatchObject({ code: 11 });
    await bench.rig.pass(1000);
    expect(bench.rig.shard(0)?.pending).toEqual([]);
    expect(await bench.redeem(other, 'b')).toMatchObject({ outcome: 'redeemed' });
  });
});

describe('when others were faster', () => {
  it('a wallet is not read again', async () => {
    const bench = await Bench.open();
    const [slow, fast] = [bench.desk('n0'), bench.desk('n1')];
    bench.rig.next('cas', [30]);
    const answer = slow.redeem('a', 'r');
    await bench.rig.pass(5);
    expect(bench.rig.asked('cas', 'vs/')).toHaveLength(1);
    expect(await bench.redeem(fast, 'b')).toMatchObject({ outcome: 'redeemed' });
    expect(await bench.rig.run(answer)).toMatchObject({ outcome: 'redeemed' });
    expect(bench.rig.asked('cas', 'vs/', 'n0').length).toBeGreaterThan(1);
    expect(bench.rig.asked('read', 'w/a')).toHaveLength(1);
  });

  it('a wallet is read again when its user has left the shard, and shows the redemption', async () => {
    const bench = await Bench.open();
    const [slow, fast] = [bench.desk('n0'), bench.desk('n1')];
    bench.rig.next('cas', [500]);
    const answer = slow.redeem('a', 'slow');
    await bench.rig.pass(5);
    const first = await bench.redeem(fast, 'a', 'fast');
    expect(first).toMatchObject({ outcome: 'redeemed' });
    await bench.rig.pass(300);
    expect(bench.rig.shard(0)?.pending).toEqual([]);
    expect(bench.rig.shard(0)?.left).toContainEqual(['a', expect.any(Number)]);
    expect(await bench.rig.run(answer)).toEqual({ outcome: 'already_redeemed' });
    expect(bench.rig.asked('read', 'w/a', 'n0')).toHaveLength(2);
    expect(bench.rig.wallet('a')).toMatchObject({ balance: 5 });
  });

  it('all wallets are read again when the shard has forgotten who left', async () => {
    const bench = await Bench.open();
    const [slow, fast] = [bench.desk('n0'), bench.desk('n1')];
    bench.rig.next('cas', [900]);
    const answer = slow.redeem('a', 'r');
    await bench.rig.pass(5);
    // More than a shard remembers, without `a`.
    const users = Array.from({ length: 300 }, (_, number) => `u${number}`);
    await bench.rig.run(Promise.all(users.map((user) => fast.redeem(user, 'r'))));
    await bench.rig.pass(400);
    expect(bench.rig.shard(0)?.left.length).toBeLessThanOrEqual(256);
    expect(bench.rig.shard(0)?.since).toBeGreaterThan(0);
    expect(await bench.rig.run(answer)).toMatchObject({ outcome: 'redeemed' });
    expect(bench.rig.asked('read', 'w/a', 'n0')).toHaveLength(2);
  });
});

describe('a pivot without an answer', () => {
  it('that was carried out is found, and credited once', async () => {
    const bench = await Bench.open();
    bench.rig.next('cas_ok', LOST);
    expect(await bench.redeem(bench.desk('n0'), 'u')).toMatchObject({ outcome: 'redeemed', redemption: 2 });
    expect(bench.rig.shard(0)?.used).toBe(2);
    expect(bench.rig.wallet('u')).toMatchObject({ balance: 5 });
  });

  it('that was carried out twice counts once', async () => {
    const bench = await Bench.open();
    bench.rig.next('cas', [20, 1]);
    expect(await bench.redeem(bench.desk('n0'), 'u')).toMatchObject({ outcome: 'redeemed', redemption: 2 });
    await bench.rig.pass(LONG_MS);
    expect(bench.rig.shard(0)).toMatchObject({ used: 2, pending: [] });
  });

  it('that was lost is answered 13 while it may still arrive', async () => {
    const bench = await Bench.open();
    bench.rig.lose(({ body }) => body.type === 'cas' && body.key.startsWith('vs/'));
    await expect(bench.redeem(bench.desk('n0'), 'u')).rejects.toMatchObject({ code: 13, definite: false });
  });

  it('that was lost is answered 13 while the shard cannot be read', async () => {
    const bench = await Bench.open();
    const desk = bench.desk('n0');
    bench.rig.lose(({ src }) => src === 'lin-kv' && bench.rig.asked('cas', 'vs/').length > 0);
    await expect(bench.redeem(desk, 'u')).rejects.toMatchObject({ code: 13 });
    bench.rig.heal();
    // It was, and now this is known.
    expect(await bench.redeem(desk, 'u')).toMatchObject({ outcome: 'redeemed', redemption: 2 });
  });

  it('that was lost is answered 11 as soon as a later version of the shard proves it dead', async () => {
    const bench = await Bench.open(2);
    const acquire = async () => RpcError.of('temporarily-unavailable', 'no rights');
    const [slow, fast] = [bench.desk('n0', { rights: { acquire } }), bench.desk('n1')];
    bench.rig.next('cas', LOST);
    const answer = slow.redeem('a', 'r');
    answer.catch(() => {});
    await bench.rig.pass(5);
    await bench.redeem(fast, 'b');
    await expect(bench.rig.run(answer)).rejects.toMatchObject({ code: 11, definite: true });
    await bench.rig.pass(LONG_MS);
    expect(bench.rig.shard(0)?.used).toBe(2);
    expect(bench.rig.wallet('a')).toBeUndefined();
  });

  it('is known not to be done while the store is unavailable: 11, with pauses between retries', async () => {
    const bench = await Bench.open();
    const { context, store, tries } = unavailableShards(bench, 'n0', () => true);
    const desk = bench.rig.desk(context, bench.terms, { store });
    await expect(bench.redeem(desk, 'u')).rejects.toMatchObject({ code: 11, definite: true });
    expect(tries.length).toBeLessThan(1000);
  });

  it('is still in doubt if an earlier one was lost before the store was unavailable: 13', async () => {
    const bench = await Bench.open();
    const { context, store } = unavailableShards(bench, 'n0', (number) => number > 0);
    bench.rig.lose(({ body }) => body.type === 'cas' && body.key.startsWith('vs/'));
    const desk = bench.rig.desk(context, bench.terms, { store });
    await expect(bench.redeem(desk, 'u')).rejects.toMatchObject({ code: 13, definite: false });
  });

  it('was never sent if the store is away or the shard cannot be added to the index: 11', async () => {
    const bench = await Bench.open();
    const register = async () => RpcError.of('temporarily-unavailable', 'the index is away');
    await expect(bench.redeem(bench.desk('n0', { register }), 'u')).rejects.toMatchObject({ code: 11 });
    bench.rig.lose(({ dest }) => dest === 'lin-kv');
    await expect(bench.redeem(bench.desk('n1'), 'u')).rejects.toMatchObject({ code: 11 });
    expect(bench.rig.asked('cas', 'vs/')).toEqual([]);
  });
});

describe('a redemption whose wallet does not answer', () => {
  it('is answered 13, and its repetition is answered later', async () => {
    const bench = await Bench.open();
    const desk = bench.desk('n0');
    bench.rig.lose(({ body }) => body.type === 'cas' && body.key.startsWith('w/'));
    await expect(bench.redeem(desk, 'u')).rejects.toMatchObject({
      code: 13,
      message: expect.stringContaining('has redeemed, and is not credited yet'),
    });
    expect(bench.rig.shard(0)?.pending).toEqual([['u', 'by u', 1]]);
    bench.rig.heal();
    expect(await bench.redeem(bench.desk('n1'), 'u')).toMatchObject({ outcome: 'redeemed', redemption: 2 });
    expect(bench.rig.wallet('u')).toMatchObject({ balance: 5 });
  });

  it('does not leave its shard', async () => {
    const bench = await Bench.open();
    bench.rig.lose(({ body }) => body.type === 'cas' && body.key.startsWith('w/u'));
    const desk = bench.desk('n0');
    const lost = desk.redeem('u', 'r').catch((error: RpcError) => error.code);
    await bench.rig.pass(50);
    await bench.redeem(desk, 'other');
    expect(await bench.rig.run(lost)).toBe(13);
    await bench.rig.pass(1000);
    expect(bench.rig.shard(0)?.pending.map(([user]) => user)).toEqual(['u']);
  });
});

describe('a voucher that is sold out', () => {
  it('costs one read of the wallet to report it, and answers earlier redemptions correctly', async () => {
    const bench = await Bench.open(2);
    const desk = bench.desk('n0');
    const last = await bench.redeem(desk, 'last');
    expect(await bench.redeem(desk, 'late')).toEqual({ outcome: 'sold_out' });
    expect(bench.rig.voucher()).toMatchObject({ sold_out: true });
    await bench.rig.pass(1000);
    const { length } = bench.rig.wire;
    expect(await bench.redeem(desk, 'later')).toEqual({ outcome: 'sold_out' });
    expect(bench.rig.wire.slice(length).map(({ body }) => body.type)).toEqual(['read', 'error']);
    expect(await bench.redeem(desk, 'last')).toEqual(last);
    expect(await bench.redeem(desk, 'last', 'another')).toEqual({ outcome: 'already_redeemed' });
  });
});
