import { describe, expect, it } from 'vitest';
import { IdGenerator, type IdGeneratorOptions } from '../../src/ids/id-generator.ts';
import type { IdKind } from '../../src/ids/id-source.ts';
import type { RaiseResult, Reservation } from '../../src/ids/reservation.ts';
import { decodeSnowflake, EPOCH_MS, TIMESTAMP_MS_MAX } from '../../src/ids/snowflake.ts';
import { decodeUuid } from '../../src/ids/uuid.ts';
import { SeededRandom } from '../../src/protocol/random.ts';
import { ManualClock, NEW_YEAR_MS } from '../support/manual-clock.ts';
import { MemoryReservation } from '../support/memory-reservation.ts';

const PER_MS = 4096;
const HOUR_MS = 3_600_000;

function start(clock: ManualClock, options: Partial<IdGeneratorOptions> = {}): Promise<IdGenerator> {
  const random = new SeededRandom('batches');
  return IdGenerator.start({ node: 3, clock, random: () => random.uint32(), ...options });
}

/** The slot of an id as one number: milliseconds since the start of the test's year, times 4096, plus the sequence. */
function slotOf(id: string): number {
  const { timestampMs, sequence, node } = id.includes('-') ? decodeUuid(id) : decodeSnowflake(id);
  if (node !== 3) throw new Error(`${id} is of node ${node}`);
  return (timestampMs - NEW_YEAR_MS) * PER_MS + sequence;
}

function batch(generator: IdGenerator, count: number, kind: IdKind = 'snowflake'): string[] {
  const list = generator.nextBatch(count, kind);
  if (list === undefined) throw new Error('a reservation must land first');
  const ids = list.toArray();
  expect(ids).toHaveLength(count);
  expect(list).toMatchObject({ length: count, json: JSON.stringify(ids) });
  return ids;
}

/** Expects the slots of `ids` to be all those from `first` on. */
function expectRow(ids: readonly string[], first: number): void {
  const wrong = ids.findIndex((id, index) => slotOf(id) !== first + index);
  expect(wrong).toBe(-1);
}

class CountingReservation implements Reservation {
  readonly stored = new MemoryReservation();
  readonly raises: { from: number | undefined; to: number }[] = [];
  before: () => Promise<void> = async () => {};

  read(): Promise<number | undefined> {
    return this.stored.read();
  }

  async raise(from: number | undefined, to: number): Promise<RaiseResult> {
    this.raises.push({ from, to });
    await this.before();
    return this.stored.raise(from, to);
  }
}

describe('a batch of ids', () => {
  it.each([1, 2, 4095, 4096, 4097, 8192, 8193, 10_000])(
    'of %i takes the next slots in a row, of either kind',
    async (count) => {
      for (const kind of ['snowflake', 'uuid'] as const) {
        const generator = await start(new ManualClock());
        expectRow(batch(generator, count, kind), 0);
        expectRow(batch(generator, 1, kind), count);
        expectRow([generator.next() as string], count + 1);
      }
    },
  );

  it.each([1, 4094, 4095, 4096])('continues after %i single ids', async (count) => {
    const generator = await start(new ManualClock());
    for (let taken = 0; taken < count; taken++) generator.next();
    expectRow(batch(generator, 4097), count);
  });

  it('has the same ids as one by one, and the same JSON', async () => {
    const random = new SeededRandom('lengths');
    const decadeMs = EPOCH_MS + Number((10n ** 18n) >> 23n);
    for (const wallMs of [decadeMs, ...Array.from({ length: 20 }, () => EPOCH_MS + random.integer(2 ** 41))]) {
      const clock = new ManualClock(wallMs);
      const [whole, single] = [await start(clock), await start(clock)];
      const ids = batch(whole, 10_000);
      const wrong = ids.findIndex((id) => id !== single.next());
      expect(wrong).toBe(-1);
    }
    expect(batch(await start(new ManualClock(decadeMs)), 4097).map(({ length }) => length)).toContain(19);
  });

  it('can reach up to the lead; one id more is error 11 and uses nothing up', async () => {
    for (const kind of ['snowflake', 'uuid'] as const) {
      const clock = new ManualClock();
      const generator = await start(clock, { leadMsMax: 3 });
      expectRow(batch(generator, 100, kind), 0);
      for (let again = 0; again < 2; again++) {
        expect(() => generator.nextBatch(4 * PER_MS - 99, kind)).toThrow('try again in 1 ms');
        await expect(generator.nextBatchReserved(4 * PER_MS - 99, kind)).rejects.toMatchObject({ code: 11 });
      }
      expect(generator.figures().issued).toBe(100);
      expectRow(batch(generator, 4 * PER_MS - 100, kind), 100);
      expect(() => generator.nextBatch(1, kind)).toThrow('try again in 1 ms');
      expect(() => generator.nextBatch(3 * PER_MS, kind)).toThrow('try again in 3 ms');
      clock.pass(3);
      expectRow(batch(generator, 3 * PER_MS, kind), 4 * PER_MS);
    }
  });

  it('that can never fit into the lead gets an error that promises nothing for a retry', async () => {
    const generator = await start(new ManualClock(), { leadMsMax: 1 });
    expect(() => generator.nextBatch(2 * PER_MS + 1, 'snowflake')).toThrow('8193 ids at once are more than the 8192');
    await expect(generator.nextBatchReserved(2 * PER_MS + 1, 'uuid')).rejects.toMatchObject({ code: 14 });
    await expect(generator.reserve(2 * PER_MS + 1)).rejects.toMatchObject({ code: 14 });
    expectRow(batch(generator, 2 * PER_MS), 0);
  });

  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])('of %d is an error of the caller', async (count) => {
    const generator = await start(new ManualClock());
    expect(() => generator.nextBatch(count, 'snowflake')).toThrow(RangeError);
    await expect(generator.reserve(count)).rejects.toThrow(RangeError);
  });

  it('beyond the reserved range takes nothing until there is room for all of it', async () => {
    const reservation = new CountingReservation();
    const generator = await start(new ManualClock(), { reservation, windowMs: 2 });
    reservation.before = () => new Promise(() => {});
    expectRow(batch(generator, 2 * PER_MS - 5), 0);
    expect(generator.nextBatch(6, 'snowflake')).toBeUndefined();
    expect(generator.nextBatch(6, 'uuid')).toBeUndefined();
    expectRow(batch(generator, 5), 2 * PER_MS - 5);
    expect(generator.nextBatch(1, 'snowflake')).toBeUndefined();
  });

  it.each([1, 2, 5])('that needs more than a window of %i ms is reserved at once', async (windowMs) => {
    for (const before of [0, 1, 4095, 4096]) {
      const reservation = new CountingReservation();
      const generator = await start(new ManualClock(), { reservation, windowMs });
      if (before > 0) batch(generator, before);
      const raises = reservation.raises.length;
      expectRow((await generator.nextBatchReserved(8 * PER_MS, 'snowflake')).toArray(), before);
      expect(reservation.raises.length - raises).toBeLessThanOrEqual(2);
    }
  });

  it('does not reserve beyond the lead, and does not make other requests fail', async () => {
    const reservation = new CountingReservation();
    const clock = new ManualClock();
    const generator = await start(clock, { reservation, windowMs: 5, leadMsMax: 20 });
    batch(generator, 5 * PER_MS);
    const [large, single] = await Promise.allSettled([generator.reserve(17 * PER_MS), generator.nextReserved()]);
    expect(large).toMatchObject({
      status: 'rejected',
      reason: { code: 11, message: expect.stringMatching(/try again in 1 ms$/) },
    });
    expect(single).toMatchObject({ status: 'fulfilled' });
    expect(await reservation.read()).toBeLessThanOrEqual(NEW_YEAR_MS + 20);
  });

  it('gets its timestamps from slow storage, for any number of concurrent requests', async () => {
    const reservation = new CountingReservation();
    const clock = new ManualClock();
    const generator = await start(clock, { reservation });
    reservation.before = async () => clock.pass(200);
    clock.pass(600);
    const batches = await Promise.all(
      Array.from({ length: 30 }, (_, index) =>
        generator.nextBatchReserved(10_000, index % 2 === 0 ? 'snowflake' : 'uuid'),
      ),
    );
    const slots = batches.flatMap((list) => list.toArray()).map(slotOf);
    expect(new Set(slots).size).toBe(300_000);
  });

  it('of both kinds and single ids share the slots of a node, ascending', async () => {
    const random = new SeededRandom('mixed');
    const clock = new ManualClock();
    const reservation = new MemoryReservation();
    const generator = await start(clock, { reservation, leadMsMax: 50 });
    const slots: number[] = [];
    const issued: string[] = [];
    for (let step = 0; step < 300; step++) {
      const kind = random.pick(['snowflake', 'uuid'] as const);
      const ids = await random.pick([
        async () => [await generator.nextReserved()],
        async () => [await generator.nextUuidReserved()],
        async () => (await generator.nextBatchReserved(1 + random.integer(5_000), kind)).toArray(),
      ])();
      issued.push(...ids);
      clock.pass(random.integer(3));
    }
    for (const id of issued) slots.push(slotOf(id));
    expect(slots.findIndex((slot, index) => index > 0 && slot <= (slots[index - 1] as number))).toBe(-1);
    expect(generator.figures().issued).toBe(issued.length);
  });

  it('repeats nothing after a restart with the clock back', async () => {
    const reservation = new MemoryReservation();
    const before = await (await start(new ManualClock(), { reservation })).nextBatchReserved(600 * PER_MS, 'uuid');
    const last = before.toArray().at(-1) as string;
    const next = await start(new ManualClock(NEW_YEAR_MS - 1_000), { reservation });
    expect(slotOf(batch(next, 1)[0] as string)).toBeGreaterThan(slotOf(last));
  });

  it('beyond the last timestamp is error 14, and the rest can still be used', async () => {
    for (const reservation of [undefined, new MemoryReservation()]) {
      const clock = new ManualClock(TIMESTAMP_MS_MAX - 1);
      const generator = await start(clock, { reservation, maxSkewMs: Number.POSITIVE_INFINITY });
      expect(() => generator.nextBatch(2 * PER_MS + 1, 'uuid')).toThrow('used up');
      await expect(generator.nextBatchReserved(2 * PER_MS + 1, 'uuid')).rejects.toMatchObject({ code: 14 });
      const ids = batch(generator, 2 * PER_MS, 'uuid');
      expect(decodeUuid(ids[ids.length - 1] as string)).toMatchObject({
        timestampMs: TIMESTAMP_MS_MAX,
        sequence: 4095,
      });
      expect(() => generator.nextUuid()).toThrow('used up');
    }
  });
});

describe('floorMs', () => {
  it('is where ids begin at the earliest, and where the clock is anchored', async () => {
    const clock = new ManualClock();
    const floorMs = NEW_YEAR_MS + 2 * HOUR_MS;
    const generator = await start(clock, { floorMs, leadMsMax: 10, reservation: new MemoryReservation() });
    expect(generator.lastTimestampMs).toBe(floorMs - 1);
    expectRow([generator.next() as string], 2 * HOUR_MS * PER_MS);
    expect(generator.figures().lead_ms).toBe(0);
    clock.monotonic += 5;
    expect(slotOf((await generator.nextReserved()) as string)).toBe((2 * HOUR_MS + 5) * PER_MS);
  });

  it('yields to a later bound and a later clock', async () => {
    const bound = new MemoryReservation(NEW_YEAR_MS + 700);
    expect(
      slotOf((await start(new ManualClock(), { floorMs: NEW_YEAR_MS + 600, reservation: bound })).next() as string),
    ).toBe(700 * PER_MS);
    expect(slotOf((await start(new ManualClock(), { floorMs: NEW_YEAR_MS - 600 })).next() as string)).toBe(0);
  });

  it('keeps the ids ascending when a node changes its number', async () => {
    const clock = new ManualClock();
    const old = await start(clock);
    batch(old, 20 * PER_MS);
    const next = await start(clock, { floorMs: old.lastTimestampMs + 1 });
    expectRow(batch(next, 1), 20 * PER_MS);
  });

  it('is believed only as far as a stored bound is, and must be a timestamp', async () => {
    await expect(start(new ManualClock(), { floorMs: NEW_YEAR_MS + 25 * HOUR_MS })).rejects.toThrow('25 h behind');
    for (const floorMs of [EPOCH_MS - 1, 0.5, Number.NaN]) {
      await expect(start(new ManualClock(), { floorMs })).rejects.toThrow('floorMs must be');
    }
  });
});

describe('extend', () => {
  it('raises the bound to a window from now, with or without room', async () => {
    const clock = new ManualClock();
    const reservation = new CountingReservation();
    const generator = await start(clock, { reservation, windowMs: 100 });
    clock.pass(30);
    await generator.extend();
    expect(reservation.raises[1]).toEqual({ from: NEW_YEAR_MS + 100, to: NEW_YEAR_MS + 130 });
    await generator.extend();
    expect(reservation.raises[2]).toEqual({ from: NEW_YEAR_MS + 130, to: NEW_YEAR_MS + 131 });
    expect(generator.figures().reservations).toBe(3);
  });

  it('waits for a raise in flight', async () => {
    const clock = new ManualClock();
    const reservation = new CountingReservation();
    const generator = await start(clock, { reservation });
    clock.pass(1_000);
    await Promise.all([generator.extend(), generator.extend(), generator.nextReserved()]);
    expect(reservation.raises).toHaveLength(2);
  });

  it("rejects with the storage's own error, and does no harm", async () => {
    const reservation = new CountingReservation();
    const generator = await start(new ManualClock(), { reservation });
    reservation.before = async () => {
      throw new Error('the lease is lost');
    };
    await expect(generator.extend()).rejects.toThrow(/^the lease is lost$/);
    expect(generator.next()).toBeDefined();
  });

  it('has nothing to do without a reservation', async () => {
    await expect((await start(new ManualClock())).extend()).resolves.toBeUndefined();
  });
});

describe('figures', () => {
  it('count ids, milliseconds begun ahead of the clock, and raises won and lost', async () => {
    const clock = new ManualClock();
    const reservation = new MemoryReservation();
    const generator = await start(clock, { reservation });
    expect(generator.figures()).toEqual({
      issued: 0,
      borrowed_ms: 0,
      lead_ms: 0,
      reservations: 1,
      reservations_lost: 0,
    });
    generator.next();
    generator.nextUuid();
    batch(generator, 3 * PER_MS);
    expect(generator.figures()).toMatchObject({ issued: 3 * PER_MS + 2, borrowed_ms: 3, lead_ms: 3 });
    expect(generator.lastTimestampMs).toBe(NEW_YEAR_MS + 3);
    clock.pass(2);
    expect(generator.figures().lead_ms).toBe(1);
    await reservation.raise(NEW_YEAR_MS + 500, NEW_YEAR_MS + 600);
    clock.pass(700);
    await generator.nextReserved();
    expect(generator.figures()).toMatchObject({ lead_ms: 0, reservations: 2, reservations_lost: 1 });
  });
});
