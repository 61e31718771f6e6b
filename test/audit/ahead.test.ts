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
  const { changes } = await new AuditRig(engine).find();
  return changes.map(({ trace, outcome }) => [Number.parseInt(trace, 16), outcome]);
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
    const ticket = await trail.begin(changeOf(1));
    expect((await engine.replace('change', null, 'done')).kind).toBe('silent');
    trail.end(ticket, { outcome: 'unknown' });
    await expect(rig.settled(trail.begin(changeOf(2)))).rejects.toThrow('the store has stopped: the disk is full');
    expect(failures).toHaveLength(1);
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
  /** Changes that are in the store. */
  readonly made: readonly number[];
  readonly recorded: readonly (readonly [number, string | null])[];
  readonly findings: readonly unknown[];
  readonly lostCount: number;
}

/** Lives of one machine that end at random steps of its disk, with clients that audit a change and then make it. */
async function killAgainAndAgain(seed: string, Trail: typeof AuditTrail): Promise<World> {
  const random = new SeededRandom(seed);
  const disk = newDisk(seed);
  const rig = new AuditRig();
  let number = 0;
  for (let count = 0; count < LIVES; count++) {
    let isAlive = true;
    const setTimer = (ms: number, callback: () => void) => rig.time.schedule(ms, () => isAlive && callback());
    const sleep = (ms: number) => new Promise<boolean>((resolve) => setTimer(ms, () => resolve(true)));
    let stepsLeft = 20 + random.integer(150);
    const onStep = () => {
      if (--stepsLeft === 0) isAlive = false;
    };
    const serve = async () => {
      const engine = await open(disk, { setTimer, onStep });
      const trail = new Trail({ ...rig.trailOptions(), kv: engine, context: { ...rig.context, sleep } });
      const ask = async () => {
        for (;;) {
          await sleep(random.integer(PAUSE_MS_MAX));
          const own = number++;
          const ticket = await trail.begin(changeOf(own));
          if (random.integer(4) > 0) await engine.replace(`change/${own}`, null, 'done');
          trail.end(ticket, { outcome: 'committed' });
        }
      };
      await Promise.all(Array.from({ length: CLIENTS }, ask));
    };
    void serve();
    await rig.time.advance(LIFE_MS_MAX);
    isAlive = false;
    const damage = random.pick(['none', 'unsynced', 'torn'] as const);
    if (damage !== 'none') disk.damage(damage);
  }
  const engine = await open(disk);
  const list = await engine.list('change/', undefined, 10_000);
  const made = list.kind === 'ok' ? list.keys.map((key) => Number(key.split('/')[1])) : [];
  const entries = await recorded(engine);
  const { findings } = await new AuditRig(engine).verify();
  return { made, recorded: entries, findings, lostCount: number - entries.length };
}

const withoutEntry = ({ made, recorded: entries }: World) => {
  const numbers = new Set(entries.map(([number]) => number));
  return made.filter((number) => !numbers.has(number));
};

describe('a machine that is killed and loses power', () => {
  it(`has an entry of every change that it has made, ${SEEDS} seeds`, { timeout: 60_000 + SEEDS * 1000 }, async () => {
    const sums = { made: 0, entries: 0, outcomes: 0, lost: 0 };
    for (let seed = 1; seed <= SEEDS; seed++) {
      const world = await killAgainAndAgain(`${seed}`, AuditTrail);
      expect(withoutEntry(world), `seed ${seed}`).toEqual([]);
      expect(world.findings, `seed ${seed}`).toEqual([]);
      const numbers = world.recorded.map(([number]) => number);
      expect(new Set(numbers).size, `seed ${seed}`).toBe(numbers.length);
      expect(world.recorded.filter(([, outcome]) => outcome !== null && outcome !== 'committed')).toEqual([]);
      sums.made += world.made.length;
      sums.entries += numbers.length;
      sums.outcomes += world.recorded.filter(([, outcome]) => outcome !== null).length;
      sums.lost += world.lostCount;
    }
    for (const sum of Object.values(sums)) expect(sum / SEEDS).toBeGreaterThan(1);
    expect(sums.entries).toBeGreaterThan(sums.made);
  });

  it('has none of some changes if its trail tells before it has taken the entry', async () => {
    for (let seed = 1; seed <= MISTAKE_SEEDS; seed++)
      if (withoutEntry(await killAgainAndAgain(`${seed}`, Hasty)).length > 0) return;
    expect.fail(`${MISTAKE_SEEDS} seeds find nothing`);
  });
});
