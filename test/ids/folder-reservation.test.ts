/**
 * The algorithm of the files, on a disk that can fail at every step. Real files are tested in
 * `test/host/file-reservation.test.ts`.
 */

import { describe, expect, it } from 'vitest';
import type { DiskDamage } from '../../src/harness/fault.ts';
import { FolderReservation, StateFileError } from '../../src/ids/folder-reservation.ts';
import type { Reservation } from '../../src/ids/reservation.ts';
import type { Folder } from '../../src/protocol/folder.ts';
import { SeededRandom } from '../../src/protocol/random.ts';
import { SimulatedDisk } from '../../src/simulator/simulated-disk.ts';
import { NEW_YEAR_MS as T } from '../support/manual-clock.ts';
import { describeReservation } from '../support/reservation-conformance.ts';

const LIVES = 600;
/** About two raises: a life ends in the middle of its start, of its first raise or of its second, or just after. */
const STEPS_MAX = 50;

type Mutation = (folder: Folder) => Partial<Folder>;

/** A folder with some operations replaced. */
function mutant(folder: Folder, mutation: Mutation): Folder {
  const changed = mutation(folder);
  return new Proxy(folder, {
    get: (_, operation: keyof Folder) => changed[operation] ?? folder[operation].bind(folder),
  });
}

/** A life that ends at its step `stepsLeft`: later steps never happen. */
function mortalLife(stepsLeft: number) {
  let alive = true;
  let end = () => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  return {
    ended,
    isAlive: () => alive,
    setTimer: (_: number, callback: () => void) => {
      queueMicrotask(() => {
        if (alive) callback();
      });
    },
    onStep: () => {
      if (--stepsLeft > 0) return;
      alive = false;
      end();
    },
  };
}

/** One life after another on one disk, each killed anywhere; resolves to all errors, in words. */
async function torture(seed: string, damages: readonly (DiskDamage | 'none')[], mutation: Mutation): Promise<string[]> {
  const random = new SeededRandom(seed);
  const disk = new SimulatedDisk({ random: random.fork('disk') });
  const wrong: string[] = [];
  /** Above all timestamps that a raise has won, in any life. */
  let acknowledged: number | undefined;

  const raiseForever = async (reservation: Reservation, life: ReturnType<typeof mortalLife>) => {
    let from = await reservation.read();
    for (;;) {
      const result = await reservation.raise(from, (from ?? T) + 1 + random.integer(9));
      if (result.won && life.isAlive()) acknowledged = Math.max(acknowledged ?? T, result.bound);
      from = result.bound;
    }
  };

  const live = async (life: ReturnType<typeof mortalLife>, number: number) => {
    const folder = mutant(disk.open(life), mutation);
    const holders = [await FolderReservation.open(folder, 'n1')];
    const bound = await (holders[0] as Reservation).read();
    if ((bound ?? 0) < (acknowledged ?? 0)) wrong.push(`life ${number} read ${bound}, and ${acknowledged} was won`);
    // Two holders in one life: the second may be at any step when it ends.
    if (random.integer(3) === 0) holders.push(await FolderReservation.open(folder, 'n1'));
    await Promise.all(holders.map((holder) => raiseForever(holder, life)));
  };

  for (let number = 1; number <= LIVES && wrong.length === 0; number++) {
    const life = mortalLife(1 + random.integer(STEPS_MAX));
    const work = live(life, number).catch((error: unknown) => {
      wrong.push(`life ${number}: ${error}`);
    });
    await Promise.race([work, life.ended]);
    const damage = random.pick(damages);
    if (damage !== 'none') disk.damage(damage);
  }
  expect(acknowledged).toBeGreaterThan(T);
  return wrong;
}

describe('FolderReservation', () => {
  describeReservation(async () => {
    const disk = new SimulatedDisk({ random: new SeededRandom('conformance') });
    const folder = disk.open({ setTimer: (_, callback) => queueMicrotask(callback) });
    return () => FolderReservation.open(folder, 'n1');
  });

  it('writes in order what must be on the disk before the next step', async () => {
    const steps: string[] = [];
    const disk = new SimulatedDisk({ random: new SeededRandom('steps') });
    const onStep = (step: string) => {
      if (step.startsWith('after ') && !/ (names|read)\b/.test(step)) steps.push(step.slice('after '.length));
    };
    const folder = disk.open({ setTimer: (_, callback) => queueMicrotask(callback), onStep });
    const reservation = await FolderReservation.open(folder, 'n1');
    await reservation.raise(undefined, T);
    steps.length = 0;
    await reservation.raise(T, T + 1);
    expect(steps).toEqual([
      'write snowstorm-n1.2.tmp',
      'sync snowstorm-n1.2.tmp',
      'link snowstorm-n1.2.json',
      'syncNames',
      'remove snowstorm-n1.2.tmp',
      'remove snowstorm-n1.1.json',
    ]);
  });

  it('removes at its start the leftovers of a killed life, and nothing of other nodes', async () => {
    const disk = new SimulatedDisk({ random: new SeededRandom('strays') });
    for (const nodeId of ['n1', 'n1.2', 'n2']) {
      const life = mortalLife(5);
      void FolderReservation.open(disk.open(life), nodeId);
      await life.ended;
    }
    const folder = disk.open({ setTimer: (_, callback) => queueMicrotask(callback) });
    expect(await folder.names()).toHaveLength(3);
    await FolderReservation.open(folder, 'n1');
    expect(await folder.names()).toEqual(['snowstorm-n1.2.1.tmp', 'snowstorm-n2.2.tmp']);
  });

  it('starts over after a disk was lost', async () => {
    const disk = new SimulatedDisk({ random: new SeededRandom('lost') });
    const life = { setTimer: (_: number, callback: () => void) => queueMicrotask(callback) };
    const reservation = await FolderReservation.open(disk.open(life), 'n1');
    await reservation.raise(undefined, T);
    disk.damage('lost');
    await expect(reservation.raise(T, T + 1)).rejects.toThrow(StateFileError);
    expect(await (await FolderReservation.open(disk.open(life), 'n1')).read()).toBeUndefined();
  });
});

describe('lives that are killed at any step, with or without a power failure', () => {
  const unchanged: Mutation = () => ({});
  const noSync: Mutation = () => ({ sync: async () => {} });
  const noSyncNames: Mutation = () => ({ syncNames: async () => {} });
  const noSyncAtAll: Mutation = (folder) => ({ ...noSync(folder), ...noSyncNames(folder) });

  it.each(['a', 'b', 'c', 'd'])('never read less than any of them has won (seed %s)', async (seed) => {
    expect(await torture(seed, ['none', 'unsynced', 'torn'], unchanged)).toEqual([]);
  });

  it.each([
    ['a folder that does not sync', noSyncAtAll],
    ['a folder that does not sync texts', noSync],
    ['a folder that does not sync names', noSyncNames],
  ])('find out %s (mutant)', async (_, mutation) => {
    for (const damage of ['unsynced', 'torn'] as const) {
      expect(await torture('mutant', ['none', damage], mutation)).not.toEqual([]);
    }
  });

  it('read less than was won if names are not synced, and nothing if texts are not (mutants)', async () => {
    expect(await torture('mutant', ['unsynced'], noSyncNames)).toEqual([
      expect.stringMatching(/^life \d+ read (undefined|\d+), and \d+ was won$/),
    ]);
    expect(await torture('mutant', ['unsynced'], noSync)).toEqual([
      expect.stringMatching(/^life \d+: StateFileError: snowstorm-n1\.\d+\.json: the state file is empty$/),
    ]);
  });

  it('lose nothing by kills alone, even if nothing is synced', async () => {
    expect(await torture('kill -9', ['none'], noSyncAtAll)).toEqual([]);
  });
});
