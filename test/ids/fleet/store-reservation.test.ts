/** The bound of a fixed node number in the store, also when two processes use the same number. */

import { describe, expect, it } from 'vitest';
import { StoreReservation } from '../../../src/ids/fleet/store-reservation.ts';
import type { RaiseResult, Reservation } from '../../../src/ids/reservation.ts';
import { LinKvStore } from '../../../src/kv/lin-kv-store.ts';
import { SeededRandom } from '../../../src/protocol/random.ts';
import { NEW_YEAR_MS as T } from '../../support/manual-clock.ts';
import { NumberRig } from '../../support/number-rig.ts';
import { LATENCY_MS, LOST } from '../../support/store-rig.ts';

/** Longer than any update lasts. */
const LONG_MS = 10_000;

/** As another process. */
function open(rig: NumberRig): StoreReservation {
  const { context } = rig.begin(`n${rig.lifeCount}`);
  return new StoreReservation(context, new LinKvStore(context), 0);
}

describe('StoreReservation', () => {
  it('has no bound at first', async () => {
    const rig = new NumberRig();
    expect(await rig.run(open(rig).read())).toBeUndefined();
  });

  it('keeps the bound that was raised, for the next process too', async () => {
    const rig = new NumberRig();
    const first = open(rig);
    expect(await rig.run(first.raise(undefined, T + 500))).toEqual({ won: true, bound: T + 500 });
    expect(await rig.run(first.raise(T + 500, T + 900))).toEqual({ won: true, bound: T + 900 });
    expect(await rig.run(first.read())).toBe(T + 900);
    expect(await rig.run(open(rig).read())).toBe(T + 900);
    expect(rig.requests('cas')).toHaveLength(2);
    // The record need not be read again for the second raise, only for each call that reads.
    expect(rig.wire.map(({ body }) => body.type).filter((type) => !type.endsWith('ok'))).toEqual([
      'read',
      'error',
      'cas',
      'cas',
      'read',
      'read',
    ]);
  });

  it('is that of the node’s place in node_ids', async () => {
    const rig = new NumberRig();
    const { context } = rig.begin('n2', { nodeIds: ['n0', 'n1', 'n2'] });
    await rig.run(StoreReservation.ofPlace(context, new LinKvStore(context)).raise(undefined, T));
    expect(rig.record(2)).toMatchObject({ until: T });
    expect(rig.record(0)).toBeUndefined();
  });

  it('loses to another process with the same number, and reports the bound in force', async () => {
    const rig = new NumberRig();
    const [fast, slow] = [open(rig), open(rig)];
    await rig.run(fast.raise(undefined, T + 500));
    expect(await rig.run(slow.raise(undefined, T + 700))).toEqual({ won: false, bound: T + 500 });
    await rig.run(fast.raise(T + 500, T + 1000));
    expect(await rig.run(slow.raise(T + 500, T + 2000))).toEqual({ won: false, bound: T + 1000 });
    expect(rig.record(0)?.until).toBe(T + 1000);
  });

  it('lets exactly one of many simultaneous raises from the same bound win', async () => {
    const rig = new NumberRig();
    const processes = Array.from({ length: 8 }, () => open(rig));
    for (let from: number | undefined, round = 0; round < 5; round++) {
      const start = from;
      const results: RaiseResult[] = await rig.run(
        Promise.all(processes.map((process, index) => process.raise(start, T + 100 * round + index + 1))),
      );
      expect(results.filter(({ won }) => won)).toHaveLength(1);
      from = rig.record(0)?.until ?? undefined;
      expect(new Set(results.map(({ bound }) => bound))).toEqual(new Set([from]));
    }
  });

  it('never lowers a bound', async () => {
    const rig = new NumberRig();
    const reservation = open(rig);
    await rig.run(reservation.raise(undefined, T + 500));
    for (const to of [T + 500, T + 499, Number.NaN])
      await expect(reservation.raise(T + 500, to)).rejects.toThrow(RangeError);
    await rig.run(reservation.raise(T + 50, T + 100));
    expect(rig.record(0)?.until).toBe(T + 500);
  });

  it('refuses to raise a bound that was stored once and is gone', async () => {
    const rig = new NumberRig();
    await expect(rig.run(open(rig).raise(T, T + 500))).rejects.toThrow(`the bound ${T} of node/0 is no longer stored`);
    expect(rig.record(0)).toBeUndefined();
  });

  it('finds its own raise if the reply was lost', async () => {
    const rig = new NumberRig();
    rig.next('cas_ok', LOST);
    expect(await rig.run(open(rig).raise(undefined, T + 500))).toEqual({ won: true, bound: T + 500 });
    expect(rig.record(0)).toMatchObject({ until: T + 500, ver: 1 });
  });

  it('counts a repeated compare-and-set once', async () => {
    const rig = new NumberRig();
    rig.next('cas', [LATENCY_MS, 2 * LATENCY_MS]);
    expect(await rig.run(open(rig).raise(undefined, T + 500))).toEqual({ won: true, bound: T + 500 });
    await rig.pass(LONG_MS);
    expect(rig.record(0)).toMatchObject({ until: T + 500, ver: 1 });
  });

  it.each([
    ['more', T + 900],
    ['less', T + 200],
  ])(
    'does not know the result of a raise without a reply, and then wins the stored range, asking for %s',
    async (_, to) => {
      const rig = new NumberRig();
      const reservation = open(rig);
      await rig.run(reservation.read());
      rig.silenceStore();
      await expect(rig.run(reservation.raise(undefined, T + 500))).rejects.toMatchObject({ definite: false });
      rig.heal();
      expect(await rig.run(reservation.raise(undefined, to))).toEqual({ won: true, bound: T + 500 });
      expect(rig.record(0)?.until).toBe(T + 500);
    },
  );

  it('rejects with an error that promises nothing happened when nothing was ever sent', async () => {
    const rig = new NumberRig();
    rig.cutStore();
    await expect(rig.run(open(rig).read())).rejects.toMatchObject({ code: 11 });
    await expect(rig.run(open(rig).raise(undefined, T))).rejects.toMatchObject({ code: 11, definite: true });
  });
});

interface Range {
  readonly from: number;
  readonly to: number;
}

const PROCESSES = 3;
const RAISES = 25;
const SILENCE_MS = 6000;
const SILENCE_INTERVAL_MS = 10_000;
const SEEDS = Array.from({ length: 60 }, (_, seed) => seed);

/**
 * Processes raise the bound of one number as generators do, while messages are lost, repeated and late. Returns the
 * ranges of each.
 *
 * @param alter replaces the reservation, for a mutant
 */
async function raiseAll(seed: number, alter: (reservation: Reservation) => Reservation): Promise<Range[]> {
  const rig = new NumberRig(seed);
  const random = new SeededRandom(seed);
  const owned: Range[] = [];
  rig.drawFate = ({ src }) => {
    // Longer than an update lasts, so that some raises end with an unknown outcome.
    if (src === 'lin-kv' && rig.time.now() % SILENCE_INTERVAL_MS < SILENCE_MS) return LOST;
    const percentile = random.integer(100);
    const delay = () => 1 + random.integer(20);
    if (percentile < 12) return LOST;
    if (percentile < 20) return [delay(), delay()];
    return percentile < 23 ? [1500 + random.integer(4000)] : [delay()];
  };
  const work = async (index: number) => {
    const { context } = rig.begin(`n${index}`);
    const reservation = alter(new StoreReservation(context, new LinKvStore(context), 0));
    let bound: number | undefined;
    for (let count = 0; count < RAISES; count++) {
      await context.sleep(random.integer(400));
      const from = bound;
      const result = await reservation
        .raise(from, (from ?? T) + 1 + random.integer(500))
        .catch((): undefined => undefined);
      if (result === undefined) continue;
      if (result.won) owned.push({ from: from ?? T, to: result.bound });
      bound = result.bound;
    }
  };
  await rig.run(Promise.all(Array.from({ length: PROCESSES }, (_, index) => work(index))));
  return owned;
}

function overlaps(ranges: readonly Range[]): number {
  const inOrder = ranges.toSorted((one, other) => one.from - other.from || one.to - other.to);
  return inOrder.filter(({ from }, index) => from < ((inOrder[index - 1] as Range | undefined)?.to ?? 0)).length;
}

describe('processes with the same number', () => {
  it('get disjoint ranges, with any lost, repeated and late messages', async () => {
    let count = 0;
    for (const seed of SEEDS) {
      const owned = await raiseAll(seed, (reservation) => reservation);
      expect(overlaps(owned), `seed ${seed}`).toBe(0);
      count += owned.length;
    }
    expect(count).toBeGreaterThan(SEEDS.length * RAISES);
  });

  it.each<[string, (reservation: Reservation) => Reservation]>([
    [
      'a lost raise counts as won',
      (right) => ({
        read: () => right.read(),
        raise: async (from, to) => ({ won: true, bound: (await right.raise(from, to)).bound }),
      }),
    ],
    [
      'the requested bound counts as the stored one',
      (right) => ({
        read: () => right.read(),
        raise: async (from, to) => {
          const { won, bound } = await right.raise(from, to);
          return { won, bound: won ? to : bound };
        },
      }),
    ],
    [
      'a timeout counts as won',
      (right) => ({
        read: () => right.read(),
        raise: (from, to) => right.raise(from, to).catch(() => ({ won: true, bound: to })),
      }),
    ],
  ])('get overlapping ranges if %s', async (_, alter) => {
    let found = 0;
    for (const seed of SEEDS) found += overlaps(await raiseAll(seed, alter));
    expect(found).toBeGreaterThan(0);
  });
});
