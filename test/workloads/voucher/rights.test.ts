/** Escrow: rights move between shards. There are never more than the limit, and in the end not fewer. */

import { describe, expect, it } from 'vitest';
import { LinKv } from '../../../src/harness/services/lin-kv.ts';
import { LinKvStore } from '../../../src/kv/lin-kv-store.ts';
import { RpcError } from '../../../src/protocol/errors.ts';
import { SeededRandom } from '../../../src/protocol/random.ts';
import { openVoucherStore, shardKey, shardOf, voucherKey } from '../../../src/workloads/voucher/records.ts';
import { Rights, type RightsResult, sum } from '../../../src/workloads/voucher/rights.ts';
import { type Fate, LOST } from '../../support/store-rig.ts';
import { CODE, type VoucherNode, VoucherRig } from '../../support/voucher-rig.ts';

/** A shard as stored. */
function shardRecord(granted: number, used = 0, returned = 0) {
  return { granted, returned, used, pending: [], left: [], since: 0 };
}

class Bench {
  readonly rig = new VoucherRig();
  readonly rights: Rights;

  constructor(limit: number, granted: readonly number[], returned: readonly number[] = granted.map(() => 0)) {
    const context = this.rig.context('n0');
    this.rights = new Rights(context, openVoucherStore(context, new LinKvStore(context)));
    this.rig.put(voucherKey(CODE), { limit, amount: 5, granted, returned, sold_out: false });
  }

  shard(shard: number, ...record: Parameters<typeof shardRecord>): this {
    this.rig.put(shardKey(CODE, shard), shardRecord(...record));
    return this;
  }

  acquire(shard: number): Promise<RightsResult> {
    return this.rig.run(this.rights.acquire(CODE, shard));
  }
}

describe('a shard without rights', () => {
  it('gets what the voucher granted it', async () => {
    const bench = new Bench(7, [4, 3]);
    expect(await bench.acquire(1)).toEqual({ granted: 3 });
  });

  it('gets its part of the pool', async () => {
    const bench = new Bench(10, [2, 2], [0, 0]).shard(0, 2, 2);
    expect(await bench.acquire(0)).toEqual({ granted: 5 });
    expect(bench.rig.voucher()).toMatchObject({ granted: [5, 2] });
  });

  it('gets half of the spare rights of the richest shard, through the pool', async () => {
    const bench = new Bench(20, [4, 4, 12]).shard(0, 4, 4).shard(1, 4, 1).shard(2, 12, 2);
    // Five came back, and the pool is divided by three.
    expect(await bench.acquire(0)).toEqual({ granted: 6 });
    expect(bench.rig.shard(1)).toMatchObject({ granted: 4, returned: 0 });
    expect(bench.rig.shard(2)).toMatchObject({ granted: 12, returned: 5 });
    expect(bench.rig.voucher()).toMatchObject({ returned: [0, 0, 5] });
  });

  it('gets "sold out" when all rights are used, which is stored', async () => {
    const bench = new Bench(5, [3, 2]).shard(0, 3, 3).shard(1, 2, 2);
    expect(await bench.acquire(0)).toBe('sold-out');
    expect(bench.rig.voucher()).toMatchObject({ sold_out: true });
    const { length } = bench.rig.wire;
    expect(await bench.acquire(1)).toBe('sold-out');
    // One request and its reply.
    expect(bench.rig.wire.length).toBe(length + 2);
  });

  it('does not get "sold out" while a right is stuck in transit', async () => {
    const bench = new Bench(5, [3, 2]).shard(0, 3, 3).shard(1, 2, 1);
    bench.rig.lose(({ body }) => body.type === 'cas');
    const result = await bench.acquire(0);
    expect(result).toBeInstanceOf(RpcError);
    expect(result).toMatchObject({ code: 11 });
  });

  it('leaves rights in transit to their shard, and takes them if they stay unused', async () => {
    const bench = new Bench(5, [3, 2]).shard(0, 3, 3).shard(1, 1, 1);
    const result = bench.acquire(0);
    expect(await result).toEqual({ granted: 4 });
    expect(bench.rig.shard(1)).toMatchObject({ granted: 2, returned: 1, used: 1 });
    expect(bench.rig.context('n0').clock.monotonicMs()).toBeGreaterThan(100);
  });

  it.each([100, 150, 300, 450])('takes them on a network with a latency of %i ms, too', async (latencyMs) => {
    const bench = new Bench(5, [3, 2]).shard(0, 3, 3).shard(1, 1, 1);
    bench.rig.drawFate = () => [latencyMs];
    // A search that runs out of time leaves the rest to the next one.
    let result = await bench.acquire(0);
    for (let retry = 0; retry < 10 && result instanceof RpcError; retry++) result = await bench.acquire(0);
    expect(result).toEqual({ granted: 4 });
    expect(bench.rig.shard(1)).toMatchObject({ granted: 2, returned: 1, used: 1 });
  });

  it('is refused for a missing voucher', async () => {
    const bench = new Bench(5, [5]);
    expect(await bench.rig.run(bench.rights.acquire('another', 0))).toMatchObject({ code: 20 });
  });
});

/** A store that checks the rules for rights after every change. */
class WatchedKv extends LinKv {
  readonly #limit: number;
  readonly #shards: number;
  readonly #highest = new Map<string, number>();

  constructor(limit: number, shards: number) {
    super();
    this.#limit = limit;
    this.#shards = shards;
  }

  override handle(source: string, body: Parameters<LinKv['handle']>[1]) {
    const reply = super.handle(source, body);
    if (body.type === 'cas' && reply?.type === 'cas_ok') this.#check();
    return reply;
  }

  #check(): void {
    const voucher = this.#read(voucherKey(CODE));
    if (voucher === undefined) return;
    const { granted, returned, sold_out: soldOut } = voucher;
    expect(sum(granted) - sum(returned)).toBeLessThanOrEqual(this.#limit);
    let usedTotal = 0;
    for (let shard = 0; shard < this.#shards; shard++) {
      const own = this.#read(shardKey(CODE, shard)) ?? shardRecord(0);
      usedTotal += own.used;
      expect(own.used + own.returned).toBeLessThanOrEqual(own.granted);
      expect(own.granted).toBeLessThanOrEqual(granted[shard]);
      expect(own.returned).toBeGreaterThanOrEqual(returned[shard]);
      for (const name of ['granted', 'returned', 'used']) this.#expectRisen(`${shard} ${name}`, own[name]);
      this.#expectRisen(`${shard} granted by the voucher`, granted[shard]);
      this.#expectRisen(`${shard} returned to the voucher`, returned[shard]);
    }
    expect(usedTotal).toBeLessThanOrEqual(this.#limit);
    if (soldOut) expect(usedTotal).toBe(this.#limit);
  }

  #expectRisen(name: string, value: number): void {
    expect(value, name).toBeGreaterThanOrEqual(this.#highest.get(name) ?? 0);
    this.#highest.set(name, value);
  }

  // biome-ignore lint/suspicious/noExplicitAny: what is stored, of every shape
  #read(key: string): any {
    const value = super.handle('test', { type: 'read', key } as never)?.value;
    return value === undefined ? undefined : JSON.parse(value as string);
  }
}

const NODES = ['n0', 'n1', 'n2'];
const SEEDS = Array.from({ length: 25 }, (_, seed) => seed);

/** The strength of the faults is drawn too. */
function createFates(random: SeededRandom): () => Fate {
  const [lossPercent, doublingPercent, latePercent] = [random.integer(15), random.integer(15), random.integer(10)];
  const delay = () => 1 + random.integer(10);
  return () => {
    const percentile = random.integer(100);
    if (percentile < lossPercent) return LOST;
    if (percentile < lossPercent + doublingPercent) return [delay(), delay() + random.integer(50)];
    return percentile < lossPercent + doublingPercent + latePercent ? [500 + random.integer(2000)] : [delay()];
  };
}

/** Retries until there is an answer; undefined if there is none. */
async function redeemSurely(node: VoucherNode, user: string): Promise<string | undefined> {
  for (let attempt = 0; attempt < 20; attempt++) {
    const outcome = await node.redeem(user).then(
      (reply) => reply.outcome,
      () => undefined,
    );
    if (outcome !== undefined) return outcome;
    await node.context.sleep(500);
  }
  return undefined;
}

/**
 * Several nodes redeem while messages are lost, repeated and late. Then fresh users of all shards redeem the rest.
 * Resolves to the number of used rights.
 */
async function redeemAll(seed: number) {
  const random = new SeededRandom(seed);
  const [limit, shards] = [1 + random.integer(12), 1 + random.integer(4)];
  const rig = new VoucherRig(seed, new WatchedKv(limit, shards));
  const nodes = NODES.map((nodeId) => rig.begin(nodeId, { nodeIds: NODES }));
  await rig.run((nodes[0] as VoucherNode).create(limit, shards));
  rig.drawFate = createFates(random);
  const early = Array.from({ length: 2 * limit }, (_, number) => `u${number}`);
  await rig.run(
    Promise.all(
      early.map(async (user, index) => {
        const node = nodes[index % nodes.length] as VoucherNode;
        await node.context.sleep(random.integer(2000));
        await node.redeem(user).catch(() => {});
      }),
    ),
  );
  rig.heal();
  await rig.pass(10_000);
  // For every shard more users than rights.
  const perShard = new Map<number, number>();
  const fresh: string[] = [];
  for (let number = 0; fresh.length < (limit + 1) * shards; number++) {
    const own = shardOf(`fresh${number}`, shards);
    if ((perShard.get(own) ?? 0) > limit) continue;
    perShard.set(own, (perShard.get(own) ?? 0) + 1);
    fresh.push(`fresh${number}`);
  }
  const last: (string | undefined)[] = [];
  for (const [index, user] of fresh.entries())
    last.push(await rig.run(redeemSurely(nodes[index % nodes.length] as VoucherNode, user)));
  return { limit, used: (await rig.run((nodes[0] as VoucherNode).read())).used, last };
}

describe('nodes that redeem while messages are lost, repeated and late', () => {
  it('never use more than the limit, and lose no right', async () => {
    for (const seed of SEEDS) {
      const { limit, used, last } = await redeemAll(seed);
      expect(used, `seed ${seed}`).toBe(limit);
      expect(last.at(-1), `seed ${seed}`).toBe('sold_out');
    }
  });
});
