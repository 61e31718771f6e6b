import { describe, expect, it } from 'vitest';
import { GRACE_MS, HORIZON_KEY, Horizon, type HorizonOptions } from '../../src/kv/horizon.ts';
import { MemoryEngine } from '../../src/kv/memory-engine.ts';
import { ManualClock, NEW_YEAR_MS } from '../support/manual-clock.ts';

const HOUR_MS = 3_600_000;
const RETAIN_MS = 720 * HOUR_MS;

/** Instances with clocks of their own. Ids are their times, as text. */
class Instance {
  readonly clock = new ManualClock();
  readonly horizon: Horizon;

  constructor(engine: MemoryEngine, own: Partial<HorizonOptions> = {}) {
    const log = () => {};
    const context = {
      clock: this.clock,
      sleep: async () => false,
      randomUint32: () => 0,
      log: { debug: log, info: log, warn: log, error: log },
    };
    const timeOf = (id: string) => (/^\d+$/.test(id) ? Number(id) : undefined);
    this.horizon = new Horizon({ context, kv: engine, retainMs: RETAIN_MS, timeOf, ...own });
  }

  get now(): string {
    return String(this.clock.wallMs());
  }

  /** A request comes, and then the horizon is raised if it is time to. */
  async raise(): Promise<number> {
    await this.horizon.read();
    this.horizon.require(this.now);
    await this.horizon.raise();
    return this.horizon.known;
  }
}

const codeOf = (act: () => void): number | undefined => {
  try {
    act();
    return undefined;
  } catch (error) {
    return (error as { code: number }).code;
  }
};

describe('a request id', () => {
  it('is refused before the horizon was read', async () => {
    const { horizon, now } = new Instance(new MemoryEngine());
    expect(codeOf(() => horizon.require(now))).toBe(11);
    await horizon.read();
    expect(codeOf(() => horizon.require(now))).toBeUndefined();
  });

  it('is refused again when half of the grace has passed since the last reading, by either clock', async () => {
    const { horizon, clock, now } = new Instance(new MemoryEngine());
    await horizon.read();
    clock.pass(GRACE_MS / 2);
    expect(codeOf(() => horizon.require(now))).toBeUndefined();
    clock.monotonic += 1;
    expect(codeOf(() => horizon.require(now))).toBe(11);
    await horizon.read();
    clock.jump(GRACE_MS / 2 + 1);
    expect(codeOf(() => horizon.require(now))).toBe(11);
    await horizon.read();
    expect(codeOf(() => horizon.require(now))).toBeUndefined();
    expect(horizon.refusedCount).toBe(2);
  });

  it('must tell its time', async () => {
    const { horizon } = new Instance(new MemoryEngine());
    await horizon.read();
    expect(() => horizon.require('r1')).toThrow(
      'body.request_id: must be a UUIDv7 in lower case, or a snowflake of /generate',
    );
    expect(codeOf(() => horizon.require('r1'))).toBe(12);
    expect(codeOf(() => horizon.requireKept('r1'))).toBeUndefined();
  });

  it('must not be far ahead of the clock', async () => {
    const { horizon } = new Instance(new MemoryEngine());
    await horizon.read();
    expect(codeOf(() => horizon.require(String(NEW_YEAR_MS + 24 * HOUR_MS)))).toBeUndefined();
    expect(() => horizon.require(String(NEW_YEAR_MS + 24 * HOUR_MS + 1))).toThrow(
      'more than 1 d ahead of the clock here',
    );
  });

  it('must not be older than the horizon', async () => {
    const instance = new Instance(new MemoryEngine());
    const known = await instance.raise();
    expect(known).toBe(NEW_YEAR_MS - RETAIN_MS);
    expect(codeOf(() => instance.horizon.require(String(known)))).toBeUndefined();
    expect(() => instance.horizon.require(String(known - 1))).toThrow(
      `request_id ${known - 1} is of 2025-12-01T23:59:59.999Z, older than what is kept (30 d): nothing was done now, and ` +
        'whether it was carried out earlier is no longer known; ask with a new id only if it was not',
    );
    expect(codeOf(() => instance.horizon.requireKept(String(known - 1)))).toBe(22);
    expect(instance.horizon.isCurrent(String(known - 1))).toBe(false);
  });
});

it('looking whether something is kept counts as no refusal', async () => {
  const instance = new Instance(new MemoryEngine());
  const { horizon, now } = instance;
  expect(() => horizon.isKept(now)).toThrow(`it cannot be told now whether ${now} is kept`);
  expect(codeOf(() => horizon.isKept(now))).toBe(11);
  const known = await instance.raise();
  expect(horizon.isKept(String(known))).toBe(true);
  expect(horizon.isKept(String(known - 1))).toBe(false);
  expect(horizon.isKept('r1')).toBe(true);
  expect(horizon.refusedCount).toBe(0);
});

it('what is remembered is not current until the horizon was read, which is done at once', async () => {
  const { horizon, now } = new Instance(new MemoryEngine());
  expect(horizon.isCurrent(now)).toBe(false);
  await horizon.read();
  expect(horizon.isCurrent(now)).toBe(true);
});

describe('a horizon', () => {
  it('ends what is below it when it has been seen for the grace, not before', async () => {
    const engine = new MemoryEngine();
    const [one, other] = [new Instance(engine), new Instance(engine)];
    const known = await one.raise();
    one.clock.pass(GRACE_MS - 1);
    await other.horizon.read();
    expect([one.horizon.ended, one.horizon.isEnded(String(known - 1))]).toEqual([0, false]);
    one.clock.pass(1);
    expect([one.horizon.ended, one.horizon.isEnded(String(known - 1))]).toEqual([known, true]);
    expect(one.horizon.isEnded(String(known))).toBe(false);
    expect(other.horizon.ended).toBe(0);
  });

  it('is raised by every instance, at most once an hour', async () => {
    const engine = new MemoryEngine();
    const [one, other] = [new Instance(engine), new Instance(engine)];
    const first = await one.raise();
    for (const { clock, horizon } of [one, other]) {
      await horizon.read();
      clock.pass(HOUR_MS - 1);
    }
    expect(await one.raise()).toBe(first);
    other.clock.pass(1);
    expect(await other.raise()).toBe(first + HOUR_MS);
    expect(await one.raise()).toBe(first + HOUR_MS);
  });

  it('is not raised by a clock that is ahead of the ids of requests', async () => {
    const instance = new Instance(new MemoryEngine());
    const first = await instance.raise();
    instance.clock.jump(1e11);
    await instance.horizon.raise();
    instance.clock.pass(10 * HOUR_MS);
    await instance.horizon.raise();
    expect(instance.horizon.known).toBe(first);
  });

  it('moves at double speed if clocks and ids are ahead', async () => {
    const instance = new Instance(new MemoryEngine());
    const first = await instance.raise();
    instance.clock.jump(1e11);
    instance.clock.pass(HOUR_MS);
    expect(await instance.raise()).toBe(first + 2 * HOUR_MS);
  });

  it('is not raised without a request', async () => {
    const engine = new MemoryEngine();
    await new Instance(engine).horizon.raise();
    expect(await engine.read(HORIZON_KEY)).toEqual({ kind: 'absent' });
  });

  it('lets one instance make each pass', async () => {
    const engine = new MemoryEngine();
    const [one, other] = [new Instance(engine), new Instance(engine)];
    const known = await one.raise();
    await other.horizon.read();
    for (const { clock } of [one, other]) clock.pass(GRACE_MS);
    expect(await one.horizon.takePass('transfers')).toBe(known);
    expect(await other.horizon.takePass('transfers')).toBeUndefined();
    expect(await other.horizon.takePass('assignments')).toBe(known);
  });

  it('needs at least an hour to keep', () => {
    expect(() => new Instance(new MemoryEngine(), { retainMs: HOUR_MS - 1 })).toThrow(
      new RangeError('at least 1 h must be kept, not 3599.999 s'),
    );
  });
});
