/** The removals themselves: what they look at, in which pace, and what they count. */

import { describe, expect, it } from 'vitest';
import { HORIZON_KEY } from '../../src/kv/horizon.ts';
import { MemoryEngine } from '../../src/kv/memory-engine.ts';
import { type Ending, Retention, type RetentionOptions } from '../../src/kv/retention.ts';
import type { StoreEngine } from '../../src/kv/store.ts';
import { ManualClock, NEW_YEAR_MS, settle } from '../support/manual-clock.ts';

const GRACE_MS = 1000;
const RETAIN_MS = 4000;

/** Documents `d/<time>`. Those that say `keep` are unfinished. */
const DOCUMENTS: Ending = {
  name: 'documents',
  prefix: 'd/',
  idOf: (key) => key.slice(2),
  end: async (key, remover) => {
    const found = await remover.read(key);
    if (found.kind === 'found' && !(found.content as { keep?: boolean }).keep) await remover.remove(key, found.token);
  },
};

async function createRetention(engine: StoreEngine) {
  const clock = new ManualClock();
  const sleepsMs: number[] = [];
  const figures = new Map<string, () => Readonly<Record<string, number>>>();
  const troubles: (() => string | undefined)[] = [];
  const waiting: ((slept: boolean) => void)[] = [];
  const log = () => {};
  const context: RetentionOptions['context'] = {
    clock,
    sleep: (durationMs) => {
      sleepsMs.push(durationMs);
      return new Promise((resolve) => waiting.push(resolve));
    },
    randomUint32: () => 0,
    log: { debug: log, info: log, warn: log, error: log },
    report: (part, own) => figures.set(part, own),
    diagnose: (_part, findTrouble) => troubles.push(findTrouble),
  };
  const timeOf = (id: string) => (/^\d+$/.test(id) ? Number(id) : undefined);
  const retention = new Retention({ context, engine, retainMs: RETAIN_MS, graceMs: GRACE_MS, timeOf });
  retention.add(DOCUMENTS);
  const findTrouble = () => troubles[0]?.();
  const troubleBefore = findTrouble();
  retention.start();
  await settle();
  return {
    retention,
    clock,
    sleepsMs,
    troubleBefore,
    findTrouble,
    figures: () => figures.get('retention')?.(),
    /** So much time passes, and everything that waits goes on. */
    pass: async (durationMs: number) => {
      clock.pass(durationMs);
      for (const wake of waiting.splice(0)) wake(true);
      await settle();
    },
  };
}

/** The engine with documents of these times, and what else is given. */
async function engineWith(
  times: readonly number[],
  others: Readonly<Record<string, string>> = {},
): Promise<MemoryEngine> {
  const engine = new MemoryEngine();
  for (const time of times) await engine.replace(`d/${time}`, null, '{"ver":1}');
  for (const [key, text] of Object.entries(others)) await engine.replace(key, null, text);
  return engine;
}

async function keysOf(engine: MemoryEngine): Promise<readonly string[]> {
  const list = await engine.list('d/', undefined, 10_000);
  return list.kind === 'ok' ? list.keys : [];
}

/** What the first horizon is if a request comes now. */
const HORIZON_MS = NEW_YEAR_MS - RETAIN_MS;

/** Until a pass over all that is below the first horizon is over. */
async function removeAll({ retention, pass }: Awaited<ReturnType<typeof createRetention>>): Promise<void> {
  retention.require(String(NEW_YEAR_MS));
  for (let turn = 0; turn < 60; turn++) await pass(100);
}

describe('removals', () => {
  it('end what is older than the horizon and finished, and nothing else', async () => {
    const engine = await engineWith([1, HORIZON_MS - 1, HORIZON_MS + RETAIN_MS], {
      'd/2': '{"keep":true,"ver":1}',
      'd/3': 'no JSON',
      'd/r1': '{"ver":1}',
      'e/1': '{"ver":1}',
    });
    const instance = await createRetention(engine);
    await removeAll(instance);
    expect(await keysOf(engine)).toEqual([`d/${HORIZON_MS + RETAIN_MS}`, 'd/2', 'd/3', 'd/r1']);
    expect(await engine.read('e/1')).toHaveProperty('kind', 'found');
    expect(instance.figures()).toEqual({ 'horizon-ms': HORIZON_MS, refused: 0, 'removed-documents': 2 });
  });

  it('look at every key, however many there are, and pause for every call', async () => {
    const times = Array.from({ length: 600 }, (_, index) => 1000 + index);
    const engine = await engineWith(times);
    const instance = await createRetention(engine);
    await removeAll(instance);
    expect(await keysOf(engine)).toEqual([]);
    // 1,200 calls and three lists of 8 at 400 a second. The pauses of readings and sweeps are longer.
    const pausesMs = instance.sleepsMs.filter((ms) => ms <= 100);
    expect(pausesMs.reduce((sum, ms) => sum + ms, 0)).toBeGreaterThanOrEqual(3000);
  });

  it('wait for the grace', async () => {
    const engine = await engineWith([1]);
    const { retention, pass, figures } = await createRetention(engine);
    retention.require(String(NEW_YEAR_MS));
    for (let turn = 0; turn < 10; turn++) await pass(100);
    expect(figures()).toMatchObject({ 'horizon-ms': HORIZON_MS, 'removed-documents': 0 });
    for (let turn = 0; turn < 10; turn++) await pass(100);
    expect(figures()).toMatchObject({ 'removed-documents': 1 });
  });

  it('leave what could not be listed for a later pass', async () => {
    const engine = await engineWith([1]);
    let failures = 0;
    const list: MemoryEngine['list'] = engine.list.bind(engine);
    engine.list = async (...all) => {
      if (failures++ > 0) return list(...all);
      return { kind: 'failed', error: Object.assign(new Error('away'), { code: 11 }) as never };
    };
    const instance = await createRetention(engine);
    await removeAll(instance);
    expect(await keysOf(engine)).toEqual(['d/1']);
    instance.retention.require(String(NEW_YEAR_MS + 6000));
    for (let turn = 0; turn < 30; turn++) await instance.pass(100);
    expect(await keysOf(engine)).toEqual([]);
  });
});

it('an instance that does not know the horizon says so when asked for its health', async () => {
  const instance = await createRetention(new MemoryEngine());
  expect(instance.troubleBefore).toBe('how long requests are kept is not known');
  expect(instance.findTrouble()).toBeUndefined();
  instance.clock.pass(GRACE_MS / 2 + 1);
  expect(instance.findTrouble()).toBeDefined();
});

it('stores nothing before a request comes', async () => {
  const engine = new MemoryEngine();
  const { pass } = await createRetention(engine);
  for (let turn = 0; turn < 30; turn++) await pass(100);
  expect(await engine.read(HORIZON_KEY)).toEqual({ kind: 'absent' });
});
