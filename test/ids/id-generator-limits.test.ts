/** A generator at the exact limits of its ranges, its lead, its clocks and its layout. */

import { describe, expect, it } from 'vitest';
import { IdGenerator, type IdGeneratorOptions } from '../../src/ids/id-generator.ts';
import { type RaiseResult, type Reservation, requireUpwards } from '../../src/ids/reservation.ts';
import { decodeSnowflake, EPOCH_MS, encodeSnowflake, TIMESTAMP_MS_MAX } from '../../src/ids/snowflake.ts';
import { decodeUuid } from '../../src/ids/uuid.ts';
import { RpcError } from '../../src/protocol/errors.ts';
import { ManualClock, settle, NEW_YEAR_MS as T } from '../support/manual-clock.ts';

const PER_MS = 4096;
const END_MS = TIMESTAMP_MS_MAX + 1;

/** A stored bound. What happens before a raise takes effect is up to the test. */
class Store implements Reservation {
  readonly raises: [from: number | undefined, to: number][] = [];
  bound: number | undefined;
  before: () => unknown = () => {};

  constructor(bound?: number) {
    this.bound = bound;
  }

  async read(): Promise<number | undefined> {
    return this.bound;
  }

  async raise(from: number | undefined, to: number): Promise<RaiseResult> {
    requireUpwards(from, to);
    this.raises.push([from, to]);
    await this.before();
    if (this.bound !== undefined && this.bound !== from) return { won: false, bound: this.bound };
    this.bound = to;
    return { won: true, bound: to };
  }
}

function start(clock: ManualClock, options: Partial<IdGeneratorOptions> = {}): Promise<IdGenerator> {
  return IdGenerator.start({ node: 3, clock, random: () => 0, ...options });
}

/** Milliseconds since the new year, and the sequence. */
function slotOf(id: string | undefined): [number, number] {
  const { timestampMs, sequence } = decodeSnowflake(id as string);
  return [timestampMs - T, sequence];
}

function nextSlot(generator: IdGenerator): [number, number] {
  return slotOf(generator.next());
}

/** Takes `count` ids of a batch; whether there were any. */
function fill(generator: IdGenerator, count: number): boolean {
  return generator.nextBatch(count, 'snowflake') !== undefined;
}

const never = () => new Promise<void>(() => {});

describe('the end of a range', () => {
  it('is after its last sequence number, for ids, UUIDs and batches', async () => {
    const store = new Store();
    const generator = await start(new ManualClock(), { reservation: store, windowMs: 1 });
    store.before = never;
    expect(fill(generator, PER_MS + 1)).toBe(false);
    expect(fill(generator, 10)).toBe(true);
    expect(fill(generator, PER_MS - 9)).toBe(false);
    expect(fill(generator, PER_MS - 11)).toBe(true);
    expect(nextSlot(generator)).toEqual([0, PER_MS - 1]);
    expect(generator.next()).toBeUndefined();
    expect(generator.nextUuid()).toBeUndefined();
    expect(fill(generator, 1)).toBe(false);
  });

  it('is the same for a clock that reads nonsense', async () => {
    const store = new Store();
    const clock = new ManualClock();
    const generator = await start(clock, { reservation: store, windowMs: 1 });
    store.before = never;
    clock.monotonic = Number.NaN;
    expect([nextSlot(generator), nextSlot(generator)]).toEqual([
      [0, 0],
      [0, 1],
    ]);
    expect(fill(generator, PER_MS - 3)).toBe(true);
    expect(nextSlot(generator)).toEqual([0, PER_MS - 1]);
    expect(generator.next()).toBeUndefined();
  });

  it('moves when more is reserved, and no sequence number comes again', async () => {
    const store = new Store();
    const generator = await start(new ManualClock(), { reservation: store, windowMs: 1 });
    expect(nextSlot(generator)).toEqual([0, 0]);
    await generator.extend();
    expect(nextSlot(generator)).toEqual([0, 1]);
    expect(fill(generator, 2 * PER_MS - 2)).toBe(true);
    expect(generator.next()).toBeUndefined();
    await generator.reserve();
    expect(nextSlot(generator)).toEqual([2, 0]);
    expect(store.raises).toEqual([
      [undefined, T + 1],
      [T + 1, T + 2],
      [T + 2, T + 3],
    ]);
  });
});

describe('the lead over the clock', () => {
  it.each([0, 1, 3])('of %i ms can be used up to its last sequence number', async (leadMsMax) => {
    const clock = new ManualClock();
    const generator = await start(clock, { leadMsMax });
    const full = (waitMs: number) =>
      new RpcError(11, `ids are as far ahead of the clock as allowed; try again in ${waitMs} ms`);
    const most = (leadMsMax + 1) * PER_MS;
    expect(() => generator.nextBatch(most + 1, 'snowflake')).toThrow(
      new RpcError(14, `${most + 1} ids at once are more than the ${most} that may lead the clock`),
    );
    expect(fill(generator, most)).toBe(true);
    expect(() => generator.next()).toThrow(full(1));
    expect(() => generator.nextUuid()).toThrow(full(1));
    expect(() => generator.nextBatch(1, 'uuid')).toThrow(full(1));
    expect(() => generator.nextBatch(most, 'snowflake')).toThrow(full(leadMsMax + 1));
    clock.pass(1);
    expect(nextSlot(generator)).toEqual([leadMsMax + 1, 0]);
    expect(fill(generator, PER_MS - 1)).toBe(true);
    expect(() => generator.next()).toThrow(full(1));
  });

  it('is a limit of what is reserved for a batch', async () => {
    const clock = new ManualClock();
    const store = new Store();
    const generator = await start(clock, { reservation: store, leadMsMax: 4, windowMs: 1 });
    await generator.reserve(5 * PER_MS);
    expect(fill(generator, 4 * PER_MS + 1)).toBe(true);
    expect(nextSlot(generator)).toEqual([4, 1]);
    await expect(generator.reserve(PER_MS)).resolves.toBeUndefined();
    const none = new Store();
    const other = await start(clock, { reservation: none, leadMsMax: 4, windowMs: 1 });
    expect(fill(other, 1)).toBe(true);
    await expect(other.reserve(5 * PER_MS)).rejects.toThrow(
      new RpcError(11, 'ids are as far ahead of the clock as allowed; try again in 1 ms'),
    );
    expect(none.raises).toHaveLength(1);
  });
});

describe('the clocks', () => {
  it('are looked at for an id: the wall clock only when a millisecond is over or used up', async () => {
    const clock = new ManualClock();
    const generator = await start(clock);
    let wallReads = 0;
    clock.wallMs = () => {
      wallReads++;
      return clock.wall;
    };
    const readsOf = (take: () => unknown) => {
      wallReads = 0;
      take();
      return wallReads;
    };
    expect(readsOf(() => generator.next())).toBe(1);
    expect(readsOf(() => generator.nextUuid())).toBe(0);
    expect(readsOf(() => fill(generator, PER_MS - 3))).toBe(0);
    expect(readsOf(() => generator.next())).toBe(0);
    expect(readsOf(() => fill(generator, 1))).toBe(1);
    clock.pass(1);
    expect(readsOf(() => fill(generator, 1))).toBe(1);
    expect(readsOf(() => fill(generator, PER_MS - 2))).toBe(0);
    expect(readsOf(() => generator.next())).toBe(1);
    clock.pass(0.75);
    expect(readsOf(() => generator.next())).toBe(0);
  });

  it('end a millisecond at once, for an id and for a batch', async () => {
    const clock = new ManualClock();
    const generator = await start(clock);
    expect(nextSlot(generator)).toEqual([0, 0]);
    clock.pass(0.75);
    expect(nextSlot(generator)).toEqual([0, 1]);
    clock.pass(0.25);
    expect(nextSlot(generator)).toEqual([1, 0]);
    clock.pass(1);
    expect(slotOf(generator.nextBatch(1, 'snowflake')?.toArray()[0])).toEqual([2, 0]);
  });

  it('do not move ids back that are ahead of them', async () => {
    const clock = new ManualClock();
    const generator = await start(clock);
    expect(fill(generator, 2 * PER_MS)).toBe(true);
    expect(nextSlot(generator)).toEqual([2, 0]);
    clock.pass(1);
    expect(nextSlot(generator)).toEqual([2, 1]);
    clock.pass(1);
    expect(nextSlot(generator)).toEqual([2, 2]);
    clock.pass(1);
    expect(nextSlot(generator)).toEqual([3, 0]);
  });
});

describe('passOver', () => {
  it('lets the next id be above a timestamp, and skips nothing that is below already', async () => {
    const generator = await start(new ManualClock());
    expect([nextSlot(generator), nextSlot(generator)].at(-1)).toEqual([0, 1]);
    generator.passOver(T - 1);
    expect(nextSlot(generator)).toEqual([0, 2]);
    generator.passOver(T);
    expect(nextSlot(generator)).toEqual([1, 0]);
    generator.passOver(T + 6);
    expect(nextSlot(generator)).toEqual([7, 0]);
  });

  it('uses nothing that is not reserved', async () => {
    const store = new Store();
    const generator = await start(new ManualClock(), { reservation: store, windowMs: 10 });
    expect(nextSlot(generator)).toEqual([0, 0]);
    generator.passOver(T + 8);
    expect(nextSlot(generator)).toEqual([9, 0]);
    generator.passOver(T + 9);
    expect(generator.next()).toBeUndefined();
    expect(slotOf(await generator.nextReserved())).toEqual([10, 0]);
  });

  it('can leave the last timestamp of all, and does nothing where none would be left', async () => {
    const generator = await start(new ManualClock(TIMESTAMP_MS_MAX - 3));
    generator.passOver(TIMESTAMP_MS_MAX);
    expect(slotOf(generator.next())).toEqual([TIMESTAMP_MS_MAX - 3 - T, 0]);
    generator.passOver(TIMESTAMP_MS_MAX - 1);
    expect(slotOf(generator.next())).toEqual([TIMESTAMP_MS_MAX - T, 0]);
  });
});

describe('the figures of a generator', () => {
  it('count ids and borrowed milliseconds, and name the newest timestamp in use', async () => {
    const clock = new ManualClock();
    const generator = await start(clock);
    const look = () => {
      const { issued, borrowed_ms, lead_ms } = generator.figures();
      return [issued, borrowed_ms, lead_ms, generator.lastTimestampMs - T];
    };
    expect(look()).toEqual([0, 0, 0, -1]);
    generator.next();
    expect(look()).toEqual([1, 0, 0, 0]);
    generator.passOver(T + 4);
    expect(look()).toEqual([1, 1, 0, 0]);
    generator.passOver(T + 6);
    expect(look()).toEqual([1, 2, 0, 0]);
    generator.next();
    expect(look()).toEqual([2, 2, 7, 7]);
    fill(generator, PER_MS);
    expect(look()).toEqual([PER_MS + 2, 3, 8, 8]);
    clock.pass(3);
    expect(look()).toEqual([PER_MS + 2, 3, 5, 8]);
    clock.pass(17);
    expect(look()).toEqual([PER_MS + 2, 3, 0, 8]);
    generator.next();
    expect(look()).toEqual([PER_MS + 3, 3, 0, 20]);
  });
});

describe('a raise', () => {
  it('begins as soon as less than half of the window is left, and leads to a window from then', async () => {
    const clock = new ManualClock();
    const store = new Store();
    const generator = await start(clock, { reservation: store, windowMs: 10 });
    const counts: number[] = [];
    for (let ms = 0; ms <= 12; ms++) {
      expect(nextSlot(generator)).toEqual([ms, 0]);
      await settle();
      counts.push(store.raises.length);
      clock.pass(1);
    }
    expect(counts).toEqual([1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 3]);
    expect(store.raises).toEqual([
      [undefined, T + 10],
      [T + 10, T + 16],
      [T + 16, T + 22],
    ]);
  });

  it('asks for twice as much more as the last one took, up to the lead', async () => {
    const clock = new ManualClock();
    const store = new Store();
    const generator = await start(clock, { reservation: store, windowMs: 100, leadMsMax: 1000 });
    store.before = () => clock.pass(30.5);
    await generator.extend();
    store.before = () => clock.pass(2000);
    await generator.extend();
    store.before = () => {};
    await generator.extend();
    await generator.extend();
    expect(store.raises).toEqual([
      [undefined, T + 100],
      [T + 100, T + 101],
      [T + 101, T + 30 + 100 + 2 * 31],
      [T + 192, T + 2030 + 1000],
      [T + 3030, T + 3031],
    ]);
  });

  it('asks for a window that is longer than the lead', async () => {
    const store = new Store();
    await start(new ManualClock(), { reservation: store, windowMs: 100, leadMsMax: 20 });
    expect(store.raises).toEqual([[undefined, T + 100]]);
  });

  it.each([
    [1, 30],
    [2, 31],
    [PER_MS + 1, 31],
    [PER_MS + 2, 32],
  ])('for %i ids covers them wherever in a millisecond they begin', async (count, toMs) => {
    const reserving = [(generator: IdGenerator) => generator.reserve(count)] as ((
      ids: IdGenerator,
    ) => Promise<unknown>)[];
    if (count === 1) {
      reserving.push(
        (generator) => generator.nextReserved(),
        (generator) => generator.nextUuidReserved(),
      );
    } else reserving.push((generator) => generator.nextBatchReserved(count, 'snowflake'));
    for (const reserve of reserving) {
      const clock = new ManualClock();
      const store = new Store();
      const generator = await start(clock, { reservation: store, windowMs: 10 });
      clock.pass(20);
      await reserve(generator);
      expect(store.raises.slice(1)).toEqual([[T + 10, T + toMs]]);
    }
  });

  it('leads behind the range of another holder, and a window on', async () => {
    const clock = new ManualClock();
    const store = new Store();
    const generator = await start(clock, { reservation: store, windowMs: 10 });
    store.bound = T + 50;
    clock.pass(20);
    expect(slotOf(await generator.nextReserved())).toEqual([50, 0]);
    expect(store.raises.slice(1)).toEqual([
      [T + 10, T + 30],
      [T + 50, T + 60],
    ]);
    expect(generator.figures()).toEqual({
      issued: 1,
      borrowed_ms: 1,
      lead_ms: 30,
      reservations: 2,
      reservations_lost: 1,
    });
  });

  it('leads behind a range that another holder reserved while the generator started', async () => {
    const store = new Store(T + 5);
    const bounds: number[] = [];
    store.before = () => {
      if (bounds.push(store.bound as number) === 1) store.bound = T + 50;
    };
    const generator = await start(new ManualClock(), { reservation: store, windowMs: 10 });
    expect(nextSlot(generator)).toEqual([50, 0]);
    expect(store.raises).toEqual([
      [T + 5, T + 15],
      [T + 50, T + 60],
    ]);
  });

  it('is not made behind the range of another holder that ends beyond the lead', async () => {
    for (const bound of [T + 40, T + 41]) {
      const clock = new ManualClock();
      const store = new Store();
      const generator = await start(clock, { reservation: store, windowMs: 10, leadMsMax: 20 });
      store.bound = bound;
      clock.pass(20);
      if (bound === T + 40) expect(slotOf(await generator.nextReserved())).toEqual([40, 0]);
      else {
        await expect(generator.nextReserved()).rejects.toThrow(
          new RpcError(11, 'ids are as far ahead of the clock as allowed; try again in 1 ms'),
        );
        expect(store.bound).toBe(bound);
      }
    }
  });

  it('leads on from skipped timestamps if the range of another holder ends below them', async () => {
    const store = new Store();
    const generator = await start(new ManualClock(), { reservation: store, windowMs: 10 });
    generator.passOver(T + 30);
    store.bound = T + 15;
    expect(slotOf(await generator.nextReserved())).toEqual([31, 0]);
    expect(store.raises.slice(1)).toEqual([
      [T + 10, T + 41],
      [T + 15, T + 41],
    ]);
  });

  it('that fails ahead of need is tried again after a tenth of the window, with a warning each time', async () => {
    const clock = new ManualClock();
    const store = new Store();
    const warnings: string[] = [];
    const warn = (text: string) => warnings.push(text);
    const generator = await start(clock, { reservation: store, windowMs: 110, warn });
    const failedAtMs: number[] = [];
    store.before = () => {
      failedAtMs.push(clock.wall - T);
      throw new Error('the disk is full');
    };
    for (let ms = 0; ms < 110; ms++) {
      expect(nextSlot(generator)).toEqual([ms, 0]);
      await settle();
      clock.pass(1);
    }
    expect(failedAtMs).toEqual([56, 67, 78, 89, 100]);
    expect(warnings).toEqual(failedAtMs.map(() => 'cannot reserve ahead: the disk is full'));
  });

  it('that takes some milliseconds and fails is warned of once', async () => {
    const clock = new ManualClock();
    const store = new Store();
    const warnings: string[] = [];
    const warn = (text: string) => warnings.push(text);
    const generator = await start(clock, { reservation: store, windowMs: 10, warn });
    let fail = () => {};
    store.before = () =>
      new Promise((_, reject) => {
        fail = () => reject(new Error('the disk is full'));
      });
    for (let ms = 0; ms < 10; ms++) {
      expect(nextSlot(generator)).toEqual([ms, 0]);
      await settle();
      clock.pass(1);
    }
    fail();
    await settle();
    expect(warnings).toEqual(['cannot reserve ahead: the disk is full']);
    expect(store.raises).toHaveLength(2);
  });
});

describe('a generator gives up', () => {
  it('when 16 raises in a row are lost to other holders', async () => {
    const clock = new ManualClock();
    const store = new Store(T);
    const generator = await start(clock, { reservation: store, windowMs: 10 });
    let raises = 0;
    store.raise = async (from) => {
      raises++;
      return { won: false, bound: from as number };
    };
    clock.pass(20);
    await expect(generator.reserve()).rejects.toThrow(
      new RpcError(11, 'cannot reserve: other holders of node number 3 were faster 16 times'),
    );
    expect(raises).toBe(16);
  });

  it('when 16 ranges in a row had expired before they were reserved, not after 15', async () => {
    for (const slowRaises of [15, 16]) {
      const clock = new ManualClock();
      const store = new Store();
      const generator = await start(clock, { reservation: store });
      store.before = () => clock.pass(store.raises.length <= 1 + slowRaises ? 60_000 : 0);
      clock.pass(1_000);
      const reserving = generator.reserve();
      if (slowRaises < 16) await expect(reserving).resolves.toBeUndefined();
      else {
        const text = 'cannot reserve: the storage is too slow: every range had expired when it was reserved';
        await expect(reserving).rejects.toThrow(new RpcError(11, text));
      }
      expect(store.raises).toHaveLength(1 + 16);
    }
  });

  it('when 16 ranges in a row were gone before it could take an id', async () => {
    const clock = new ManualClock();
    const store = new Store();
    const generator = await start(clock, { reservation: store });
    // Read to see how long the raise took, and whether there is room; then for the id.
    let readsAfterRaise = 0;
    store.before = () => {
      readsAfterRaise = 0;
    };
    clock.monotonicMs = () => {
      if (++readsAfterRaise === 3) clock.pass(60_000);
      return clock.monotonic;
    };
    clock.pass(1_000);
    await expect(generator.nextReserved()).rejects.toThrow(
      new RpcError(11, 'cannot reserve: others used up every range at once'),
    );
    expect(store.raises).toHaveLength(1 + 16);
  });

  it.each([
    ['error 11', new RpcError(11, 'ask later'), 11, 'ask later'],
    ['error 14', new RpcError(14, 'the number is gone'), 14, 'the number is gone'],
    ['a timeout', new RpcError(0, 'no reply'), 11, 'cannot reserve: no reply'],
    ['an error with a code', Object.assign(new Error('bad'), { code: 14 }), 11, 'cannot reserve: bad'],
    ['a text', 'bad', 11, 'cannot reserve: bad'],
  ])('and says why after %s of the store', async (_, reason, code, text) => {
    const clock = new ManualClock();
    const store = new Store();
    const generator = await start(clock, { reservation: store });
    store.before = () => {
      throw reason;
    };
    clock.pass(1_000);
    await expect(generator.nextReserved()).rejects.toThrow(new RpcError(code, text));
    expect(store.raises).toHaveLength(2);
  });
});

describe('the last timestamp of all', () => {
  const usedUp = new RpcError(14, 'the timestamps of this id layout are used up: its 41 bits ended in 2094');

  it('can be used to its last sequence number, and then all ids are refused for good', async () => {
    for (const reservation of [undefined, new Store()]) {
      const warnings: string[] = [];
      const warn = (text: string) => warnings.push(text);
      const generator = await start(new ManualClock(TIMESTAMP_MS_MAX), { reservation, warn });
      expect(() => generator.nextBatch(PER_MS + 1, 'snowflake')).toThrow(usedUp);
      expect(fill(generator, PER_MS - 1)).toBe(true);
      expect(slotOf(generator.next())).toEqual([TIMESTAMP_MS_MAX - T, PER_MS - 1]);
      for (const take of [() => generator.next(), () => generator.nextUuid(), () => generator.nextBatch(1, 'uuid')]) {
        expect(take).toThrow(usedUp);
      }
      await expect(generator.nextReserved()).rejects.toThrow(usedUp);
      await expect(generator.reserve()).resolves.toBeUndefined();
      if (reservation !== undefined) await expect(generator.extend()).rejects.toThrow(usedUp);
      await settle();
      expect(reservation?.raises ?? []).toEqual(reservation === undefined ? [] : [[undefined, END_MS]]);
      expect(warnings).toEqual([]);
    }
  });

  it('may be reserved by another holder', async () => {
    const clock = new ManualClock(TIMESTAMP_MS_MAX - 2);
    const store = new Store();
    const generator = await start(clock, { reservation: store, windowMs: 1 });
    store.bound = END_MS;
    clock.pass(1);
    await expect(generator.nextReserved()).rejects.toThrow(usedUp);
    expect(store.raises).toEqual([
      [undefined, TIMESTAMP_MS_MAX - 1],
      [TIMESTAMP_MS_MAX - 1, TIMESTAMP_MS_MAX],
    ]);
  });
});

describe('the options of a generator', () => {
  it.each([
    [{ node: 1024 }, 'a node number is an integer from 0 to 1023, not 1024'],
    [{ node: '5' }, 'a node number is an integer from 0 to 1023, not "5"'],
    [{ node: Number.NaN }, 'a node number is an integer from 0 to 1023, not NaN'],
    [{ node: undefined }, 'a node number is an integer from 0 to 1023, not undefined'],
    [{ leadMsMax: -1 }, 'leadMsMax must be an integer from 0 on, not -1'],
    [{ windowMs: 0 }, 'windowMs must be an integer from 1 on, not 0'],
    [{ floorMs: EPOCH_MS - 1 }, `floorMs must be an integer from ${EPOCH_MS} on, not ${EPOCH_MS - 1}`],
  ])('are refused beyond their limits, before the storage is asked: %j', async (options, problem) => {
    const reservation = new Store();
    reservation.read = () => Promise.reject(new Error('asked'));
    const starting = start(new ManualClock(), { reservation, ...options } as Partial<IdGeneratorOptions>);
    await expect(starting).rejects.toThrow(new RangeError(problem));
  });

  it('are accepted at their limits', async () => {
    for (const node of [0, 1023]) {
      const options = { node, leadMsMax: 0, windowMs: 1, maxSkewMs: 0, floorMs: EPOCH_MS, reservation: new Store() };
      expect(decodeSnowflake((await start(new ManualClock(EPOCH_MS + 1), options)).next() as string)).toEqual({
        timestampMs: EPOCH_MS + 1,
        node,
        sequence: 0,
        entropy: 0,
      });
    }
  });

  it('are a lead of 5 s and a window of 500 ms unless given', async () => {
    const store = new Store();
    const generator = await start(new ManualClock(), { reservation: store });
    expect(store.raises).toEqual([[undefined, T + 500]]);
    const most = 5001 * PER_MS;
    expect(() => generator.nextBatch(most + 1, 'uuid')).toThrow(`more than the ${most} that may lead the clock`);
  });

  it.each([
    [undefined, undefined, 0],
    [700, undefined, 700],
    [undefined, 700, 700],
    [700, 600, 700],
    [600, 700, 700],
  ])('and a stored bound say where ids begin: floor %s, bound %s', async (floor, bound, first) => {
    const reservation = new Store(bound === undefined ? undefined : T + bound);
    const floorMs = floor === undefined ? undefined : T + floor;
    const generator = await start(new ManualClock(), { reservation, floorMs });
    expect(nextSlot(generator)).toEqual([first, 0]);
    expect(generator.figures()).toMatchObject({ lead_ms: 0, reservations: 1, reservations_lost: 0 });
    expect(reservation.raises).toEqual([[bound === undefined ? undefined : T + bound, T + first + 500]]);
  });
});

describe('the text of an id', () => {
  it('is that of the layout where its last four digits carry', async () => {
    const idOf = (sequence: number) => encodeSnowflake({ timestampMs: T, node: 3, sequence, entropy: 0 });
    const carry = Array.from({ length: PER_MS }, (_, sequence) => sequence).find(
      (sequence) => idOf(sequence) % 10_000n === 0n,
    ) as number;
    expect(carry).toBeGreaterThan(3);
    for (const first of [-3, -2, -1, 0, 1].map((distance) => carry + distance)) {
      const expected = [first, first + 1, first + 2].map((sequence) => idOf(sequence).toString());
      const [batches, singles] = [await start(new ManualClock()), await start(new ManualClock())];
      for (const generator of [batches, singles]) fill(generator, first);
      expect(batches.nextBatch(3, 'snowflake')?.toArray()).toEqual(expected);
      expect([singles.next(), singles.next(), singles.next()]).toEqual(expected);
    }
  });

  it('has its timestamp, node, sequence and 52 random bits in a UUID', async () => {
    const words = [0xabcde123, 0x456789ab];
    let draws = 0;
    const random = () => words[draws++ % 2] as number;
    const clock = new ManualClock();
    const generator = await start(clock, { random });
    const entropy = 0xabcde456789ab;
    const uuids = () => [generator.nextUuid(), ...(generator.nextBatch(2, 'uuid')?.toArray() ?? [])];
    for (const timestampMs of [T, T + 1]) {
      expect(uuids().map((id) => decodeUuid(id as string))).toEqual(
        [0, 1, 2].map((sequence) => ({ timestampMs, node: 3, sequence, entropy })),
      );
      clock.pass(1);
    }
  });
});
