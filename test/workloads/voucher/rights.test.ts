/** Escrow: rights move between shards. There are never more than the limit, and in the end not fewer. */

import { describe, expect, it } from 'vitest';
import { LinKv } from '../../../src/harness/services/lin-kv.ts';
import { LinKvStore } from '../../../src/kv/lin-kv-store.ts';
import { RpcError } from '../../../src/protocol/errors.ts';
import { SeededRandom } from '../../../src/protocol/random.ts';
import { openVoucherStore, shardKey, shardOf, voucherKey } from '../../../src/workloads/voucher/records.ts';
import { Rights, type RightsResult, sum } from '../../../src/workloads/voucher/rights.ts';
import { type Fate, LATENCY_MS, LOST } from '../../support/store-rig.ts';
import { CODE, type VoucherNode, VoucherRig } from '../../support/voucher-rig.ts';

/** A request to the store and its answer. */
const TRIP_MS = 2 * LATENCY_MS;
const VOUCHER_KEY = voucherKey(CODE);

/** A shard as stored. */
function shardRecord(granted: number, used = 0, returned = 0) {
  return { granted, returned, used, pending: [], left: [], since: 0 };
}

class Bench {
  readonly rig = new VoucherRig();
  readonly rights: Rights;
  /** The node ends. */
  readonly end: () => void;

  constructor(limit: number, granted: readonly number[], returned: readonly number[] = granted.map(() => 0)) {
    const { context, node } = this.rig.start('n0');
    this.end = () => node.stop('the node ends');
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

  /** Just before the `nth` read of a document, from 1, others change it. */
  meanwhile(key: string, nth: number, change: () => void): void {
    let count = 0;
    this.rig.drawFate = ({ body }) => {
      if (body.type === 'read' && body.key === key && ++count === nth) change();
      return [LATENCY_MS];
    };
  }

  /** The documents that a search has sent, by key. */
  get sent(): readonly (readonly [key: string, content: object])[] {
    return this.rig.requests('cas').map(({ key, to }) => [key, JSON.parse(to)]);
  }

  /** When each look at the voucher began, ms. */
  watchLooks(): readonly number[] {
    const times: number[] = [];
    this.rig.drawFate = ({ body }) => {
      if (body.type === 'read' && body.key === VOUCHER_KEY) times.push(this.rig.time.now());
      return [LATENCY_MS];
    };
    return times;
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
    // The voucher and the shard, the grant in two steps, and both again: no pause.
    expect(bench.rig.time.now()).toBe(6 * TRIP_MS);
  });

  it('gets its part of the pool once, also if the answer is lost', async () => {
    const bench = new Bench(10, [2, 2]).shard(0, 2, 2);
    bench.rig.next('cas_ok', LOST);
    expect(await bench.acquire(0)).toEqual({ granted: 5 });
    expect(bench.rig.voucher()).toMatchObject({ granted: [5, 2] });
  });

  it('takes nothing more out of the pool if others have meanwhile', async () => {
    const bench = new Bench(5, [2, 2]).shard(0, 2, 2);
    const voucher = { limit: 5, amount: 5, returned: [0, 0], sold_out: false };
    bench.meanwhile(VOUCHER_KEY, 2, () => bench.rig.put(VOUCHER_KEY, { ...voucher, granted: [3, 2] }, 2));
    expect(await bench.acquire(0)).toEqual({ granted: 3 });
    expect(bench.sent).toEqual([]);
  });

  it('does not grant what is no longer in the pool', async () => {
    const bench = new Bench(5, [2, 2]).shard(0, 2, 2).shard(1, 3, 3);
    const voucher = { limit: 5, amount: 5, returned: [0, 0], sold_out: false };
    bench.meanwhile(VOUCHER_KEY, 2, () => bench.rig.put(VOUCHER_KEY, { ...voucher, granted: [2, 3] }, 2));
    expect(await bench.acquire(0)).toBe('sold-out');
    expect(bench.sent.map(([, content]) => content)).toEqual([{ ...voucher, granted: [2, 3], sold_out: true, ver: 3 }]);
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

  it('gets "sold out" when all rights are used, also if that cannot be stored', async () => {
    const bench = new Bench(5, [3, 2]).shard(0, 3, 3).shard(1, 2, 2);
    bench.rig.lose(({ body }) => body.type === 'cas');
    expect(await bench.acquire(0)).toBe('sold-out');
    expect(bench.rig.voucher()).toMatchObject({ sold_out: false });
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
    const looks = bench.watchLooks();
    const result = bench.acquire(0);
    expect(await result).toEqual({ granted: 4 });
    expect(bench.rig.shard(1)).toMatchObject({ granted: 2, returned: 1, used: 1 });
    const firstTaken = bench.rig.wire.findIndex(({ body }) => body.type === 'cas');
    const before = bench.rig.wire.slice(0, firstTaken);
    // Ten looks are polite.
    expect(before.filter(({ body }) => body.type === 'read' && body.key === VOUCHER_KEY)).toHaveLength(11);
    expect(looks[10]).toBeGreaterThan(100);
  });

  it('gets no rights, and an error that tells to retry, if something cannot be read', async () => {
    for (const key of [VOUCHER_KEY, shardKey(CODE, 0), shardKey(CODE, 1)]) {
      const bench = new Bench(5, [3, 2]).shard(0, 3, 3).shard(1, 2, 1);
      bench.rig.lose(({ body }) => body.type === 'read' && body.key === key);
      const result = await bench.acquire(0);
      expect(result, key).toBeInstanceOf(RpcError);
      expect(result, key).toMatchObject({ code: 11, message: expect.stringContaining(key) });
      expect(bench.sent, key).toEqual([]);
    }
  });

  it('gets no rights, and an error that tells to retry, if they cannot be moved', async () => {
    const pool = new Bench(10, [2, 2]).shard(0, 2, 2);
    const spare = new Bench(5, [3, 2]).shard(0, 3, 3).shard(1, 2, 1);
    const returned = new Bench(5, [3, 2]).shard(0, 3, 3).shard(1, 2, 0, 1);
    const transit = new Bench(5, [3, 2]).shard(0, 3, 3).shard(1, 1, 1);
    for (const [bench, key] of [
      [pool, VOUCHER_KEY],
      [spare, shardKey(CODE, 1)],
      [returned, VOUCHER_KEY],
      [transit, shardKey(CODE, 1)],
    ] as const) {
      bench.rig.lose(({ body }) => body.type === 'cas');
      expect(await bench.acquire(0)).toMatchObject({ code: 11, message: expect.stringContaining(key) });
    }
  });

  it('looks for 3 s, with pauses of up to 50 ms, and is then told to retry', async () => {
    // More than its limit was used, so it is neither sold out nor is there any right.
    const bench = new Bench(4, [3, 2]).shard(0, 3, 3).shard(1, 2, 2);
    const looks = bench.watchLooks();
    expect(await bench.acquire(0)).toMatchObject({ code: 11, message: expect.stringContaining(CODE) });
    const lookMs = 3 * TRIP_MS;
    expect(bench.rig.time.now()).toBeGreaterThanOrEqual(3000);
    expect(bench.rig.time.now()).toBeLessThan(3000 + 50 + lookMs);
    const pauses = looks.slice(1).map((ms, index) => ms - (looks[index] as number) - lookMs);
    expect(Math.min(...pauses)).toBeGreaterThan(0);
    expect(Math.max(...pauses)).toBeGreaterThan(45);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(50);
    expect(bench.sent).toEqual([]);
  });

  it('stops looking when its node ends', async () => {
    const bench = new Bench(4, [3, 2]).shard(0, 3, 3).shard(1, 2, 2);
    const result = bench.rights.acquire(CODE, 0);
    bench.rig.time.schedule(1000, () => bench.end());
    expect(await bench.rig.run(result)).toMatchObject({ code: 11 });
    expect(bench.rig.time.now()).toBeLessThan(1000 + 3 * TRIP_MS);
  });

  it('leaves them for half of a search on a slow network, where looks are few', async () => {
    const bench = new Bench(5, [3, 2]).shard(0, 3, 3).shard(1, 1, 1);
    await bench.rig.pass(10_000);
    const beginsMs: number[] = [];
    bench.rig.drawFate = ({ body }) => {
      if (body.type === 'cas') beginsMs.push(bench.rig.time.now() - 10_000);
      return [100];
    };
    await bench.acquire(0);
    // A look takes 600 ms, with a pause after it. The third begins before 1500 ms, and the fourth after.
    expect(beginsMs[0]).toBeGreaterThanOrEqual(4 * 600);
    expect(beginsMs[0]).toBeLessThan(5 * 600);
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

describe('while others move rights too', () => {
  const VOUCHER = { limit: 20, amount: 5, granted: [4, 16], returned: [0, 0], sold_out: false };
  const SHARD_KEY = shardKey(CODE, 1);

  it('a shard that returned some meanwhile is not asked to return fewer', async () => {
    const bench = new Bench(34, [4, 30]).shard(0, 4, 4).shard(1, 16, 4);
    const voucher = { ...VOUCHER, limit: 34, granted: [4, 30] };
    // Read to find it, and then to change it. It would return six.
    bench.meanwhile(SHARD_KEY, 2, () => bench.rig.put(SHARD_KEY, shardRecord(30, 4, 7), 2));
    expect(await bench.acquire(0)).toEqual({ granted: 8 });
    expect(bench.sent).toEqual([
      [VOUCHER_KEY, { ...voucher, returned: [0, 7], ver: 2 }],
      [VOUCHER_KEY, { ...voucher, granted: [8, 30], returned: [0, 7], ver: 3 }],
    ]);
  });

  it('a shard that used its spare rights meanwhile keeps those that it has', async () => {
    const bench = new Bench(20, [4, 16]).shard(0, 4, 4).shard(1, 16, 8);
    bench.meanwhile(SHARD_KEY, 2, () => bench.rig.put(SHARD_KEY, shardRecord(16, 13), 2));
    expect(await bench.acquire(0)).toEqual({ granted: 5 });
    expect(bench.sent[0]).toEqual([SHARD_KEY, { ...shardRecord(16, 13, 2), ver: 3 }]);
  });

  it('the pool never gets fewer than it got', async () => {
    const bench = new Bench(20, [4, 16]).shard(0, 4, 4).shard(1, 16, 8, 2);
    bench.meanwhile(VOUCHER_KEY, 2, () => {
      bench.rig.put(SHARD_KEY, shardRecord(16, 8, 5), 2);
      bench.rig.put(VOUCHER_KEY, { ...VOUCHER, returned: [0, 5] }, 2);
    });
    expect(await bench.acquire(0)).toEqual({ granted: 7 });
    expect(bench.sent).toEqual([[VOUCHER_KEY, { ...VOUCHER, granted: [7, 16], returned: [0, 5], ver: 3 }]]);
  });

  it('the pool gets what was returned once', async () => {
    const bench = new Bench(20, [4, 16]).shard(0, 4, 4).shard(1, 16, 8, 2);
    const after = { ...VOUCHER, returned: [0, 2] };
    bench.meanwhile(VOUCHER_KEY, 2, () => bench.rig.put(VOUCHER_KEY, after, 2));
    expect(await bench.acquire(0)).toEqual({ granted: 5 });
    expect(bench.sent).toEqual([[VOUCHER_KEY, { ...after, granted: [5, 16], ver: 3 }]]);
  });

  it('rights in transit that arrive meanwhile are not taken for fewer', async () => {
    const bench = new Bench(5, [3, 2]).shard(0, 3, 3).shard(1, 1, 1);
    // Each of eleven looks reads it, and the change after the last one.
    bench.meanwhile(SHARD_KEY, 12, () => bench.rig.put(SHARD_KEY, shardRecord(2, 1), 2));
    expect(await bench.acquire(0)).toEqual({ granted: 4 });
    expect(bench.sent[0]).toEqual([SHARD_KEY, { ...shardRecord(2, 1, 1), ver: 3 }]);
  });

  it('a shard does not give away what it got meanwhile', async () => {
    const bench = new Bench(20, [4, 16]).shard(0, 4, 4).shard(1, 16, 16);
    // Read for itself, and then with all others.
    bench.meanwhile(shardKey(CODE, 0), 2, () => {
      bench.rig.put(VOUCHER_KEY, { ...VOUCHER, limit: 30, granted: [14, 16] }, 2);
      bench.rig.put(shardKey(CODE, 0), shardRecord(14, 5), 2);
    });
    expect(await bench.acquire(0)).toEqual({ granted: 14 });
    expect(bench.sent).toEqual([]);
  });

  it('a voucher that others found sold out is not changed', async () => {
    const bench = new Bench(20, [4, 16]).shard(0, 4, 4).shard(1, 16, 16);
    bench.meanwhile(VOUCHER_KEY, 2, () => bench.rig.put(VOUCHER_KEY, { ...VOUCHER, sold_out: true }, 2));
    expect(await bench.acquire(0)).toBe('sold-out');
    expect(bench.sent).toEqual([]);
  });

  it('a voucher that the store has lost meanwhile is not made anew', async () => {
    for (const [bench, nth] of [
      [new Bench(20, [4, 15]).shard(0, 4, 4), 2],
      [new Bench(20, [4, 16]).shard(0, 4, 4).shard(1, 16, 8, 2), 2],
    ] as const) {
      let count = 0;
      bench.rig.drawFate = ({ body }) => {
        if (body.type === 'read' && body.key === VOUCHER_KEY && ++count === nth)
          bench.rig.answerNext('read', { type: 'error', code: 20, text: 'nothing here' });
        return [LATENCY_MS];
      };
      expect(await bench.acquire(0)).toMatchObject({ code: 11, message: `there is no voucher ${CODE}` });
      expect(bench.sent).toEqual([]);
    }
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
