/** What becomes of redemptions after their pivot: they are credited, reported in groups, and may leave their shard. */

import { describe, expect, it } from 'vitest';
import { NOTHING_STORED } from '../../../src/kv/documents.ts';
import { LinKvStore } from '../../../src/kv/lin-kv-store.ts';
import { AfterPivot } from '../../../src/workloads/voucher/after-pivot.ts';
import { VOUCHER_LIMITS } from '../../../src/workloads/voucher/limits.ts';
import { openVoucherStore, type Pending, type ShardRecord } from '../../../src/workloads/voucher/records.ts';
import { credit } from '../../../src/workloads/voucher/redemptions.ts';
import { LATENCY_MS } from '../../support/store-rig.ts';
import { CODE, VoucherRig } from '../../support/voucher-rig.ts';

/** A request to the store and its answer. */
const TRIP_MS = 2 * LATENCY_MS;
/** How long credited redemptions are gathered. */
const GATHER_MS = 100;
/** Longer than a document is tried. */
const LONG_MS = 10_000;

const [ANN, BOB, EVE, DAN] = ['ann', 'bob', 'eve', 'dan'].map((user, place): Pending => [user, 'r', place]) as [
  Pending,
  Pending,
  Pending,
  Pending,
];

function shardOf(pending: Pending[], left: ShardRecord['left'] = [], since = 0): ShardRecord {
  return { granted: 9, returned: 0, used: pending.length, pending, left, since };
}

class Bench {
  readonly rig = new VoucherRig();
  readonly after: AfterPivot;
  /** When a page was read, because it is the first step of a report, ms. */
  readonly reportsMs: number[] = [];
  /** How often redemptions were ready to leave. */
  readyCount = 0;

  constructor({ gather = 64, left = 256 } = {}) {
    const context = this.rig.context('n0');
    this.after = new AfterPivot({
      context,
      store: openVoucherStore(context, new LinKvStore(context)),
      terms: { code: CODE, limit: 9, amount: 5, shardCount: 1 },
      shard: 0,
      limits: { gather, left },
      credit,
      onReported: () => {
        this.readyCount++;
      },
    });
    this.rig.drawFate = ({ body }) => {
      if (body.type === 'read' && body.key.startsWith('vp/')) this.reportsMs.push(this.rig.time.now());
      return [LATENCY_MS];
    };
  }

  /** Credits new wallets, which takes one trip. */
  credit(...redemptions: readonly Pending[]): void {
    for (const redemption of redemptions) void this.after.credit(redemption, NOTHING_STORED);
  }

  /** All are credited and reported. */
  async finish(...redemptions: readonly Pending[]): Promise<void> {
    this.credit(...redemptions);
    await this.rig.pass(LONG_MS);
  }

  get page(): string[] {
    const { entries } = (this.rig.stored(`vp/${CODE}/0/0`) ?? { entries: [] }) as { entries: [number, string][] };
    return entries.map(([, user]) => user);
  }
}

describe('a credit', () => {
  it('is one attempt at a time, whose outcome all who ask for it get', async () => {
    const bench = new Bench();
    const outcomes = [bench.after.credit(ANN), bench.after.credit(ANN)];
    expect(await bench.rig.run(Promise.all(outcomes))).toEqual([undefined, undefined]);
    expect(bench.rig.asked('read', 'w/')).toHaveLength(1);
    expect(bench.rig.asked('cas', 'w/')).toHaveLength(1);
  });

  it('that failed is tried again by the next call, and nothing is reported before', async () => {
    const bench = new Bench();
    bench.rig.lose(({ body }) => body.type === 'cas');
    expect(await bench.rig.run(bench.after.credit(ANN))).toMatchObject({ code: 13 });
    bench.rig.heal();
    await bench.rig.pass(LONG_MS);
    expect([bench.page, bench.readyCount, bench.after.busy]).toEqual([[], 0, false]);
    expect(await bench.rig.run(bench.after.credit(ANN))).toBeUndefined();
    await bench.rig.pass(LONG_MS);
    expect([bench.page, bench.readyCount]).toEqual([['ann'], 1]);
  });
});

describe('credited redemptions', () => {
  it('are gathered for 100 ms from the first one on, and reported together', async () => {
    const bench = new Bench();
    bench.credit(ANN);
    await bench.rig.pass(50);
    bench.credit(BOB);
    await bench.rig.pass(LONG_MS);
    expect(bench.reportsMs).toEqual([TRIP_MS + GATHER_MS]);
    expect(bench.page).toEqual(['ann', 'bob']);
    expect(bench.readyCount).toBe(1);
  });

  it('are reported at once when they are enough, each time', async () => {
    const bench = new Bench({ gather: 3 });
    bench.credit(ANN);
    await bench.rig.pass(10);
    bench.credit(BOB);
    await bench.rig.pass(10);
    expect(bench.reportsMs).toEqual([]);
    bench.credit(EVE);
    await bench.rig.pass(LONG_MS);
    expect(bench.reportsMs).toEqual([20 + TRIP_MS]);
    expect(bench.page).toEqual(['ann', 'bob', 'eve']);
    bench.credit(DAN);
    await bench.rig.pass(LONG_MS);
    expect(bench.reportsMs[1]).toBe(20 + LONG_MS + TRIP_MS + GATHER_MS);
    expect(bench.page).toEqual(['ann', 'bob', 'eve', 'dan']);
  });

  it('are enough with 64', async () => {
    const bench = new Bench({ gather: VOUCHER_LIMITS.gather });
    bench.credit(...Array.from({ length: 63 }, (_, place): Pending => [`u${place}`, 'r', place]));
    await bench.rig.pass(10);
    bench.credit(['last', 'r', 63]);
    await bench.rig.pass(LONG_MS);
    expect(bench.reportsMs).toEqual([10 + TRIP_MS]);
    expect(bench.page).toHaveLength(64);
  });

  it('that came while others were reported are next, without a pause if they are enough', async () => {
    const bench = new Bench({ gather: 2 });
    bench.credit(ANN, BOB);
    await bench.rig.pass(TRIP_MS + 1);
    bench.credit(EVE, DAN);
    await bench.rig.pass(LONG_MS);
    // A report of a page is two trips.
    expect(bench.reportsMs).toEqual([TRIP_MS, 3 * TRIP_MS]);
    expect(bench.page).toEqual(['ann', 'bob', 'eve', 'dan']);
    expect(bench.readyCount).toBe(1);
  });

  it('stay in their shard if they could not be reported', async () => {
    const bench = new Bench();
    bench.rig.lose(({ body }) => body.type === 'cas' && body.key.startsWith('vp/'));
    await bench.finish(ANN);
    expect([bench.readyCount, bench.after.hasLeaving, bench.after.busy]).toEqual([0, false, false]);
    expect(bench.after.countLeaving(shardOf([ANN]))).toBe(0);
  });
});

describe('the work after a pivot', () => {
  it('is going on from the credit until the redemption has left', async () => {
    const bench = new Bench();
    expect(bench.after.busy).toBe(false);
    bench.credit(ANN);
    expect(bench.after.busy).toBe(true);
    await bench.rig.pass(TRIP_MS + GATHER_MS / 2);
    expect([bench.after.hasLeaving, bench.after.busy]).toEqual([false, true]);
    await bench.rig.pass(LONG_MS);
    expect([bench.after.hasLeaving, bench.after.busy]).toEqual([true, true]);
    bench.after.see(shardOf([ANN, BOB]));
    expect([bench.after.hasLeaving, bench.after.busy]).toEqual([true, true]);
    bench.after.see(shardOf([BOB]));
    expect([bench.after.hasLeaving, bench.after.busy]).toEqual([false, false]);
  });

  it('ends when the shard is known to have none of those that may leave', async () => {
    const bench = new Bench();
    await bench.finish(ANN, BOB);
    expect(bench.after.busy).toBe(true);
    bench.after.forgetLeaving();
    expect([bench.after.hasLeaving, bench.after.busy]).toEqual([false, false]);
  });
});

describe('a shard', () => {
  it('loses those that may leave, and remembers since which version', async () => {
    const bench = new Bench();
    await bench.finish(ANN, EVE);
    const before = shardOf([ANN, BOB, EVE], [['zoe', 3]], 1);
    expect(bench.after.countLeaving(before)).toBe(2);
    expect(bench.after.withoutLeaving(before, 7)).toEqual({
      ...before,
      pending: [BOB],
      left: [
        ['zoe', 3],
        ['ann', 7],
        ['eve', 7],
      ],
    });
  });

  it('is the same if none of its redemptions may leave, nor one of the same user at another place', async () => {
    const bench = new Bench();
    await bench.finish(ANN);
    const before = shardOf([['ann', 'r', 5], BOB]);
    expect(bench.after.withoutLeaving(before, 7)).toBe(before);
    expect(bench.after.countLeaving(before)).toBe(0);
  });

  it.each([
    ['none while there is room', 4, [], 1],
    ['one, and says up to which version', 3, ['x'], 3],
    ['several', 1, ['x', 'y', 'z'], 6],
  ])('forgets of those that left the oldest: %s', async (_, left, forgotten, since) => {
    const bench = new Bench({ left });
    await bench.finish(ANN);
    const known: ShardRecord['left'] = [
      ['x', 3],
      ['y', 5],
      ['z', 6],
    ];
    const after = bench.after.withoutLeaving(shardOf([ANN, BOB], known, 1), 7);
    const remembered = known.filter(([user]) => !forgotten.includes(user));
    expect(after).toMatchObject({ pending: [BOB], left: [...remembered, ['ann', 7]], since });
  });
});
