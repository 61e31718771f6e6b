import { describe, expect, it } from 'vitest';
import { ClockError } from '../../src/ids/anchored-clock.ts';
import { IdGenerator, type IdGeneratorOptions } from '../../src/ids/id-generator.ts';
import type { RaiseResult, Reservation } from '../../src/ids/reservation.ts';
import {
  decodeSnowflake,
  EPOCH_MS,
  encodeSnowflake,
  type SnowflakeParts,
  TIMESTAMP_MS_MAX,
} from '../../src/ids/snowflake.ts';
import { RpcError } from '../../src/protocol/errors.ts';
import { SeededRandom } from '../../src/protocol/random.ts';
import { compareSnowflakes } from '../../src/workloads/unique-ids/checker/snowflake-rules.ts';
import { ManualClock, NEW_YEAR_MS, settle } from '../support/manual-clock.ts';
import { MemoryReservation } from '../support/memory-reservation.ts';

const HOUR_MS = 3_600_000;

function start(clock: ManualClock, options: Partial<IdGeneratorOptions> = {}): Promise<IdGenerator> {
  const random = new SeededRandom('ids');
  return IdGenerator.start({ node: 3, clock, random: () => random.uint32(), ...options });
}

function take(generator: IdGenerator, count: number): string[] {
  return Array.from({ length: count }, () => {
    const id = generator.next();
    if (id === undefined) throw new Error('a reservation must land first');
    return id;
  });
}

/** As many ids as possible without waiting, and the error that ended it. */
function takeAll(generator: IdGenerator): { ids: string[]; error: RpcError | undefined } {
  const ids: string[] = [];
  try {
    for (let id = generator.next(); id !== undefined; id = generator.next()) ids.push(id);
    return { ids, error: undefined };
  } catch (error) {
    if (!(error instanceof RpcError)) throw error;
    return { ids, error };
  }
}

function last<Item>(items: readonly Item[]): Item {
  return items[items.length - 1] as Item;
}

function timestampOf(id: string | undefined): number {
  return decodeSnowflake(id as string).timestampMs;
}

function expectIncreasing(...batches: string[][]): void {
  const ids = batches.flat();
  const wrong = ids.findIndex((id, index) => index > 0 && compareSnowflakes(ids[index - 1] as string, id) >= 0);
  expect(wrong).toBe(-1);
}

/** Storage under the control of a test: it counts calls, and can wait or fail. */
class ManualReservation implements Reservation {
  readonly stored = new MemoryReservation();
  readonly raises: { from: number | undefined; to: number }[] = [];
  inFlight = 0;
  inFlightMax = 0;
  before: () => Promise<void> = async () => {};
  after: () => Promise<void> = async () => {};

  read(): Promise<number | undefined> {
    return this.stored.read();
  }

  async raise(from: number | undefined, to: number): Promise<RaiseResult> {
    this.raises.push({ from, to });
    this.inFlightMax = Math.max(this.inFlightMax, ++this.inFlight);
    try {
      await this.before();
      const result = await this.stored.raise(from, to);
      await this.after();
      return result;
    } finally {
      this.inFlight--;
    }
  }
}

async function fail(): Promise<void> {
  throw new Error('the disk is full');
}

describe('IdGenerator and the clock', () => {
  it('goes on after a step back, and does not repeat a millisecond that comes again (case 1)', async () => {
    const clock = new ManualClock();
    const generator = await start(clock);
    const before = take(generator, 100);
    clock.jump(-5);
    const stepped = take(generator, 100);
    clock.jump(5);
    const again = take(generator, 100);
    clock.wall = NEW_YEAR_MS;
    clock.monotonic += 1;
    const after = take(generator, 100);
    expectIncreasing(before, stepped, again, after);
    expect(timestampOf(last(again))).toBe(NEW_YEAR_MS);
    expect(timestampOf(last(after))).toBe(NEW_YEAR_MS + 1);
  });

  it('does not wait when the clock steps back 8 h with the sequence used up (case 2)', async () => {
    const clock = new ManualClock();
    const generator = await start(clock);
    const before = take(generator, 4096);
    clock.jump(-8 * HOUR_MS);
    const after = take(generator, 10);
    expectIncreasing(before, after);
    expect(timestampOf(after[0])).toBe(NEW_YEAR_MS + 1);
  });

  it('follows the clock again after a borrowed millisecond (case 3)', async () => {
    const clock = new ManualClock();
    const generator = await start(clock);
    const borrowed = take(generator, 4097);
    clock.pass(1);
    const caughtUp = take(generator, 1);
    clock.pass(9);
    const passed = take(generator, 4097);
    expectIncreasing(borrowed, caughtUp, passed);
    expect(decodeSnowflake(caughtUp[0] as string)).toMatchObject({ timestampMs: NEW_YEAR_MS + 1, sequence: 1 });
    expect(decodeSnowflake(passed[0] as string)).toMatchObject({ timestampMs: NEW_YEAR_MS + 10, sequence: 0 });
    expect(decodeSnowflake(passed[4096] as string)).toMatchObject({ timestampMs: NEW_YEAR_MS + 11, sequence: 0 });
  });

  it('puts the 4097th id of a millisecond into the next one, in order (case 4)', async () => {
    const generator = await start(new ManualClock());
    const ids = take(generator, 4098);
    const positions = ids.slice(4094).map((id) => {
      const { timestampMs, sequence } = decodeSnowflake(id);
      return [timestampMs - NEW_YEAR_MS, sequence];
    });
    expect(positions).toEqual([
      [0, 4094],
      [0, 4095],
      [1, 0],
      [1, 1],
    ]);
    expectIncreasing(ids);
  });

  it('moves on one millisecond for 4096 ids beyond the overflow, not one an id (case 5)', async () => {
    const generator = await start(new ManualClock());
    const ids = take(generator, 5 * 4096);
    ids.forEach((id, index) => {
      const { timestampMs, sequence } = decodeSnowflake(id);
      if (timestampMs !== NEW_YEAR_MS + Math.floor(index / 4096) || sequence !== index % 4096) {
        expect.fail(`id ${index} has timestamp ${timestampMs} and sequence ${sequence}`);
      }
    });
  });

  it('answers error 11 with the time to wait at the full lead, and loses nothing (case 6)', async () => {
    const clock = new ManualClock();
    const generator = await start(clock, { leadMsMax: 20 });
    const first = takeAll(generator);
    expect(first.ids).toHaveLength(21 * 4096);
    expect(timestampOf(last(first.ids))).toBe(NEW_YEAR_MS + 20);
    expect(first.error?.code).toBe(11);
    expect(first.error?.message).toContain('try again in 1 ms');
    expect(() => generator.nextBigint()).toThrow(RpcError);
    await expect(generator.nextReserved()).rejects.toThrow('try again in 1 ms');

    clock.pass(1);
    const second = takeAll(generator);
    expect(decodeSnowflake(second.ids[0] as string)).toMatchObject({ timestampMs: NEW_YEAR_MS + 21, sequence: 0 });
    expect(second.ids).toHaveLength(4096);
    clock.monotonic += 30;
    const third = take(generator, 1);
    expect(timestampOf(third[0])).toBe(NEW_YEAR_MS + 31);
    expectIncreasing(first.ids, second.ids, third);
  });

  it('leads the clock by 5 s unless told otherwise', async () => {
    for (const [aheadMs, waitMs] of [
      [5_000, 0],
      [5_001, 1],
    ] as const) {
      const clock = new ManualClock();
      const reservation = new MemoryReservation();
      const generator = await start(clock, { reservation });
      await reservation.raise(NEW_YEAR_MS + 500, NEW_YEAR_MS + 600 + aheadMs);
      clock.pass(600);
      const id = generator.nextReserved();
      if (waitMs === 0) expect(timestampOf(await id)).toBe(clock.wall + aheadMs);
      else {
        await expect(id).rejects.toMatchObject({ code: 11, message: expect.stringMatching(/try again in 1 ms$/) });
        // It reserves nothing that it cannot use. Otherwise two holders would raise the bound for ever.
        expect(await reservation.read()).toBe(clock.wall + aheadMs);
      }
    }
  });

  it.each([1, 2])(
    'keeps to the millisecond of the clock over many ids at a low rate, %i a ms (case 14)',
    async (rate) => {
      const clock = new ManualClock();
      const reservation = new MemoryReservation();
      const generator = await start(clock, { reservation });
      for (let step = 0; step < 10_000; step++) {
        for (let id = 0; id < rate; id++) {
          const timestampMs = timestampOf(generator.next());
          if (timestampMs !== clock.wall) expect.fail(`timestamp ${timestampMs} at ${clock.wall}`);
        }
        clock.pass(1);
        await settle();
      }
    },
  );

  it('goes on when the monotonic clock reads nonsense or goes back', async () => {
    const clock = new ManualClock();
    const generator = await start(clock);
    const batches = [1_000, 500, Number.NaN, Number.POSITIVE_INFINITY, 1_000].map((reading) => {
      clock.monotonic = reading;
      return take(generator, 3000);
    });
    expectIncreasing(...batches);
  });

  it('warns of a wall clock that is too far off, and does not follow it', async () => {
    const clock = new ManualClock();
    const warnings: string[] = [];
    const generator = await start(clock, { warn: (text) => warnings.push(text) });
    clock.jump(25 * HOUR_MS);
    for (let step = 1; step <= 5; step++) {
      clock.pass(1);
      expect(timestampOf(generator.next())).toBe(NEW_YEAR_MS + step);
    }
    expect(warnings).toHaveLength(1);
  });

  it('answers error 14 when the timestamps are used up, and never a negative or a wrapped id (case 12)', async () => {
    const clock = new ManualClock(TIMESTAMP_MS_MAX - 1);
    for (const reservation of [undefined, new MemoryReservation()]) {
      const generator = await start(clock, { reservation, maxSkewMs: Number.POSITIVE_INFINITY });
      const { ids, error } = takeAll(generator);
      expect(ids).toHaveLength(2 * 4096);
      expectIncreasing(ids);
      expect(last(ids)).toMatch(/^\d{20}$/);
      expect(timestampOf(last(ids))).toBe(TIMESTAMP_MS_MAX);
      expect(error).toMatchObject({ code: 14, definite: true });
      expect(error?.message).toContain('used up');
      await expect(generator.nextReserved()).rejects.toMatchObject({ code: 14 });
    }
  });

  it('answers error 14 when the clock runs past the last timestamp (case 12)', async () => {
    const clock = new ManualClock(TIMESTAMP_MS_MAX - 1);
    for (const reservation of [undefined, new MemoryReservation()]) {
      const generator = await start(clock, { reservation });
      clock.monotonic += 1_000_000;
      expect(() => generator.next()).toThrow('used up');
      await expect(generator.nextReserved()).rejects.toMatchObject({ code: 14 });
      clock.monotonic = 1_000;
    }
  });

  it('refuses to start before the epoch, after the last timestamp, and too far from the stored bound', async () => {
    await expect(start(new ManualClock(EPOCH_MS - 1))).rejects.toThrow(ClockError);
    await expect(start(new ManualClock(TIMESTAMP_MS_MAX + 1))).rejects.toThrow(ClockError);
    const reservation = new MemoryReservation(NEW_YEAR_MS + 25 * HOUR_MS);
    await expect(start(new ManualClock(), { reservation })).rejects.toThrow('25 h behind');
    const spent = new MemoryReservation(TIMESTAMP_MS_MAX + 1);
    await expect(start(new ManualClock(), { reservation: spent })).rejects.toThrow('used up');
  });

  it('lets a clock that was set back catch up only while it is stopped, as the refusal says', async () => {
    const clock = new ManualClock(NEW_YEAR_MS - 72 * HOUR_MS);
    const reservation = new MemoryReservation(NEW_YEAR_MS);
    const maxSkewMs = 73 * HOUR_MS;
    const wordsOfRefusal = 'with --max-skew 73h, every time until it has been stopped for 49 h in total';
    await expect(start(clock, { reservation })).rejects.toThrow(wordsOfRefusal);
    // More than the 49 h, in which ids are given out.
    for (let day = 1; day <= 3; day++) {
      const generator = await start(clock, { reservation, maxSkewMs });
      clock.pass(24 * HOUR_MS);
      expect(timestampOf(await generator.nextReserved())).toBeGreaterThanOrEqual(NEW_YEAR_MS + day * 24 * HOUR_MS);
      await expect(start(clock, { reservation })).rejects.toThrow('72 h 1 min behind');
    }
    clock.pass(49 * HOUR_MS);
    await expect(start(clock, { reservation })).resolves.toBeInstanceOf(IdGenerator);
  });

  it('begins with an id of full length even at the epoch', async () => {
    const generator = await start(new ManualClock(EPOCH_MS), { node: 0 });
    const id = generator.next() as string;
    expect(encodeSnowflake(decodeSnowflake(id)).toString()).toBe(id);
    expect(timestampOf(id)).toBe(EPOCH_MS + 1);
  });
});

describe('IdGenerator and the layout', () => {
  it.each([1024, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, '5', undefined, null])(
    'refuses the node number %s and never masks it (case 9)',
    async (node) => {
      const options = { node } as unknown as Partial<IdGeneratorOptions>;
      await expect(start(new ManualClock(), options)).rejects.toThrow(RangeError);
      await expect(start(new ManualClock(), options)).rejects.toThrow(
        'a node number is an integer from 0 to 1023, not',
      );
    },
  );

  it.each([0, 1, 511, 1023])('puts node number %i into its ids', async (node) => {
    const generator = await start(new ManualClock(), { node });
    expect(decodeSnowflake(generator.next() as string).node).toBe(node);
  });

  it.each([{ leadMsMax: -1 }, { leadMsMax: Number.NaN }, { windowMs: 0 }, { windowMs: 1.5 }, { maxSkewMs: -1 }])(
    'refuses the option %j',
    async (options) => {
      await expect(start(new ManualClock(), options)).rejects.toThrow(RangeError);
      await expect(start(new ManualClock(), options)).rejects.toThrow(Object.keys(options)[0]);
    },
  );

  it('gives the same ids as text and as numbers, equal to the layout, with every carry of digits', async () => {
    const random = new SeededRandom('carry');
    for (let round = 0; round < 60; round++) {
      const node = random.integer(1024);
      const clock = new ManualClock(EPOCH_MS + random.integer(2 ** 41));
      const [texts, numbers] = [await start(clock, { node }), await start(clock, { node })];
      for (let sequence = 0; sequence < 4096; sequence++) {
        const text = texts.next() as string;
        if (numbers.nextBigint()?.toString() !== text) expect.fail(`${text} differs as a number`);
        const parts: SnowflakeParts = { timestampMs: Math.max(clock.wall, EPOCH_MS + 1), node, sequence, entropy: 0 };
        if (BigInt(text) >> 1n !== encodeSnowflake(parts) >> 1n) expect.fail(`${text} is not ${JSON.stringify(parts)}`);
      }
    }
  });

  it('spends one random bit an id and 32 ids a random word', async () => {
    let words = 0;
    const random = () => [0b1010, 0xffffffff][words++] ?? 0;
    const generator = await start(new ManualClock(), { random });
    const bits = take(generator, 66).map((id) => decodeSnowflake(id).entropy);
    expect(bits.slice(0, 5)).toEqual([0, 1, 0, 1, 0]);
    expect(bits.slice(32, 64)).toEqual(Array(32).fill(1));
    expect(bits.slice(64)).toEqual([0, 0]);
    expect(words).toBe(3);
  });

  it('reads the monotonic clock once an id and the wall clock once a millisecond', async () => {
    const clock = new ManualClock();
    const generator = await start(clock);
    const reads = { wall: 0, monotonic: 0 };
    clock.wallMs = () => {
      reads.wall++;
      return clock.wall;
    };
    clock.monotonicMs = () => {
      reads.monotonic++;
      return clock.monotonic;
    };
    for (let step = 0; step < 10; step++) {
      take(generator, 1000);
      clock.pass(1);
    }
    expect(reads.monotonic).toBe(10_000);
    expect(reads.wall).toBeLessThanOrEqual(10);
  });
});

describe('IdGenerator and its reservation', () => {
  it('repeats nothing after a kill -9 inside the window with the clock 1 s back (case 7)', async () => {
    const reservation = new MemoryReservation();
    const before = take(await start(new ManualClock(), { reservation }), 3 * 4096);
    const next = await start(new ManualClock(NEW_YEAR_MS - 1_000), { reservation });
    const after = take(next, 3 * 4096);
    expectIncreasing(before, after);
    expect(timestampOf(after[0])).toBe(NEW_YEAR_MS + 500);
  });

  it('repeats nothing after a restart of a generator that was ahead of the clock (case 8)', async () => {
    const reservation = new MemoryReservation();
    const clock = new ManualClock();
    const generator = await start(clock, { reservation, leadMsMax: 30, windowMs: 4 });
    const before: string[] = [];
    for (let count = 0; count < 25 * 4096; count++) before.push(await generator.nextReserved());
    expect(timestampOf(last(before))).toBe(NEW_YEAR_MS + 24);

    clock.pass(3);
    const next = await start(clock, { reservation, leadMsMax: 30, windowMs: 4 });
    const after = take(next, 2 * 4096);
    expectIncreasing(before, after);
  });

  it('uses only timestamps below the stored bound', async () => {
    const clock = new ManualClock();
    const reservation = new ManualReservation();
    const generator = await start(clock, { reservation, windowMs: 10 });
    expect(reservation.raises).toEqual([{ from: undefined, to: NEW_YEAR_MS + 10 }]);
    reservation.before = () => new Promise(() => {});
    const { ids, error } = takeAll(generator);
    expect(error).toBeUndefined();
    expect(ids).toHaveLength(10 * 4096);
    clock.pass(100);
    expect(generator.next()).toBeUndefined();
    expect(generator.nextBigint()).toBeUndefined();
    expect(generator.next()).toBeUndefined();
  });

  it('does not use an old millisecond if the present one is not reserved', async () => {
    const clock = new ManualClock();
    const generator = await start(clock, { reservation: new MemoryReservation() });
    take(generator, 1);
    clock.pass(600_000);
    expect(generator.next()).toBeUndefined();
    expect(generator.next()).toBeUndefined();
    expect(timestampOf(await generator.nextReserved())).toBe(clock.wall);
  });

  it('raises when less than half of the window is left, one raise at a time, so that no request waits', async () => {
    const clock = new ManualClock();
    const reservation = new ManualReservation();
    const generator = await start(clock, { reservation, windowMs: 100 });
    for (let step = 0; step < 1_000; step++) {
      expect(generator.next()).toBeDefined();
      expect(generator.next()).toBeDefined();
      clock.pass(1);
      await settle();
    }
    expect(reservation.inFlightMax).toBe(1);
    expect(reservation.raises[1]).toEqual({ from: NEW_YEAR_MS + 100, to: NEW_YEAR_MS + 151 });
    expect(reservation.raises.length).toBeLessThan(22);
  });

  it('has one raise in flight for any number of concurrent requests', async () => {
    const clock = new ManualClock();
    const reservation = new ManualReservation();
    const generator = await start(clock, { reservation });
    clock.pass(1_000);
    const ids = await Promise.all(Array.from({ length: 100 }, () => generator.nextReserved()));
    expectIncreasing(ids);
    expect(reservation.raises).toHaveLength(2);
    expect(reservation.inFlightMax).toBe(1);
  });

  it('answers error 11 when the storage fails, retries at the next call, and loses nothing', async () => {
    const clock = new ManualClock();
    const reservation = new ManualReservation();
    const generator = await start(clock, { reservation });
    const before = take(generator, 5000);
    reservation.before = fail;
    clock.pass(501);
    expect(generator.next()).toBeUndefined();
    await expect(generator.reserve()).rejects.toMatchObject({
      code: 11,
      message: 'cannot reserve: the disk is full',
    });
    await expect(generator.nextReserved()).rejects.toThrow('cannot reserve: the disk is full');
    expect(reservation.raises).toHaveLength(3);
    reservation.before = async () => {};
    await generator.reserve();
    expectIncreasing(before, take(generator, 5000));
  });

  it('keeps serving while a raise ahead fails, warns, and does not hit broken storage every millisecond', async () => {
    const clock = new ManualClock();
    const reservation = new ManualReservation();
    const warnings: string[] = [];
    const generator = await start(clock, { reservation, warn: (text) => warnings.push(text) });
    reservation.before = fail;
    for (let step = 0; step < 500; step++) {
      take(generator, 1);
      clock.pass(1);
      await settle();
    }
    expect(generator.next()).toBeUndefined();
    expect(reservation.raises.length).toBeLessThanOrEqual(1 + 5);
    expect(warnings[0]).toBe('cannot reserve ahead: the disk is full');
    expect(warnings).toHaveLength(reservation.raises.length - 1);
  });

  it('drops the range of a raise that succeeded but was reported as failed', async () => {
    const clock = new ManualClock();
    const reservation = new ManualReservation();
    const generator = await start(clock, { reservation });
    reservation.after = fail;
    clock.pass(600);
    await expect(generator.reserve()).rejects.toThrow('cannot reserve');
    reservation.after = async () => {};
    expect(timestampOf(await generator.nextReserved())).toBe(clock.wall + 500);
  });

  it('rejects the start with the error of the storage', async () => {
    const reservation = new ManualReservation();
    reservation.before = fail;
    await expect(start(new ManualClock(), { reservation })).rejects.toThrow(/^the disk is full$/);
  });

  it('catches up with storage that is slower than the window', async () => {
    const clock = new ManualClock();
    const reservation = new ManualReservation();
    const generator = await start(clock, { reservation });
    reservation.before = async () => clock.pass(1_200.5);
    clock.pass(1_000);
    const ids: string[] = [];
    for (let request = 0; request < 50; request++) {
      const id = await generator.nextReserved();
      // At most as old as the raise that may have begun with it.
      expect(clock.wall - timestampOf(id)).toBeLessThan(1_202);
      ids.push(id);
      clock.pass(300);
    }
    expectIncreasing(ids);
  });

  it('reports storage that is too slow for any range to be useful', async () => {
    const clock = new ManualClock();
    const reservation = new ManualReservation();
    const generator = await start(clock, { reservation });
    reservation.before = async () => clock.pass(60_000);
    clock.pass(1_000);
    await expect(generator.nextReserved()).rejects.toMatchObject({
      code: 11,
      message: 'cannot reserve: the storage is too slow: every range had expired when it was reserved',
    });
  });

  it('rejects storage that has gone back', async () => {
    const clock = new ManualClock();
    let bound: number | undefined;
    const reservation: Reservation = {
      read: async () => bound,
      raise: async (from, to) => {
        if (bound !== from) return { won: false, bound: bound as number };
        bound = to;
        return { won: true, bound: to };
      },
    };
    const generator = await start(clock, { reservation });
    bound = NEW_YEAR_MS - HOUR_MS;
    clock.pass(600);
    await expect(generator.nextReserved()).rejects.toThrow('went back');
  });
});

describe('two holders of one node number', () => {
  it('make different ids while one is paused and comes back (case 10)', async () => {
    const options = { reservation: new MemoryReservation(), windowMs: 10 };
    const clockOfOld = new ManualClock();
    const clockOfSuccessor = new ManualClock();
    const old = await start(clockOfOld, options);
    const beforePause = take(old, 5000);

    clockOfSuccessor.pass(2);
    const successor = await start(clockOfSuccessor, options);
    const ofSuccessor = take(successor, 5000);
    expect(timestampOf(ofSuccessor[0])).toBe(NEW_YEAR_MS + 10);

    const rest = takeAll(old);
    expect(rest.error).toBeUndefined();
    expect(timestampOf(last(rest.ids))).toBe(NEW_YEAR_MS + 9);
    clockOfOld.pass(12);
    const late = [await old.nextReserved(), ...take(old, 5000)];
    expect(timestampOf(late[0])).toBe(NEW_YEAR_MS + 20);
    expectIncreasing(beforePause, rest.ids, late);
    const all = [...beforePause, ...rest.ids, ...late, ...ofSuccessor];
    expect(new Set(all).size).toBe(all.length);
  });

  it('make different ids side by side in one process (case 11)', async () => {
    const reservation = new MemoryReservation();
    const clock = new ManualClock();
    const generators = [await start(clock, { reservation }), await start(clock, { reservation })];
    const ids: string[][] = [[], []];
    for (let step = 0; step < 3_000; step++) {
      for (const [index, generator] of generators.entries()) ids[index]?.push(await generator.nextReserved());
      clock.pass(1);
    }
    for (const batch of ids) expectIncreasing(batch);
    expect(new Set(ids.flat()).size).toBe(6_000);
  });

  it('answer error 11 instead of running ahead of the clock in turns', async () => {
    const reservation = new MemoryReservation();
    const clock = new ManualClock();
    const options = { reservation, leadMsMax: 20, windowMs: 5 };
    const generators = [await start(clock, options), await start(clock, options)];
    let newest = 0;
    const drain = async (generator: IdGenerator) => {
      for (;;) newest = Math.max(newest, timestampOf(await generator.nextReserved()));
    };
    for (const result of await Promise.allSettled(generators.map(drain))) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 11 } });
    }
    expect(newest).toBeLessThanOrEqual(NEW_YEAR_MS + 5 + 20);
  });
});
