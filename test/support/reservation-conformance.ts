/**
 * What every adapter of the Reservation port must do; each adapter's tests run it. `open` gives a holder of one fresh
 * shared store: called twice within a test, it gives two holders of the same bound.
 */

import { expect, it } from 'vitest';
import type { Reservation } from '../../src/ids/reservation.ts';
import { NEW_YEAR_MS as T } from './manual-clock.ts';

export function describeReservation(newStore: () => Promise<() => Promise<Reservation>>): void {
  it('has no bound at first', async () => {
    const open = await newStore();
    expect(await (await open()).read()).toBeUndefined();
  });

  it('keeps the bound that was raised, for the next holder too', async () => {
    const open = await newStore();
    const first = await open();
    expect(await first.raise(undefined, T + 500)).toEqual({ won: true, bound: T + 500 });
    expect(await first.raise(T + 500, T + 900)).toEqual({ won: true, bound: T + 900 });
    expect(await first.read()).toBe(T + 900);
    expect(await (await open()).read()).toBe(T + 900);
  });

  it('refuses a raise from a bound that is no longer in force, and tells the one that is', async () => {
    const open = await newStore();
    const [fast, slow] = [await open(), await open()];
    await fast.raise(undefined, T + 500);
    expect(await slow.raise(undefined, T + 700)).toEqual({ won: false, bound: T + 500 });
    await fast.raise(T + 500, T + 1000);
    expect(await slow.raise(T + 500, T + 2000)).toEqual({ won: false, bound: T + 1000 });
    expect(await slow.read()).toBe(T + 1000);
  });

  it('never lowers a stored bound (case 10)', async () => {
    const open = await newStore();
    const reservation = await open();
    await reservation.raise(undefined, T + 500);
    await expect(reservation.raise(T + 500, T + 500)).rejects.toThrow(RangeError);
    await expect(reservation.raise(T + 500, T + 499)).rejects.toThrow(RangeError);
    for (const to of [Number.NaN, T + 500.5, Number.POSITIVE_INFINITY]) {
      await expect(reservation.raise(T + 500, to)).rejects.toThrow(RangeError);
      await expect(reservation.raise(undefined, to)).rejects.toThrow(RangeError);
    }
    expect(await reservation.raise(undefined, T + 100)).toEqual({ won: false, bound: T + 500 });
    expect(await reservation.raise(T + 50, T + 100)).toEqual({ won: false, bound: T + 500 });
    expect(await reservation.read()).toBe(T + 500);
  });

  it('refuses to raise a bound that was stored once and is gone', async () => {
    const open = await newStore();
    await expect((await open()).raise(T, T + 500)).rejects.toThrow(`${T}`);
  });

  it('lets exactly one of many simultaneous raises from the same bound win', async () => {
    const open = await newStore();
    const holders = await Promise.all(Array.from({ length: 8 }, open));
    for (let from: number | undefined, round = 0; round < 5; round++) {
      const start = from;
      const results = await Promise.all(
        holders.map((holder, index) => holder.raise(start, T + 100 * round + index + 1)),
      );
      const winners = results.filter((result) => result.won);
      expect(winners).toHaveLength(1);
      const bound = winners[0]?.bound;
      expect(new Set(results.map((result) => result.bound))).toEqual(new Set([bound]));
      from = bound;
    }
  });
}
