/**
 * A won raise reports the end of its range. It is not always the requested one: it may come from an earlier raise whose
 * reply was lost. Even if it is less or more than requested, a generator uses nothing beyond it.
 */

import { describe, expect, it } from 'vitest';
import { IdGenerator } from '../../src/ids/id-generator.ts';
import type { RaiseResult, Reservation } from '../../src/ids/reservation.ts';
import { decodeSnowflake } from '../../src/ids/snowflake.ts';
import { RpcError } from '../../src/protocol/errors.ts';
import { SeededRandom } from '../../src/protocol/random.ts';
import { ManualClock, NEW_YEAR_MS, settle } from '../support/manual-clock.ts';

const SEEDS = Array.from({ length: 12 }, (_, index) => index + 1);
const STEPS = 100;
const WINDOW_MS = 20;

/** Now and then stores another bound than requested, and reports it. */
class WilfulReservation implements Reservation {
  boundMs: number | undefined;
  /** How often the bound was below the requested one, and above it. */
  readonly counts = { below: 0, above: 0 };
  readonly #random: SeededRandom;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  async read(): Promise<number | undefined> {
    return this.boundMs;
  }

  async raise(from: number | undefined, to: number): Promise<RaiseResult> {
    expect(from).toBe(this.boundMs);
    const leastMs = (from ?? NEW_YEAR_MS) + 1;
    const bound = this.#random.pick([
      to,
      Math.max(leastMs, to - this.#random.integer(2 * WINDOW_MS)),
      to + this.#random.integer(2 * WINDOW_MS),
    ]);
    if (bound < to) this.counts.below++;
    if (bound > to) this.counts.above++;
    this.boundMs = bound;
    return { won: true, bound };
  }
}

interface Outcome {
  readonly idCount: number;
  readonly below: number;
  readonly above: number;
  /** How often ids were issued with a timestamp not below the stored bound. */
  readonly beyondCount: number;
}

async function live(seed: number, alter: (reservation: Reservation) => Reservation): Promise<Outcome> {
  const random = new SeededRandom(seed);
  const clock = new ManualClock();
  const reservation = new WilfulReservation(random);
  const generator = await IdGenerator.start({
    node: 0,
    clock,
    random: () => random.uint32(),
    reservation: alter(reservation),
    windowMs: WINDOW_MS,
    leadMsMax: 100,
  });
  let [idCount, beyondCount] = [0, 0];
  // Ids ascend, so the last one is enough.
  const note = (ids: readonly string[]) => {
    idCount += ids.length;
    const last = ids.at(-1);
    if (last !== undefined && decodeSnowflake(last).timestampMs >= (reservation.boundMs as number)) beyondCount++;
  };
  for (let step = 0; step < STEPS; step++) {
    clock.pass(random.pick([0, 0.5, 1, 5, WINDOW_MS, 3 * WINDOW_MS]));
    const count = random.pick([1, 3, 1000, 5000]);
    try {
      note(generator.nextBatch(count, 'snowflake')?.toArray() ?? []);
      const id = generator.next();
      if (id === undefined) await generator.reserve();
      else note([id]);
    } catch (error) {
      if (!(error instanceof RpcError && error.code === 11)) throw error;
    }
    if (random.integer(3) > 0) await settle();
  }
  return { idCount, beyondCount, ...reservation.counts };
}

describe('a generator', () => {
  it('uses nothing beyond the bound that it won, below or above the requested one', async () => {
    const total = { idCount: 0, below: 0, above: 0 };
    for (const seed of SEEDS) {
      const outcome = await live(seed, (reservation) => reservation);
      expect(outcome.beyondCount, `seed ${seed}`).toBe(0);
      for (const name of Object.keys(total) as (keyof typeof total)[]) total[name] += outcome[name];
    }
    expect(total.idCount).toBeGreaterThan(100_000);
    expect(total.below).toBeGreaterThan(100);
    expect(total.above).toBeGreaterThan(100);
  });

  it('uses all of a range that is longer than requested', async () => {
    const clock = new ManualClock();
    const raises: number[] = [];
    const reservation: Reservation = {
      read: async () => undefined,
      raise: async (_, to) => {
        raises.push(to);
        return { won: true, bound: to + 1000 };
      },
    };
    const generator = await IdGenerator.start({ node: 0, clock, random: () => 0, reservation, windowMs: WINDOW_MS });
    clock.pass(WINDOW_MS + 900);
    expect(decodeSnowflake(generator.next() as string).timestampMs).toBe(NEW_YEAR_MS + WINDOW_MS + 900);
    await settle();
    expect(raises).toEqual([NEW_YEAR_MS + WINDOW_MS]);
  });

  it('is found beyond the bound if a reservation reports the requested bound as won', async () => {
    const alter = (right: Reservation): Reservation => ({
      read: () => right.read(),
      raise: async (_, to) => {
        await right.raise(await right.read(), to);
        return { won: true, bound: to };
      },
    });
    let found = 0;
    for (const seed of SEEDS) found += (await live(seed, alter)).beyondCount;
    expect(found).toBeGreaterThan(0);
  });
});
