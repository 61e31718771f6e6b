/**
 * The algorithm of the files, on a disk that can fail at every step. Real files are tested in
 * `test/host/file-reservation.test.ts`.
 */

import { describe, expect, it } from 'vitest';
import type { DiskDamage } from '../../src/harness/fault.ts';
import { FolderReservation, StateFileError } from '../../src/ids/folder-reservation.ts';
import type { Reservation } from '../../src/ids/reservation.ts';
import { EPOCH_MS, TIMESTAMP_MS_MAX } from '../../src/ids/snowflake.ts';
import type { Folder } from '../../src/protocol/folder.ts';
import { SeededRandom } from '../../src/protocol/random.ts';
import { SimulatedDisk } from '../../src/simulator/simulated-disk.ts';
import { settle, NEW_YEAR_MS as T } from '../support/manual-clock.ts';
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

/** A folder on a disk of its own, in a life that does not end. */
function newFolder(seed: string): Folder {
  const disk = new SimulatedDisk({ random: new SeededRandom(seed) });
  return disk.open({ setTimer: (_, callback) => queueMicrotask(callback) });
}

/** A folder whose node n1 has a state file with this text, beside an older one without a flaw. */
async function folderWith(text: string): Promise<Folder> {
  const folder = newFolder('state');
  await folder.write('snowstorm-n1.1.json', stateText());
  await folder.write('snowstorm-n1.2.json', text);
  return folder;
}

function stateText(change: Record<string, unknown> = {}): string {
  return `${JSON.stringify({ format: 1, node: 'n1', reservedUntil: T, ...change })}\n`;
}

/** Notes the beginning and the end of each operation, with some time in between. */
function watched(folder: Folder, operations: readonly (keyof Folder)[]) {
  const log: string[] = [];
  const note = (operation: keyof Folder) => {
    const run = folder[operation].bind(folder) as (...parameters: string[]) => unknown;
    return async (...parameters: string[]) => {
      log.push(`begin ${[operation, ...parameters].join(' ')}`);
      await settle();
      try {
        return await run(...parameters);
      } finally {
        log.push(`end ${[operation, ...parameters].join(' ')}`);
      }
    };
  };
  const changed = Object.fromEntries(operations.map((operation) => [operation, note(operation)]));
  return { folder: mutant(folder, () => changed), log };
}

/** The log of operations of which each began after the end of the one before. */
function oneByOne(...operations: string[]): string[] {
  return operations.flatMap((operation) => [`begin ${operation}`, `end ${operation}`]);
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

describe('every step of a raise', () => {
  const CHANGES: readonly (keyof Folder)[] = ['sync', 'link', 'remove', 'syncNames'];

  it('waits for the step before, and the raise for its last step', async () => {
    const { folder, log } = watched(newFolder('raise'), CHANGES);
    const reservation = await FolderReservation.open(folder, 'n1');
    expect(log.splice(0)).toEqual(oneByOne('sync snowstorm-n1.0.tmp', 'remove snowstorm-n1.0.tmp'));
    await reservation.raise(undefined, T);
    log.splice(0);
    await reservation.raise(T, T + 1);
    expect(log).toEqual(
      oneByOne(
        'sync snowstorm-n1.2.tmp',
        'link snowstorm-n1.2.tmp snowstorm-n1.2.json',
        'syncNames',
        'remove snowstorm-n1.2.tmp',
        'remove snowstorm-n1.1.json',
      ),
    );
  });

  it('waits at the start until the leftovers are removed', async () => {
    const disk = new SimulatedDisk({ random: new SeededRandom('leftovers') });
    const life = { setTimer: (_: number, callback: () => void) => queueMicrotask(callback) };
    const killed = disk.open(life);
    for (const text of ['a', 'b']) await killed.write(killed.temporaryName('snowstorm-n1.'), text);
    const { folder, log } = watched(disk.open(life), ['remove', 'write']);
    await FolderReservation.open(folder, 'n1');
    expect(log).toEqual(
      oneByOne(
        'remove snowstorm-n1.0.tmp',
        'remove snowstorm-n1.1.tmp',
        'write snowstorm-n1.2.tmp probe\n',
        'remove snowstorm-n1.2.tmp',
      ),
    );
  });

  it('is undone, and waited for, after one that failed', async () => {
    const failing = mutant(newFolder('full'), () => ({
      sync: async () => {
        throw new Error('the disk is full');
      },
    }));
    const { folder, log } = watched(failing, ['remove']);
    await expect(FolderReservation.open(folder, 'n1')).rejects.toThrow(/^the disk is full$/);
    expect(log).toEqual(oneByOne('remove snowstorm-n1.0.tmp'));
    expect(await folder.names()).toEqual([]);
  });

  it('is undone, and waited for, after a link that came too late', async () => {
    const shared = newFolder('late');
    const quick = await FolderReservation.open(shared, 'n1');
    const { folder, log } = watched(shared, ['remove', 'syncNames']);
    const pausing = mutant(folder, () => ({
      link: async (name, newName) => {
        if (newName === 'snowstorm-n1.1.json') {
          await quick.raise(undefined, T);
          await quick.raise(T, T + 10);
        }
        return folder.link(name, newName);
      },
    }));
    const slow = await FolderReservation.open(pausing, 'n1');
    log.splice(0);
    expect(await slow.raise(undefined, T + 5)).toEqual({ won: false, bound: T + 10 });
    expect(log).toEqual(oneByOne('remove snowstorm-n1.1.json', 'remove snowstorm-n1.2.tmp'));
    expect(await folder.names()).toEqual(['snowstorm-n1.2.json']);
  });

  it('that only cleans up may fail', async () => {
    const shared = newFolder('strays');
    await (await FolderReservation.open(shared, 'n1')).raise(undefined, T);
    let synced = false;
    const folder = mutant(shared, () => ({
      syncNames: async () => {
        await shared.syncNames();
        synced = true;
      },
      names: async () => {
        if (synced) throw new Error('the disk cannot be read');
        return shared.names();
      },
    }));
    const reservation = await FolderReservation.open(folder, 'n1');
    expect(await reservation.raise(T, T + 1)).toEqual({ won: true, bound: T + 1 });
    expect(await (await FolderReservation.open(shared, 'n1')).read()).toBe(T + 1);
  });

  it('is tried 64 times if others are faster every time, and then given up', async () => {
    const shared = newFolder('busy');
    const reservation = await FolderReservation.open(shared, 'n1');
    await reservation.raise(undefined, T);
    const counts = { read: 0, link: 0 };
    const withoutReading = mutant(shared, () => ({
      read: async () => {
        counts.read++;
        return undefined;
      },
    }));
    const reader = await FolderReservation.open(withoutReading, 'n1');
    await expect(reader.read()).rejects.toThrow(
      new StateFileError('snowstorm-n1.*.json: it never stood still for long enough to be read'),
    );
    const withoutLinking = mutant(shared, () => ({
      link: async () => {
        counts.link++;
        return false;
      },
    }));
    const raiser = await FolderReservation.open(withoutLinking, 'n1');
    await expect(raiser.raise(T, T + 1)).rejects.toThrow(
      new StateFileError('snowstorm-n1.*.json: it never stood still for long enough to be raised'),
    );
    expect(counts).toEqual({ read: 64, link: 64 });
    expect(await shared.names()).toEqual(['snowstorm-n1.1.json']);
  });
});

describe('a state file', () => {
  it('is one of the node itself, with a version of up to 15 digits, and nothing else', async () => {
    const strangers = [
      'snowstorm-n2.9.json',
      'snowstorm-n1.2.9.json',
      'snowstorm-n1.9.save',
      'snowstorm-n1.9.tmp',
      'snowstorm-n1.09.json',
      'snowstorm-n1.0.json',
      'snowstorm-n1.-9.json',
      'snowstorm-n1.9e2.json',
      'snowstorm-n1..json',
      'snowstorm-n1.9999999999999999.json',
    ];
    const folder = newFolder('strangers');
    for (const name of strangers) await folder.write(name, stateText());
    const reservation = await FolderReservation.open(folder, 'n1');
    expect(await reservation.read()).toBeUndefined();
    expect(await reservation.raise(undefined, T + 1)).toEqual({ won: true, bound: T + 1 });
    expect(await folder.names()).toEqual([...strangers, 'snowstorm-n1.1.json']);
    await folder.write('snowstorm-n1.100000000000000.json', stateText({ reservedUntil: T + 9 }));
    expect(await reservation.read()).toBe(T + 9);
  });

  it.each([EPOCH_MS, TIMESTAMP_MS_MAX, TIMESTAMP_MS_MAX + 1])('may hold the bound %i', async (reservedUntil) => {
    const folder = await folderWith(stateText({ reservedUntil }));
    expect(await (await FolderReservation.open(folder, 'n1')).read()).toBe(reservedUntil);
  });

  const NO_BOUND = 'which is no timestamp of an id';
  it.each([
    ['empty', '', 'the state file is empty'],
    ['cut short', stateText().slice(0, 20), 'the state file is cut short, or not JSON'],
    ['cut short by its line end', stateText().slice(0, -1), 'the state file is cut short: its last line has no end'],
    ['not JSON', 'reserved until tomorrow\n', 'the state file is not JSON'],
    ['not JSON after a line end', '\n{', 'the state file is cut short, or not JSON'],
    ['full of zero bytes', '\0'.repeat(60), 'the state file is cut short, or not JSON'],
    ['a JSON number', '5\n', 'the state file is not a JSON object'],
    ['a JSON null', 'null\n', 'the state file is not a JSON object'],
    ['a JSON list', '[]\n', 'the state file is not a JSON object'],
    ['without a format', stateText({ format: undefined }), 'the state file has no format number'],
    ['of format 0', stateText({ format: 0 }), 'the state file has no format number'],
    ['of half a format', stateText({ format: 1.5 }), 'the state file has no format number'],
    [
      'of a future format',
      stateText({ format: 2 }),
      'the state file has format 2, and this version of Snowstorm knows only format 1',
    ],
    ['of another node', stateText({ node: 'n2' }), 'the state file is that of node "n2", not of "n1"'],
    ['without a node', stateText({ node: undefined }), 'the state file is that of node undefined, not of "n1"'],
    [
      'without a bound',
      stateText({ reservedUntil: undefined }),
      `the state file's reservedUntil is undefined, ${NO_BOUND}`,
    ],
    [
      'with a text for a bound',
      stateText({ reservedUntil: `${T}` }),
      `the state file's reservedUntil is "${T}", ${NO_BOUND}`,
    ],
    ...[T + 0.5, EPOCH_MS - 1, TIMESTAMP_MS_MAX + 2].map((reservedUntil) => [
      `with the bound ${reservedUntil}`,
      stateText({ reservedUntil }),
      `the state file's reservedUntil is ${reservedUntil}, ${NO_BOUND}`,
    ]),
  ] as [string, string, string][])(
    'is a clear error when it is %s, and no older one is used',
    async (_, text, flaw) => {
      const folder = await folderWith(text);
      const reservation = await FolderReservation.open(folder, 'n1');
      const error = new StateFileError(`snowstorm-n1.2.json: ${flaw}`);
      await expect(reservation.read()).rejects.toThrow(error);
      await expect(reservation.raise(T, T + 1)).rejects.toThrow(error);
      expect(await folder.read('snowstorm-n1.2.json')).toBe(text);
      expect(await folder.names()).toEqual(['snowstorm-n1.1.json', 'snowstorm-n1.2.json']);
    },
  );

  it('cannot be named after a node id that is not well-formed text', async () => {
    await expect(FolderReservation.open(newFolder('surrogate'), '\ud800')).rejects.toThrow(
      new StateFileError('the node id "\\ud800" is not well-formed text, so no file can be named after it'),
    );
  });

  it('names its node and its format', async () => {
    const folder = newFolder('text');
    await (await FolderReservation.open(folder, 'ä/1')).raise(undefined, T);
    const text = `{"format":1,"node":"ä/1","reservedUntil":${T}}\n`;
    expect(await folder.read('snowstorm-%C3%A4%2F1.1.json')).toBe(text);
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
