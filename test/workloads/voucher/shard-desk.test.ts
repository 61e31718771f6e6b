/** The requests of a desk to the store, and its answers when the outcome of a pivot is unknown. */

import { describe, expect, it } from 'vitest';
import { LinKvStore } from '../../../src/kv/lin-kv-store.ts';
import { RpcError } from '../../../src/protocol/errors.ts';
import { VOUCHER_LIMITS } from '../../../src/workloads/voucher/limits.ts';
import {
  openVoucherStore,
  type Pending,
  pageKey,
  type ShardRecord,
  shardKey,
} from '../../../src/workloads/voucher/records.ts';
import type { Terms } from '../../../src/workloads/voucher/redemptions.ts';
import type { RightsResult } from '../../../src/workloads/voucher/rights.ts';
import type { RedeemOutcome, ShardDesk, ShardDeskOptions } from '../../../src/workloads/voucher/shard-desk.ts';
import { replacing } from '../../fixtures/mutants/altered.ts';
import { LATENCY_MS, LOST } from '../../support/store-rig.ts';
import { CODE, VoucherRig } from '../../support/voucher-rig.ts';

/** Longer than a desk or a document retries. */
const LONG_MS = 30_000;
const SHARD_KEY = shardKey(CODE, 0);

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

/** A change of a shard that was tried. */
interface Try {
  readonly ms: number;
  readonly content: ShardRecord;
}

/** A store that cannot change shards in tries for which `isAway` is true, counted from 0. */
function unavailableShards(bench: Bench, nodeId: string, isAway: (number: number) => boolean) {
  const { context, node } = bench.rig.start(nodeId);
  const store = openVoucherStore(context, new LinKvStore(context));
  const tries: Try[] = [];
  const shards = replacing(store.shards, {
    replace: async (...args) => {
      tries.push({ ms: bench.rig.time.now(), content: args[2] });
      if (!isAway(tries.length - 1)) return store.shards.replace(...args);
      return { kind: 'unavailable', error: RpcError.of('temporarily-unavailable', 'connection refused') };
    },
  });
  return { context, node, store: { ...store, shards }, tries };
}

/** Between two tries is a pause and a reading of the shard. */
function expectPausesOf(tries: readonly Try[], longestMs: number): void {
  const pauses = tries.slice(1).map(({ ms }, index) => ms - (tries[index] as Try).ms - 2 * LATENCY_MS);
  expect(Math.min(...pauses)).toBeGreaterThan(0);
  expect(Math.max(...pauses)).toBeGreaterThan(longestMs / 2);
  expect(Math.max(...pauses)).toBeLessThanOrEqual(longestMs);
}

/** Each user has left in the version of the shard that was the first to say so. */
function expectVersionsOfLeft(bench: Bench): void {
  const versions = bench.rig.asked('cas', 'vs/').map(({ from, to }) => {
    const known = new Set((JSON.parse(from) as ShardRecord).left.map(([user]) => user));
    const { left, ver } = JSON.parse(to) as ShardRecord & { readonly ver: number };
    return { ver, added: left.filter(([user]) => !known.has(user)) };
  });
  expect(versions.flatMap(({ added }) => added).length).toBeGreaterThan(1);
  for (const { ver, added } of versions) expect(added.map(([, leftVer]) => leftVer)).toEqual(added.map(() => ver));
}

describe('a redemption', () => {
  it('costs a read of the wallet, a pivot and a credit, and later a page and the removal', async () => {
    const bench = await Bench.open();
    const desk = bench.desk('n0');
    const sent = () => bench.rig.wire.flatMap(({ src, body }) => (src === 'n0' ? `${body.type} ${body.key}` : []));
    expect(await bench.redeem(desk, 'a')).toEqual({ outcome: 'redeemed', redemption: 2, credited: 5 });
    await bench.rig.pass(LONG_MS);
    const [shard, page] = [`vs/${CODE}/0`, `vp/${CODE}/0/0`];
    const own = [`cas ${shard}`, 'cas w/b', `read ${page}`, `cas ${page}`, `cas ${shard}`];
    expect(sent()).toEqual([`read ${shard}`, 'read w/a', ...own.map((text) => text.replace('w/b', 'w/a'))]);
    bench.rig.wire.length = 0;
    const startMs = bench.rig.time.now();
    expect(await bench.redeem(desk, 'b')).toEqual({ outcome: 'redeemed', redemption: 3, credited: 5 });
    // Three requests and their answers.
    expect(bench.rig.time.now() - startMs).toBe(6 * LATENCY_MS);
    await bench.rig.pass(LONG_MS);
    // The desk remembers the shard.
    expect(sent()).toEqual(['read w/b', ...own]);
    bench.rig.wire.length = 0;
    expect(await bench.redeem(desk, 'b')).toEqual({ outcome: 'redeemed', redemption: 3, credited: 5 });
    await bench.rig.pass(LONG_MS);
    // The wallet shows it.
    expect(sent()).toEqual(['read w/b']);
  });

  it('is refused before its pivot if its wallet is full', async () => {
    const bench = await Bench.open();
    bench.rig.put('w/u', { balance: Number.MAX_SAFE_INTEGER, entries: [] });
    await expect(bench.redeem(bench.desk('n0'), 'u')).rejects.toMatchObject({
      code: 14,
      message: 'the wallet of u is full',
    });
    await bench.rig.pass(LONG_MS);
    expect(bench.rig.asked('cas', '')).toEqual([]);
  });

  it('is refused before its pivot if its wallet cannot be read, and no other one with it', async () => {
    const bench = await Bench.open();
    const desk = bench.desk('n0');
    bench.rig.put('w/u', { balance: 'a lot', entries: [] });
    const answers = ['first', 'u', 'v'].map((user) => desk.redeem(user, 'r').catch((error: RpcError) => error));
    expect(await bench.rig.run(Promise.all(answers))).toEqual([
      expect.objectContaining({ outcome: 'redeemed' }),
      expect.objectContaining({ code: 14, message: expect.stringContaining('w/u') }),
      expect.objectContaining({ outcome: 'redeemed' }),
    ]);
    expect(bench.rig.asked('cas', 'vs/').filter(({ to }) => to.includes('"u"'))).toEqual([]);
  });

  it('is answered 13 after a mistake in the program, and later ones are served', async () => {
    const bench = await Bench.open();
    let mistakes = 1;
    const register = async () => {
      if (mistakes-- > 0) throw new Error('a mistake');
      return undefined;
    };
    const desk = bench.desk('n0', { register });
    await expect(bench.redeem(desk, 'u')).rejects.toMatchObject({
      code: 13,
      message: 'it is not known whether it is redeemed: an unknown error',
    });
    expect(await bench.redeem(desk, 'u')).toMatchObject({ outcome: 'redeemed' });
  });
});

describe('many at once', () => {
  it('are redeemed with few compare-and-sets of their shard, and one of each wallet', async () => {
    const bench = await Bench.open();
    const desk = bench.desk('n0');
    const users = Array.from({ length: 66 }, (_, number) => `u${number}`);
    const answers = await bench.rig.run(Promise.all(users.map((user) => desk.redeem(user, 'r'))));
    expect(new Set(answers.map((answer) => answer.outcome))).toEqual(new Set(['redeemed']));
    expect(new Set(answers.map((answer) => 'redemption' in answer && answer.redemption)).size).toBe(66);
    await bench.rig.pass(1000);
    // The first alone, then 64 together and the last one, and the removals.
    const used = bench.rig.asked('cas', 'vs/').map(({ to }) => JSON.parse(to).used);
    expect(used.slice(0, 3)).toEqual([2, 66, 67]);
    expect(used.length).toBeLessThanOrEqual(6);
    expect(bench.rig.asked('cas', 'w/')).toHaveLength(66);
    expect(bench.rig.asked('read', 'w/')).toHaveLength(66);
    expect(bench.rig.shard(0)).toMatchObject({ used: 67, pending: [] });
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
    expectVersionsOfLeft(bench);
  });

  it('has 1024 of them', async () => {
    const bench = await Bench.open();
    const fill = (length: number) => {
      const pending = Array.from({ length }, (_, place): Pending => [`u${place}`, 'r', place]);
      bench.rig.put(SHARD_KEY, { granted: 5000, returned: 0, used: length, pending, left: [], since: 0 }, 100);
    };
    fill(1023);
    expect(await bench.redeem(bench.desk('n0'), 'a')).toMatchObject({ outcome: 'redeemed' });
    fill(1024);
    await expect(bench.redeem(bench.desk('n1'), 'b')).rejects.toMatchObject({
      code: 11,
      message: `too much of ${CODE} is unfinished`,
    });
  });
});

describe('redemptions that were reported', () => {
  it('leave their shard, which remembers from which version on they are gone', async () => {
    const bench = await Bench.open();
    const desk = bench.desk('n0');
    for (const user of ['a', 'b', 'c']) {
      await bench.redeem(desk, user);
      await bench.rig.pass(1000);
    }
    expect(bench.rig.shard(0)).toMatchObject({ pending: [] });
    expect(bench.rig.shard(0)?.left.map(([user]) => user)).toEqual(['first', 'a', 'b', 'c']);
    expectVersionsOfLeft(bench);
  });

  it('are removed in at most five attempts, with pauses, and the next work tries again', async () => {
    const bench = await Bench.open();
    const { context, store, tries } = unavailableShards(bench, 'n0', (number) => number > 0 && number < 6);
    const desk = bench.rig.desk(context, bench.terms, { store });
    await bench.redeem(desk, 'a');
    await bench.rig.pass(LONG_MS);
    expect(tries).toHaveLength(6);
    expect(tries.slice(1).map(({ content }) => content.pending)).toEqual(Array.from({ length: 5 }, () => []));
    expectPausesOf(tries.slice(1), 20);
    expect(bench.rig.shard(0)?.pending.map(([user]) => user)).toEqual(['a']);
    desk.finish([['a', 'by a', 1]]);
    await bench.rig.pass(LONG_MS);
    expect(bench.rig.shard(0)?.pending).toEqual([]);
  });

  it('are removed by the pivot of a request that comes meanwhile', async () => {
    const bench = await Bench.open();
    const { context, store, tries } = unavailableShards(bench, 'n0', (number) => number === 1);
    const desk = bench.rig.desk(context, bench.terms, { store });
    await bench.redeem(desk, 'a');
    while (tries.length < 2) await bench.rig.pass(1);
    expect(await bench.redeem(desk, 'b')).toMatchObject({ outcome: 'redeemed' });
    expect(tries.slice(1).map(({ content }) => content.pending.map(([user]) => user))).toEqual([[], ['b']]);
  });

  it('are removed from the version that the shard is found in', async () => {
    const bench = await Bench.open();
    const [one, other] = [bench.desk('n0'), bench.desk('n1')];
    await bench.redeem(one, 'a');
    // After this the first desk knows an old version.
    await bench.redeem(other, 'b');
    await bench.rig.pass(1000);
    expect(bench.rig.shard(0)).toMatchObject({ used: 3, pending: [] });
    expect(bench.rig.asked('cas', 'vs/', 'n0')).toHaveLength(3);
  });

  it('and that left long ago are forgotten without a change of the shard', async () => {
    const bench = await Bench.open();
    const desk = bench.desk('n0');
    await bench.redeem(desk, 'a');
    await bench.rig.pass(1000);
    const { length } = bench.rig.asked('cas', 'vs/');
    // As a sweep does that has seen an old version.
    desk.finish([['first', 'r', 0]]);
    await bench.rig.pass(1000);
    expect(bench.rig.asked('cas', 'vp/')).toHaveLength(1);
    expect(bench.rig.asked('cas', 'vs/')).toHaveLength(length);
    expect(desk.idleMs).toBeGreaterThan(800);
  });

  it('stay while the shard cannot be read, which is logged, until they are finished again', async () => {
    const bench = await Bench.open();
    const record = { granted: 9, returned: 0, used: 2, pending: [['a', 'by a', 1]], left: [], since: 0 };
    bench.rig.put(SHARD_KEY, record, 100);
    const context = bench.rig.context('n0');
    const logged: unknown[] = [];
    const debug = (...line: unknown[]) => logged.push(line);
    const desk = bench.rig.desk({ ...context, log: { ...context.log, debug } }, bench.terms);
    bench.rig.lose(({ body }) => body.type === 'read' && body.key === SHARD_KEY);
    desk.finish([['a', 'by a', 1]]);
    await bench.rig.pass(LONG_MS);
    bench.rig.heal();
    expect(bench.rig.shard(0)?.pending).toHaveLength(1);
    expect(logged).toEqual([
      [
        `finished redemptions of ${CODE} could not be removed from their shard`,
        { reason: expect.stringContaining(SHARD_KEY) },
      ],
    ]);
    desk.finish([['a', 'by a', 1]]);
    await bench.rig.pass(LONG_MS);
    expect(bench.rig.shard(0)?.pending).toEqual([]);
  });
});

describe('a desk', () => {
  it('is idle from its last work on', async () => {
    const bench = await Bench.open();
    const desk = bench.desk('n0');
    expect(desk.idleMs).toBe(0);
    await bench.rig.pass(300);
    expect(desk.idleMs).toBe(300);
    const answer = desk.redeem('u', 'r');
    expect(desk.idleMs).toBe(0);
    await bench.rig.run(answer);
    // It is gathered, to be reported.
    await bench.rig.pass(50);
    expect(desk.idleMs).toBe(0);
    while (bench.rig.shard(0)?.pending.length !== 0) await bench.rig.pass(1);
    await bench.rig.pass(100);
    // The answer of the store took 1 ms.
    expect(desk.idleMs).toBe(99);
    await bench.rig.pass(1000);
    expect(desk.idleMs).toBe(1099);
  });
});

describe('a shard that was full when a node last saw it', () => {
  it('is read once more, and the request is refused if it is still full', async () => {
    const bench = await Bench.open();
    const limits = { ...VOUCHER_LIMITS, pending: 1 };
    const [one, other] = [bench.desk('n0', { limits }), bench.desk('n1', { limits })];
    await bench.redeem(one, 'a');
    bench.rig.wire.length = 0;
    const refusal = { code: 11, message: `too much of ${CODE} is unfinished` };
    await expect(bench.redeem(one, 'b')).rejects.toMatchObject(refusal);
    expect(bench.rig.asked('read', 'vs/', 'n0')).toHaveLength(1);
    // For this one it is the first look.
    await expect(bench.redeem(other, 'b')).rejects.toMatchObject(refusal);
    expect(bench.rig.asked('read', 'vs/', 'n1')).toHaveLength(1);
  });

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
    expect(bench.rig.shard(0)?.left).toHaveLength(256);
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
    await expect(bench.redeem(bench.desk('n0'), 'u')).rejects.toMatchObject({
      code: 13,
      definite: false,
      message: 'it is not known whether it is redeemed: the shard of u was busy for too long',
    });
  });

  it('that was lost is answered 13 while the shard cannot be read', async () => {
    const bench = await Bench.open();
    const desk = bench.desk('n0');
    bench.rig.lose(({ src }) => src === 'lin-kv' && bench.rig.asked('cas', 'vs/').length > 0);
    await expect(bench.redeem(desk, 'u')).rejects.toMatchObject({ code: 13 });
    bench.rig.heal();
    const { length } = bench.rig.asked('cas', 'vs/');
    // It was, and now this is known, by reading.
    expect(await bench.redeem(desk, 'u')).toMatchObject({ outcome: 'redeemed', redemption: 2 });
    expect(bench.rig.asked('cas', 'vs/')).toHaveLength(length);
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
    const startMs = bench.rig.time.now();
    await expect(bench.redeem(desk, 'u')).rejects.toMatchObject({ code: 11, definite: true });
    expectPausesOf(tries, 20);
    // It is given up when a new try could take too long for its client.
    expect(bench.rig.time.now() - startMs).toBeGreaterThanOrEqual(3500);
    expect(bench.rig.time.now() - startMs).toBeLessThan(3530);
  });

  it('is not waited for when the node ends', async () => {
    const bench = await Bench.open();
    const { context, node, store, tries } = unavailableShards(bench, 'n0', () => true);
    const answer = bench.rig.desk(context, bench.terms, { store }).redeem('u', 'r');
    const startMs = bench.rig.time.now();
    bench.rig.time.schedule(1000, () => node.stop('the node ends'));
    await expect(bench.rig.run(answer)).rejects.toMatchObject({ code: 11, message: 'this node is about to end' });
    expect(bench.rig.time.now() - startMs).toBeLessThan(1030);
    expect(tries.length).toBeGreaterThan(10);
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

describe('a page of the report', () => {
  it('lists a redemption once, also if it is credited again before it is reported', async () => {
    const bench = await Bench.open();
    const desk = bench.desk('n0');
    expect(await bench.redeem(desk, 'a')).toMatchObject({ outcome: 'redeemed', redemption: 2 });
    desk.finish([['a', 'by a', 1]]);
    await bench.rig.pass(1000);
    expect(bench.rig.stored(pageKey(CODE, 0, 0))).toMatchObject({
      entries: [
        [0, 'first', 'r'],
        [1, 'a', 'by a'],
      ],
    });
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

  it('costs no more at a node that never redeemed', async () => {
    const bench = await Bench.open(1);
    const desk = bench.desk('n0');
    expect(await bench.redeem(desk, 'late')).toEqual({ outcome: 'sold_out' });
    const { length } = bench.rig.wire;
    expect(await bench.redeem(desk, 'later')).toEqual({ outcome: 'sold_out' });
    expect(bench.rig.wire.slice(length).map(({ body }) => body.type)).toEqual(['read', 'error']);
  });
});

describe('a search for rights', () => {
  const NO_RIGHTS = RpcError.of('temporarily-unavailable', 'no rights');
  const USED = { granted: 2, returned: 0, used: 2, pending: [['a', 'by a', 1]], left: [], since: 0 };

  it('that finds none is told, and the next one may find some', async () => {
    const bench = await Bench.open(1);
    const results: RightsResult[] = [NO_RIGHTS, { granted: 2 }];
    const desk = bench.desk('n0', { rights: { acquire: async () => results.shift() as RightsResult } });
    await expect(bench.redeem(desk, 'u')).rejects.toBe(NO_RIGHTS);
    expect(await bench.redeem(desk, 'u')).toMatchObject({ outcome: 'redeemed', redemption: 2 });
  });

  it('that finds the voucher sold out tells so only to users who have not redeemed meanwhile', async () => {
    const bench = await Bench.open(1);
    const fast = bench.desk('n1', { rights: { acquire: async () => ({ granted: 2 }) } });
    const acquire = async () => {
      await fast.redeem('a', 'r');
      return 'sold-out' as const;
    };
    const slow = bench.desk('n0', { rights: { acquire } });
    expect(await bench.redeem(slow, 'a', 'r')).toEqual({ outcome: 'redeemed', redemption: 2, credited: 5 });
    expect(bench.rig.wallet('a')).toMatchObject({ balance: 5 });
  });

  it.each([
    ['tells so', 'sold-out', { outcome: 'sold_out' }],
    ['fails', NO_RIGHTS, NO_RIGHTS],
  ] as const)(
    'that %s does not concern those of the group whose redemption the shard shows',
    async (_, result, other) => {
      const bench = await Bench.open(2);
      bench.rig.put(SHARD_KEY, USED, 100);
      const desk = bench.desk('n0', { rights: { acquire: async () => result } });
      // The first one is a group by itself. The others wait together.
      const users = ['before', 'a', 'b'];
      const answers = users.map((user) => desk.redeem(user, `by ${user}`).catch((error: RpcError) => error));
      expect(await bench.rig.run(Promise.all(answers))).toEqual([
        other,
        { outcome: 'redeemed', redemption: 2, credited: 5 },
        other,
      ]);
      expect(bench.rig.wallet('a')).toMatchObject({ balance: 5 });
    },
  );
});
