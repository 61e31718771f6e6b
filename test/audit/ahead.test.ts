/** The audit on a store that writes ahead: entries go to the disk in front of the changes, in the same sync. */

import { describe, expect, it } from 'vitest';
import { headKey } from '../../src/audit/records.ts';
import { AuditTrail, type Change, type Ticket } from '../../src/audit/trail.ts';
import { LogEngine } from '../../src/kv/log/log-engine.ts';
import type { StoreEngine } from '../../src/kv/store.ts';
import { SeededRandom } from '../../src/protocol/random.ts';
import { type DiskLife, SimulatedDisk } from '../../src/simulator/simulated-disk.ts';
import { AuditRig, changeOf } from '../support/audit-rig.ts';
import { TamperedStore } from '../support/audit-tamperings.ts';
import { settle } from '../support/virtual-time.ts';

const SEEDS = Number(process.env.SEEDS ?? 40);
const MISTAKE_SEEDS = 40;
const LIVES = 4;
const LIFE_MS_MAX = 400;
const CLIENTS = 8;
const PAUSE_MS_MAX = 30;
const RETAIN_MS = 150;
const HOUR_MS = 3_600_000;

/** A life whose disk takes no time. */
const quickLife = (): DiskLife => ({ setTimer: (_, callback) => queueMicrotask(callback) });
const newDisk = (seed = 'audit') => new SimulatedDisk({ random: new SeededRandom(seed) });

function open(disk: SimulatedDisk, life: DiskLife = quickLife(), failures: Error[] = []): Promise<LogEngine> {
  return LogEngine.open(disk.open(life), {
    clock: { monotonicMs: () => 0 },
    onFailure: (error) => failures.push(error),
  });
}

const syncsOf = (engine: StoreEngine) => engine.figures().syncs as number;

/** Numbers of the changes in the audit, with their outcomes. */
async function recorded(engine: StoreEngine): Promise<(readonly [number, string | null])[]> {
  const rig = new AuditRig(engine);
  const found: (readonly [number, string | null])[] = [];
  let after: string | undefined;
  do {
    const { changes, next } = await rig.find({ after });
    found.push(...changes.map(({ trace, outcome }) => [Number.parseInt(trace, 16), outcome] as const));
    after = next;
  } while (after !== undefined);
  return found;
}

/** A trail whose chain has begun. */
async function begun(engine: StoreEngine): Promise<{ rig: AuditRig; trail: AuditTrail }> {
  const rig = new AuditRig(engine);
  const trail = rig.trail();
  await rig.change(trail, 0, 0);
  return { rig, trail };
}

describe('a trail on a log', () => {
  it('has its entries on the disk with the change, by one sync for both', async () => {
    const disk = newDisk();
    const engine = await open(disk);
    const { trail } = await begun(engine);
    const before = syncsOf(engine);
    const tickets = await Promise.all([1, 2, 3].map((number) => trail.begin(changeOf(number))));
    expect(tickets.map(({ n }) => n)).toEqual([4, 5, 6]);
    await settle();
    expect(syncsOf(engine)).toBe(before);
    expect((await engine.replace('change', null, 'done')).kind).toBe('ok');
    expect(syncsOf(engine)).toBe(before + 1);
    // Here it is killed.
    expect(await recorded(await open(disk))).toEqual([
      [0, 'committed'],
      [1, null],
      [2, null],
      [3, null],
    ]);
  });

  it('writes what nothing follows alone, within two tenths of a second', async () => {
    const engine = await open(newDisk());
    const { rig, trail } = await begun(engine);
    const ticket = await trail.begin(changeOf(1));
    await rig.time.advance(200);
    expect(await recorded(engine)).toContainEqual([1, null]);
    trail.end(ticket, { outcome: 'committed' });
    await rig.time.advance(200);
    expect(await recorded(engine)).toContainEqual([1, 'committed']);
    expect(trail.figures()).toMatchObject({ changes: 2, failures: 0, 'outcomes-waiting': 0 });
  });

  it.each([255, 256, 257, 512])('does so with a group that is full: %s changes', async (count) => {
    const engine = await open(newDisk());
    const { rig, trail } = await begun(engine);
    for (let number = 1; number <= count; number++) await trail.begin(changeOf(number));
    await rig.time.advance(400);
    expect(await recorded(engine)).toHaveLength(count + 1);
  });

  it.each([127, 128, 129])('does so with a group that outcomes fill: %s changes', async (count) => {
    const engine = await open(newDisk());
    const { rig, trail } = await begun(engine);
    for (let number = 1; number <= count; number++)
      trail.end(await trail.begin(changeOf(number)), { outcome: 'committed' });
    expect(trail.figures()).toMatchObject({ 'outcomes-waiting': count });
    await rig.time.advance(400);
    expect(trail.figures()).toMatchObject({ 'outcomes-waiting': 0, 'lost-outcomes': 0 });
    expect((await recorded(engine)).filter(([, outcome]) => outcome === 'committed')).toHaveLength(count + 1);
  });

  it('signs within a second how far it has come, so that less can be cut off unseen', async () => {
    const engine = await open(newDisk());
    const { rig, trail } = await begun(engine);
    await trail.begin(changeOf(1));
    await rig.time.advance(1500);
    const store = await TamperedStore.open(engine);
    expect(await store.read(headKey(store.chains[0] as string))).toMatchObject({ reached: { n: 4 }, ended: false });
  });

  it('takes more at once than a group has, and turns the page', async () => {
    const engine = await open(newDisk());
    const { rig, trail } = await begun(engine);
    const numbers = Array.from({ length: 700 }, (_, index) => index + 1);
    const tickets = await Promise.all(numbers.map((number) => trail.begin(changeOf(number))));
    for (const ticket of tickets) trail.end(ticket, { outcome: 'committed' });
    await rig.settled(trail.close());
    expect(await recorded(engine)).toEqual([0, ...numbers].map((number) => [number, 'committed']));
    const { findings, chains } = await rig.verify();
    expect(findings).toEqual([]);
    expect(chains).toEqual([expect.objectContaining({ n: 1 + 2 * 701 })]);
    const store = await TamperedStore.open(engine);
    expect(await store.read(headKey(store.chains[0] as string))).toMatchObject({ ended: true });
    expect((await store.pagesOf(store.chains[0] as string)).length).toBeGreaterThan(3);
  });

  it.each([
    ['of an idle instance', 2000],
    ['while entries wait', 0],
  ])('goes on when retention removes its page, %s', async (_, pauseMs) => {
    const engine = await open(newDisk());
    const { rig, trail } = await begun(engine);
    await rig.change(trail, 1, 10);
    await rig.time.advance(2 * HOUR_MS);
    const waiting = pauseMs === 0 ? [trail.begin(changeOf(11))] : [];
    await rig.settled(rig.expiry(HOUR_MS).pass());
    for (const ticket of await Promise.all(waiting)) trail.end(ticket, { outcome: 'committed' });
    await rig.time.advance(pauseMs);
    await rig.change(trail, 12, 60);
    expect(rig.logged).toEqual([]);
    expect((await rig.verify()).findings).toEqual([]);
    const numbers = (await recorded(engine)).map(([number]) => number);
    expect(numbers).toEqual(expect.arrayContaining([...(waiting.length > 0 ? [11] : []), 12, 60]));
    expect(new Set(numbers).size).toBe(numbers.length);
  });

  it('begins another chain when another hand has changed the page', async () => {
    const engine = await open(newDisk());
    const { rig, trail } = await begun(engine);
    await rig.change(trail, 1, 3);
    const store = await TamperedStore.open(engine);
    await store.lines((await store.pagesOf(store.chains[0] as string))[0] as string, (lines) => lines.slice(0, -1));
    await expect(rig.settled(trail.begin(changeOf(4)))).rejects.toThrow('it could not be audited');
    await rig.change(trail, 5, 6);
    expect(rig.logged).toHaveLength(1);
    expect((await recorded(engine)).slice(-2)).toEqual([
      [5, 'committed'],
      [6, 'committed'],
    ]);
    expect((await rig.verify()).chains).toHaveLength(2);
  });

  it('refuses changes when the store has stopped', async () => {
    const failures: Error[] = [];
    const disk = newDisk();
    let isFull = false;
    const folder = disk.open(quickLife());
    const { append } = folder;
    folder.append = async (name, text) => {
      if (isFull) throw new Error('the disk is full');
      return append.call(folder, name, text);
    };
    const engine = await LogEngine.open(folder, {
      clock: { monotonicMs: () => 0 },
      onFailure: (error) => failures.push(error),
    });
    const { rig, trail } = await begun(engine);
    isFull = true;
    trail.end(await trail.begin(changeOf(1)), { outcome: 'committed' });
    expect((await engine.replace('change', null, 'done')).kind).toBe('silent');
    await expect(rig.settled(trail.begin(changeOf(2)))).rejects.toThrow('the store has stopped: the disk is full');
    expect(failures).toHaveLength(1);
    expect(trail.figures()).toMatchObject({ 'lost-outcomes': 1, 'outcomes-waiting': 0 });
    expect(trail.figures().failures).toBeGreaterThan(0);
    await rig.settled(trail.close());
  });
});

/** Tells at once, and takes the entry only some time later. */
class Hasty extends AuditTrail {
  readonly #sleep: (ms: number) => Promise<boolean>;

  constructor(options: ConstructorParameters<typeof AuditTrail>[0]) {
    super(options);
    this.#sleep = options.context.sleep;
  }

  override async begin(change: Change): Promise<Ticket> {
    void this.#sleep(3).then(() => super.begin(change).catch(() => {}));
    return { chain: '', n: 1 };
  }
}

interface World {
  /** Changes that are in the store, and should be in the audit. */
  readonly made: readonly number[];
  readonly recorded: readonly (readonly [number, string | null])[];
  readonly findings: readonly unknown[];
  /** Of lives that ended in order. */
  readonly settled: readonly number[];
  readonly changeCount: number;
}

/**
 * Lives of one machine with clients that audit a change and then make it. Pages expire and the log is renewed
 * meanwhile. A life ends at a random step of its disk, or in order.
 */
class Machine {
  readonly #random: SeededRandom;
  readonly #disk: SimulatedDisk;
  readonly #rig = new AuditRig();
  readonly #Trail: typeof AuditTrail;
  readonly #tickets = new Map<number, Ticket>();
  readonly #settled: number[] = [];
  #number = 0;

  constructor(seed: string, Trail: typeof AuditTrail) {
    this.#random = new SeededRandom(seed);
    this.#disk = newDisk(seed);
    this.#Trail = Trail;
  }

  async run(): Promise<World> {
    for (let count = 0; count < LIVES; count++) {
      await this.#live();
      const damage = this.#random.pick(['none', 'unsynced', 'torn'] as const);
      if (damage !== 'none') this.#disk.damage(damage);
    }
    const engine = await open(this.#disk);
    const list = await engine.list('change/', undefined, 10_000);
    const { findings, chains } = await new AuditRig(engine).verify();
    const removed = new Map(chains.map((chain) => [chain.chain, chain.removed]));
    const isKept = (number: number) => {
      const { chain = '', n = 0 } = this.#tickets.get(number) ?? {};
      return n > (removed.get(chain) ?? 0);
    };
    const made = list.kind === 'ok' ? list.keys.map((key) => Number(key.split('/')[1])) : [];
    return {
      made: made.filter(isKept),
      recorded: await recorded(engine),
      findings,
      settled: this.#settled.filter(isKept),
      changeCount: this.#number,
    };
  }

  async #live(): Promise<void> {
    const random = this.#random;
    const isOrderly = random.integer(4) === 0;
    let isAlive = true;
    const setTimer = (ms: number, callback: () => void) => this.#rig.time.schedule(ms, () => isAlive && callback());
    const sleep = (ms: number) => new Promise<boolean>((resolve) => setTimer(ms, () => resolve(true)));
    let stepsLeft = isOrderly ? Number.POSITIVE_INFINITY : 20 + random.integer(150);
    const onStep = () => {
      if (--stepsLeft === 0) isAlive = false;
    };
    void this.#serve({ setTimer, onStep }, sleep, isOrderly);
    await this.#rig.time.advance(LIFE_MS_MAX);
    isAlive = false;
  }

  async #serve(life: DiskLife, sleep: (ms: number) => Promise<boolean>, isOrderly: boolean): Promise<void> {
    const random = this.#random;
    const engine = await open(this.#disk, life);
    const context = { ...this.#rig.context, sleep };
    const trail = new this.#Trail({ ...this.#rig.trailOptions(), kv: engine, context });
    let isOver = false;
    const asked: number[] = [];
    const ask = async () => {
      while (!isOver) {
        await sleep(random.integer(PAUSE_MS_MAX));
        const own = this.#number++;
        const ticket = await trail.begin(changeOf(own));
        this.#tickets.set(own, ticket);
        if (random.integer(4) > 0) await engine.replace(`change/${own}`, null, 'done');
        trail.end(ticket, { outcome: 'committed' });
        asked.push(own);
      }
    };
    const expire = async () => {
      while (!isOver) {
        await sleep(random.integer(200));
        await this.#rig.expiry(RETAIN_MS, engine).pass();
      }
    };
    const renew = async () => {
      while (!isOver) {
        await sleep(random.integer(400));
        await engine.renew().catch(() => {});
      }
    };
    const clients = Array.from({ length: CLIENTS }, ask);
    void expire();
    void renew();
    if (!isOrderly) return;
    await sleep(LIFE_MS_MAX / 4);
    isOver = true;
    await Promise.all(clients);
    await trail.close();
    await engine.close();
    this.#settled.push(...asked);
  }
}

const withoutEntry = ({ made, recorded: entries }: World) => {
  const numbers = new Set(entries.map(([number]) => number));
  return made.filter((number) => !numbers.has(number));
};

describe('a machine that is killed and loses power, with retention and renewals', () => {
  it(`has an entry of every change that it has made, ${SEEDS} seeds`, { timeout: 60_000 + SEEDS * 2000 }, async () => {
    const sums = { made: 0, entries: 0, outcomes: 0, settled: 0, lost: 0 };
    for (let seed = 1; seed <= SEEDS; seed++) {
      const world = await new Machine(`${seed}`, AuditTrail).run();
      expect(withoutEntry(world), `seed ${seed}`).toEqual([]);
      expect(world.findings, `seed ${seed}`).toEqual([]);
      const outcomes = new Map(world.recorded);
      expect(outcomes.size, `seed ${seed}`).toBe(world.recorded.length);
      for (const outcome of outcomes.values()) expect(['committed', null], `seed ${seed}`).toContain(outcome);
      for (const number of world.settled) expect(outcomes.get(number), `seed ${seed}, ${number}`).toBe('committed');
      sums.made += world.made.length;
      sums.entries += outcomes.size;
      sums.outcomes += world.recorded.filter(([, outcome]) => outcome !== null).length;
      sums.settled += world.settled.length;
      sums.lost += world.changeCount - outcomes.size;
    }
    for (const [name, sum] of Object.entries(sums)) expect(sum / SEEDS, name).toBeGreaterThan(1);
  });

  it('has none of some changes if its trail tells before it has taken the entry', async () => {
    for (let seed = 1; seed <= MISTAKE_SEEDS; seed++)
      if (withoutEntry(await new Machine(`${seed}`, Hasty).run()).length > 0) return;
    expect.fail(`${MISTAKE_SEEDS} seeds find nothing`);
  });
});
