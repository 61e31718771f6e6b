/** A held node number, as its holder sees it, and as the record shows it to all nodes. */

import { describe, expect, it } from 'vitest';
import { Lease } from '../../../src/ids/fleet/lease.ts';
import { type NumberRecord, numberRecords } from '../../../src/ids/fleet/number-record.ts';
import { LinKvStore } from '../../../src/kv/lin-kv-store.ts';
import { NEW_YEAR_MS as T } from '../../support/manual-clock.ts';
import { NumberRig } from '../../support/number-rig.ts';
import { LATENCY_MS, LOST } from '../../support/store-rig.ts';

const HOLDER = 'n0/mine';
const OTHER = 'n1/theirs';
/** Longer than any update lasts. */
const LONG_MS = 10_000;

function holdNumber(until: number | null = T): { rig: NumberRig; lease: Lease } {
  const rig = new NumberRig();
  const content: NumberRecord = { holder: HOLDER, until };
  const { ver } = rig.put(0, content);
  const token = rig.look('lin-kv', { type: 'read', key: 'node/0' }).value;
  const { context } = rig.begin('n0');
  return { rig, lease: new Lease(numberRecords(context, new LinKvStore(context)), 0, HOLDER, { ver, content, token }) };
}

/** A raise that the store carries out, while the reply to the holder is lost. */
async function raiseUnheard({ rig, lease }: ReturnType<typeof holdNumber>, from: number, to: number): Promise<void> {
  rig.silenceStore();
  await expect(rig.run(lease.raise(from, to))).rejects.toMatchObject({ code: 13, definite: false });
  rig.heal();
}

describe('a raise', () => {
  it('moves the bound by one compare-and-set, which shows all nodes that the holder is alive', async () => {
    const { rig, lease } = holdNumber();
    expect(await rig.run(lease.raise(T, T + 500))).toEqual({ won: true, bound: T + 500 });
    expect(rig.record(0)).toEqual({ holder: HOLDER, until: T + 500, ver: 2 });
    expect(await lease.read()).toBe(T + 500);
    expect(rig.wire.map(({ body }) => body.type)).toEqual(['cas', 'cas_ok']);
  });

  it('begins from a bound of null', async () => {
    const { rig, lease } = holdNumber(null);
    expect(await lease.read()).toBeUndefined();
    expect(await rig.run(lease.raise(undefined, T))).toEqual({ won: true, bound: T });
  });

  it('that would not raise is an error of the caller, and nothing is sent', async () => {
    const { rig, lease } = holdNumber();
    for (const to of [T, T - 1, Number.NaN]) await expect(lease.raise(T, to)).rejects.toThrow(RangeError);
    expect(rig.wire).toEqual([]);
  });

  it('whose reply is lost finds its own result', async () => {
    const { rig, lease } = holdNumber();
    rig.next('cas_ok', LOST);
    expect(await rig.run(lease.raise(T, T + 500))).toEqual({ won: true, bound: T + 500 });
    expect(rig.record(0)).toMatchObject({ until: T + 500, ver: 2 });
  });

  it('that is carried out twice counts once', async () => {
    const { rig, lease } = holdNumber();
    rig.next('cas', [LATENCY_MS, 2 * LATENCY_MS]);
    expect(await rig.run(lease.raise(T, T + 500))).toEqual({ won: true, bound: T + 500 });
    await rig.pass(LONG_MS);
    expect(rig.record(0)).toEqual({ holder: HOLDER, until: T + 500, ver: 2 });
  });

  it.each([
    ['more', T + 900],
    ['less', T + 200],
    ['as much', T + 500],
  ])(
    'after one whose reply was lost, for %s, wins the stored range and nothing beyond it (seed 381)',
    async (_, to) => {
      const held = holdNumber();
      await raiseUnheard(held, T, T + 500);
      expect(await held.rig.run(held.lease.raise(T, to))).toEqual({ won: true, bound: T + 500 });
      expect(held.rig.record(0)).toMatchObject({ holder: HOLDER, until: T + 500 });
      expect(await held.rig.run(held.lease.raise(T + 500, T + 1000))).toEqual({ won: true, bound: T + 1000 });
    },
  );

  it('after one that never arrived wins what it asks for', async () => {
    const { rig, lease } = holdNumber();
    rig.cutStore();
    await expect(rig.run(lease.raise(T, T + 500))).rejects.toMatchObject({ definite: false });
    rig.heal();
    expect(await rig.run(lease.raise(T, T + 900))).toEqual({ won: true, bound: T + 900 });
  });

  it('that arrives when a later one is over changes nothing', async () => {
    const { rig, lease } = holdNumber();
    rig.cutStore();
    rig.next('cas', [LONG_MS]);
    await expect(rig.run(lease.raise(T, T + 500))).rejects.toMatchObject({ definite: false });
    rig.heal();
    await rig.run(lease.raise(T, T + 200));
    await rig.pass(LONG_MS);
    expect(rig.record(0)).toEqual({ holder: HOLDER, until: T + 200, ver: 2 });
  });

  it('fails for ever once another node is the holder', async () => {
    const { rig, lease } = holdNumber();
    rig.put(0, { holder: OTHER, until: T });
    expect(lease.lost).toBe(false);
    const refusal = { code: 22, message: 'node number 0 is no longer held by n0/mine: it is held by n1/theirs' };
    await expect(rig.run(lease.raise(T, T + 500))).rejects.toMatchObject(refusal);
    expect(lease.lost).toBe(true);
    rig.put(0, { holder: null, until: T });
    await expect(rig.run(lease.raise(T, T + 500))).rejects.toMatchObject({
      code: 22,
      message: 'node number 0 is no longer held by n0/mine: it has no holder',
    });
    expect(rig.record(0)).toEqual({ holder: null, until: T, ver: 3 });
    expect(await lease.read()).toBe(T);
  });

  it('fails when another holder was faster than the compare-and-set, with any bound', async () => {
    const { rig, lease } = holdNumber();
    rig.next('cas', [100]);
    const raise = rig.run(lease.raise(T, T + 500)).catch((error: unknown) => error);
    rig.time.schedule(50, () => rig.put(0, { holder: OTHER, until: T + 800 }));
    expect(await raise).toMatchObject({ code: 22 });
    expect(rig.record(0)).toMatchObject({ holder: OTHER, until: T + 800 });
  });

  it('does not treat a timeout as a loss', async () => {
    const held = holdNumber();
    await raiseUnheard(held, T, T + 500);
    expect(held.lease.lost).toBe(false);
  });
});

describe('a release', () => {
  it('leaves the bound for the next holder', async () => {
    const { rig, lease } = holdNumber();
    await rig.run(lease.raise(T, T + 500));
    lease.release();
    await rig.pass(LONG_MS);
    expect(rig.record(0)).toEqual({ holder: null, until: T + 500, ver: 3 });
  });

  it('does not lower a bound that the holder has not seen', async () => {
    const held = holdNumber();
    await raiseUnheard(held, T, T + 500);
    held.lease.release();
    await held.rig.pass(LONG_MS);
    expect(held.rig.record(0)).toMatchObject({ holder: null, until: T + 500 });
  });

  it('does not touch a number of another holder', async () => {
    const { rig, lease } = holdNumber();
    const theirs = rig.put(0, { holder: OTHER, until: T + 100 });
    lease.release();
    await rig.pass(LONG_MS);
    expect(rig.record(0)).toEqual(theirs);
  });

  it('ends the lease: a raise after it fails', async () => {
    const { rig, lease } = holdNumber();
    lease.release();
    await rig.pass(LONG_MS);
    await expect(rig.run(lease.raise(T, T + 500))).rejects.toMatchObject({ code: 22 });
    expect(lease.lost).toBe(true);
  });

  it('does no harm if the store is away', async () => {
    const { rig, lease } = holdNumber();
    rig.cutStore();
    lease.release();
    await rig.pass(LONG_MS);
    expect(rig.record(0)).toMatchObject({ holder: HOLDER });
  });
});
