import { type ChildProcessByStdio, spawn } from 'node:child_process';
import * as nodeFiles from 'node:fs/promises';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { FileReservation } from '../../src/host/file-reservation.ts';
import type { Files } from '../../src/host/node-folder.ts';
import { StateFileError } from '../../src/ids/folder-reservation.ts';
import { IdGenerator } from '../../src/ids/id-generator.ts';
import type { RaiseResult } from '../../src/ids/reservation.ts';
import { decodeSnowflake } from '../../src/ids/snowflake.ts';
import { SeededRandom } from '../../src/protocol/random.ts';
import { ManualClock, NEW_YEAR_MS as T } from '../support/manual-clock.ts';
import { describeReservation } from '../support/reservation-conformance.ts';

const folders: string[] = [];
const children = new Set<ChildProcessByStdio<null, Readable, null>>();

afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  for (const folder of folders.splice(0)) await nodeFiles.rm(folder, { recursive: true, force: true });
});

async function newFolder(): Promise<string> {
  const folder = await nodeFiles.mkdtemp(path.join(tmpdir(), 'snowstorm-test-'));
  folders.push(folder);
  return folder;
}

/** A folder whose node n1 has a state file with this text. */
async function folderWith(text: string, version = 1): Promise<{ folder: string; file: string }> {
  const folder = await newFolder();
  const file = path.join(folder, `snowstorm-n1.${version}.json`);
  await nodeFiles.writeFile(file, text);
  return { folder, file };
}

function stateText(change: Record<string, unknown> = {}): string {
  return `${JSON.stringify({ format: 1, node: 'n1', reservedUntil: T, ...change })}\n`;
}

function failingWith(code: string): () => Promise<never> {
  return async () => {
    throw Object.assign(new Error(`${code}: simulated`), { code });
  };
}

/** A file system whose files can be made, but not written or synced. */
function filesThatFail(operation: 'writeFile' | 'sync', code: string): Files {
  const open = (async (...parameters: Parameters<typeof nodeFiles.open>) => {
    const handle = await nodeFiles.open(...parameters);
    return Object.assign(handle, { [operation]: failingWith(code) });
  }) as typeof nodeFiles.open;
  return { ...nodeFiles, open };
}

/** Runs an action between two steps of a raise, once, before its link, as another process might. */
function filesThatPauseBeforeLink(meanwhile: () => Promise<void>, change: Partial<Files> = {}): Files {
  let paused = false;
  const link: typeof nodeFiles.link = async (from, to) => {
    if (!paused) {
      paused = true;
      await meanwhile();
    }
    await nodeFiles.link(from, to);
  };
  return { ...nodeFiles, link, ...change };
}

describe('FileReservation', () => {
  describeReservation(async () => {
    const folder = await newFolder();
    return () => FileReservation.open(folder, 'n1');
  });

  it('makes the folder, for its owner only', async () => {
    const folder = path.join(await newFolder(), 'a', 'b');
    await FileReservation.open(folder, 'n1');
    expect((await nodeFiles.stat(folder)).mode & 0o777).toBe(0o700);
    expect(await nodeFiles.readdir(folder)).toEqual([]);
  });

  it('keeps one small readable file', async () => {
    const folder = await newFolder();
    const reservation = await FileReservation.open(folder, 'n1');
    await reservation.raise(undefined, T);
    await reservation.raise(T, T + 1);
    await reservation.raise(T + 1, T + 2);
    expect(await nodeFiles.readdir(folder)).toEqual(['snowstorm-n1.3.json']);
    const text = await nodeFiles.readFile(path.join(folder, 'snowstorm-n1.3.json'), 'utf8');
    expect(text).toBe(`{"format":1,"node":"n1","reservedUntil":${T + 2}}\n`);
  });

  it('keeps the bounds of several nodes in one folder apart, for all kinds of ids', async () => {
    const folder = await newFolder();
    const nodeIds = ['n1', 'n1.2', 'n1.2.3', 'n', '../n1', 'a/b', 'ä ö', '', '%6e1', '.', '*'];
    for (const [index, nodeId] of nodeIds.entries()) {
      const reservation = await FileReservation.open(folder, nodeId);
      expect(await reservation.raise(undefined, T + index)).toEqual({ won: true, bound: T + index });
    }
    for (const [index, nodeId] of nodeIds.entries()) {
      expect(await (await FileReservation.open(folder, nodeId)).read()).toBe(T + index);
    }
    expect(await nodeFiles.readdir(folder)).toHaveLength(nodeIds.length);
  });

  it('takes the newest version if a crash left older ones', async () => {
    const { folder } = await folderWith(stateText({ reservedUntil: T + 9 }), 9);
    await nodeFiles.writeFile(path.join(folder, 'snowstorm-n1.10.json'), stateText({ reservedUntil: T + 10 }));
    const reservation = await FileReservation.open(folder, 'n1');
    expect(await reservation.read()).toBe(T + 10);
    await reservation.raise(T + 10, T + 11);
    expect(await nodeFiles.readdir(folder)).toEqual(['snowstorm-n1.11.json']);
  });

  it('syncs the file, then links it, then syncs the folder, and only then removes the older version', async () => {
    const folder = await newFolder();
    const steps: string[] = [];
    const record = (step: string, file: unknown) => {
      steps.push(`${step} ${path.basename(String(file)).replace(/\.\d+\.[0-9a-f]{16}\./, '.*.')}`);
    };
    const files: Files = {
      ...nodeFiles,
      open: (async (...parameters: Parameters<typeof nodeFiles.open>) => {
        const handle = await nodeFiles.open(...parameters);
        const sync = handle.sync.bind(handle);
        return Object.assign(handle, {
          sync: async () => {
            await sync();
            record('sync', parameters[0]);
          },
        });
      }) as typeof nodeFiles.open,
      link: async (from, to) => {
        await nodeFiles.link(from, to);
        record('link', to);
      },
      unlink: async (file) => {
        await nodeFiles.unlink(file);
        record('unlink', file);
      },
    };
    const reservation = await FileReservation.open(folder, 'n1', files);
    await reservation.raise(undefined, T);
    steps.length = 0;
    await reservation.raise(T, T + 1);
    expect(steps).toEqual([
      'sync snowstorm-n1.*.tmp',
      'link snowstorm-n1.2.json',
      `sync ${path.basename(folder)}`,
      'unlink snowstorm-n1.*.tmp',
      'unlink snowstorm-n1.1.json',
    ]);
  });
});

describe('a holder that was paused before its link', () => {
  async function raceOfStaleHolder(change: Partial<Files> = {}) {
    const folder = await newFolder();
    const quick = await FileReservation.open(folder, 'n1');
    await quick.raise(undefined, T);
    const won: [number, number][] = [];
    const meanwhile = async () => {
      for (const [from, to] of [
        [T, T + 10],
        [T + 10, T + 20],
      ] as const) {
        if ((await quick.raise(from, to)).won) won.push([from, to]);
      }
    };
    const slow = await FileReservation.open(folder, 'n1', filesThatPauseBeforeLink(meanwhile, change));
    const result = await slow.raise(T, T + 15);
    if (result.won) won.push([T, T + 15]);
    return { folder, won, result, bound: await quick.read() };
  }

  it('loses to processes that went on and cleaned up, and leaves no files', async () => {
    const { folder, won, result, bound } = await raceOfStaleHolder();
    expect(result).toEqual({ won: false, bound: T + 20 });
    expect(bound).toBe(T + 20);
    expect(won).toHaveLength(2);
    expect(await nodeFiles.readdir(folder)).toEqual(['snowstorm-n1.3.json']);
  });

  it('would win a range twice if it did not list the folder again (mutant)', async () => {
    const firstListing = new Map<string, string[]>();
    const readdir = (async (folder: string) => {
      const names = firstListing.get(folder) ?? (await nodeFiles.readdir(folder));
      if (names.length > 0) firstListing.set(folder, names);
      return names;
    }) as typeof nodeFiles.readdir;
    const { won } = await raceOfStaleHolder({ readdir });
    expect(overlaps(won)).not.toEqual([]);
  });
});

describe('a wrong state file (case 16)', () => {
  it.each([
    ['empty', '', 'is empty'],
    ['cut short', stateText().slice(0, 20), 'cut short'],
    ['cut short by its line end', stateText().slice(0, -1), 'cut short'],
    ['not JSON', 'reserved until tomorrow\n', 'not JSON'],
    ['full of zero bytes', '\0'.repeat(60), 'not JSON'],
    ['a JSON number', '5\n', 'is not a JSON object'],
    ['a JSON null', 'null\n', 'is not a JSON object'],
    ['a JSON list', '[]\n', 'is not a JSON object'],
    ['without a format', stateText({ format: undefined }), 'no format number'],
    ['of a future format', stateText({ format: 2 }), 'has format 2, and this version of Snowstorm knows only format 1'],
    ['of another node', stateText({ node: 'n2' }), 'that of node "n2", not of "n1"'],
    ['without a node', stateText({ node: undefined }), 'that of node undefined'],
    ['without a bound', stateText({ reservedUntil: undefined }), 'reservedUntil is undefined'],
    ['with a text for a bound', stateText({ reservedUntil: `${T}` }), `reservedUntil is "${T}"`],
    ['with a fraction for a bound', stateText({ reservedUntil: T + 0.5 }), 'no timestamp of an id'],
    ['with a bound before the epoch', stateText({ reservedUntil: 5 }), 'reservedUntil is 5'],
    ['with a bound beyond 2094', stateText({ reservedUntil: 4e12 }), 'reservedUntil is 4000000000000'],
  ])('is a clear error when it is %s, and no guess', async (_, text, problem) => {
    const { folder, file } = await folderWith(text, 2);
    await nodeFiles.writeFile(path.join(folder, 'snowstorm-n1.1.json'), stateText());
    const reservation = await FileReservation.open(folder, 'n1');
    for (const use of [() => reservation.read(), () => reservation.raise(T, T + 1)]) {
      await expect(use()).rejects.toThrow(StateFileError);
      await expect(use()).rejects.toThrow(file);
      await expect(use()).rejects.toThrow(problem);
    }
    const clock = new ManualClock();
    const options = { node: 1, clock, random: () => 0, reservation };
    await expect(IdGenerator.start(options)).rejects.toThrow(StateFileError);
    expect(await nodeFiles.readFile(file, 'utf8')).toBe(text);
  });

  it('is a clear error when it is a folder', async () => {
    const folder = await newFolder();
    await nodeFiles.mkdir(path.join(folder, 'snowstorm-n1.1.json'));
    const reservation = await FileReservation.open(folder, 'n1');
    await expect(reservation.read()).rejects.toThrow('snowstorm-n1.1.json: cannot read: it is a folder');
  });

  it('is a clear error when it vanishes under a running node', async () => {
    const folder = await newFolder();
    const reservation = await FileReservation.open(folder, 'n1');
    await reservation.raise(undefined, T);
    await nodeFiles.rm(path.join(folder, 'snowstorm-n1.1.json'));
    await expect(reservation.raise(T, T + 1)).rejects.toThrow(`which held ${T}, is gone`);
    await nodeFiles.rm(folder, { recursive: true });
    await expect(reservation.raise(T, T + 1)).rejects.toThrow(`${folder}: cannot list the folder: it is not there`);
  });
});

describe('a folder that cannot be used (case 16)', () => {
  it('is a clear error when it is a file, or lies below one', async () => {
    const { file } = await folderWith('');
    await expect(FileReservation.open(file, 'n1')).rejects.toThrow(StateFileError);
    await expect(FileReservation.open(file, 'n1')).rejects.toThrow(`${file}: cannot make the folder: it is there and`);
    const below = path.join(file, 'state');
    await expect(FileReservation.open(below, 'n1')).rejects.toThrow(
      `${below}: cannot make the folder: it is not a folder`,
    );
  });

  it('is a clear error when nothing can be created in it', async () => {
    const folder = await newFolder();
    for (const [code, problem] of [
      ['EACCES', 'no permission (EACCES)'],
      ['EROFS', 'the file system is read-only (EROFS)'],
    ] as const) {
      const files = { ...nodeFiles, open: failingWith(code) };
      const opening = FileReservation.open(folder, 'n1', files);
      await expect(opening).rejects.toThrow(StateFileError);
      await expect(opening).rejects.toThrow(/snowstorm-n1\.\d+\.[0-9a-f]+\.tmp: cannot create: /);
      await expect(opening).rejects.toThrow(problem);
    }
  });

  it.each(['writeFile', 'sync'] as const)('is a clear error when %s finds the disk full', async (operation) => {
    const folder = await newFolder();
    const opening = FileReservation.open(folder, 'n1', filesThatFail(operation, 'ENOSPC'));
    await expect(opening).rejects.toThrow(StateFileError);
    await expect(opening).rejects.toThrow(/\.tmp: cannot (write|sync): the disk is full \(ENOSPC\)/);
    expect(await nodeFiles.readdir(folder)).toEqual([]);
  });

  it('loses nothing when the disk is full for a while', async () => {
    const folder = await newFolder();
    let full = false;
    const files: Files = {
      ...nodeFiles,
      link: (from, to) => (full ? failingWith('ENOSPC')() : nodeFiles.link(from, to)),
    };
    const clock = new ManualClock();
    const reservation = await FileReservation.open(folder, 'n1', files);
    const generator = await IdGenerator.start({ node: 1, clock, random: () => 0, reservation });
    const before = generator.next() as string;
    full = true;
    clock.pass(600);
    await expect(generator.nextReserved()).rejects.toMatchObject({
      code: 11,
      message: expect.stringMatching(/^cannot reserve: .*snowstorm-n1\.2\.json: cannot link: the disk is full/),
    });
    expect(await nodeFiles.readdir(folder)).toEqual(['snowstorm-n1.1.json']);
    full = false;
    expect(BigInt(await generator.nextReserved())).toBeGreaterThan(BigInt(before));
  });

  it.each(['EPERM', 'ENOTSUP', 'ENOSYS'])('is a clear error when it has no hard links (%s)', async (code) => {
    const files = { ...nodeFiles, link: failingWith(code) };
    const reservation = await FileReservation.open(await newFolder(), 'n1', files);
    await expect(reservation.raise(undefined, T)).rejects.toThrow(`the file system has no hard links (${code})`);
  });

  it('is a clear error when the node id cannot be a file name', async () => {
    const folder = await newFolder();
    await expect(FileReservation.open(folder, '\ud800')).rejects.toThrow('not well-formed');
    await expect(FileReservation.open(folder, 'n'.repeat(300))).rejects.toThrow('the name is too long');
  });
});

describe('temporary files left behind', () => {
  it('are removed when their process is dead or they are old, and kept while a process may need them', async () => {
    const folder = await newFolder();
    const dead = spawn(process.execPath, ['--version'], { stdio: 'ignore' });
    await new Promise((resolve) => dead.once('exit', resolve));
    const name = (nodeId: string, pid: number | string, digit: string) => {
      return `snowstorm-${nodeId}.${pid}.${digit.repeat(16)}.tmp`;
    };
    const kept = [
      name('n1', process.pid, 'a'),
      name('n1', process.ppid, 'b'),
      name('n2', dead.pid as number, 'c'),
      name('n1', 'x', 'd'),
      'snowstorm-n1.tmp',
      'other.tmp',
    ];
    const removed = [name('n1', dead.pid as number, 'e'), name('n1', process.pid, 'f')];
    for (const file of [...kept, ...removed]) await nodeFiles.writeFile(path.join(folder, file), '');
    const twoHoursAgo = Date.now() / 1000 - 7200;
    await nodeFiles.utimes(path.join(folder, removed[1] as string), twoHoursAgo, twoHoursAgo);
    await FileReservation.open(folder, 'n1');
    expect((await nodeFiles.readdir(folder)).sort()).toEqual(kept.sort());
  });
});

describe('a generator on a state file', () => {
  it('repeats no id after restarts with the clock set back, or beside another generator of the same node', async () => {
    const folder = await newFolder();
    const seen = new Set<string>();
    const random = new SeededRandom('file');
    let count = 0;
    let abandoned: IdGenerator | undefined;
    for (let life = 0; life < 20; life++) {
      const clock = new ManualClock(T - life * 1_000);
      const reservation = await FileReservation.open(folder, 'n1');
      const generator = await IdGenerator.start({ node: 1, clock, random: () => random.uint32(), reservation });
      for (const each of [generator, abandoned ?? generator]) {
        for (let taken = 0; taken < 1_000; taken++, count++) seen.add(await each.nextReserved());
      }
      abandoned = generator;
    }
    expect(seen.size).toBe(count);
  });

  it('starts at once, at the bound, after a life that was killed', async () => {
    const folder = await newFolder();
    const options = async () => ({
      node: 1,
      clock: new ManualClock(),
      random: () => 0,
      reservation: await FileReservation.open(folder, 'n1'),
    });
    (await IdGenerator.start(await options())).next();
    const id = (await IdGenerator.start(await options())).next() as string;
    expect(decodeSnowflake(id).timestampMs).toBe(T + 500);
  });
});

/** Pairs of ranges that share a timestamp. */
function overlaps(ranges: readonly (readonly [number, number])[]): unknown[] {
  const sorted = [...ranges].sort((left, right) => left[0] - right[0] || left[1] - right[1]);
  return sorted.flatMap((range, index) => {
    const next = sorted[index + 1];
    return next !== undefined && next[0] < range[1] ? [[range, next]] : [];
  });
}

describe('several processes that are killed at random', () => {
  const KILLS = 6;
  const PROCESSES = 3;
  const script = fileURLToPath(new URL('./fixtures/raise-forever.ts', import.meta.url));

  /** Starts a process and kills it after it has won `lines` ranges; resolves to the ranges that it printed. */
  function runUntilKilled(folder: string, lines: number): Promise<[number, number][]> {
    const child = spawn(process.execPath, ['--import', 'tsx', script, folder, 'n1'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.add(child);
    const won: [number, number][] = [];
    createInterface(child.stdout).on('line', (line) => {
      const [from, to] = line.split(' ').map(Number) as [number, number];
      if (won.push([from, to]) === lines) child.kill('SIGKILL');
    });
    return new Promise((resolve, reject) => {
      child.once('close', (code, signal) => {
        children.delete(child);
        if (signal === 'SIGKILL') resolve(won);
        else reject(new Error(`a process ended by itself with ${code}`));
      });
    });
  }

  it('never win the same timestamp twice, and leave a bound above all of them', async () => {
    const folder = await newFolder();
    const random = new SeededRandom('kill -9');
    let killsLeft = KILLS;
    const won: [number, number][] = [];
    const slot = async () => {
      while (killsLeft-- > 0) {
        won.push(...(await runUntilKilled(folder, 10 + random.integer(30))));
      }
    };
    await Promise.all(Array.from({ length: PROCESSES }, slot));

    expect(won.length).toBeGreaterThanOrEqual(KILLS * 10);
    expect(overlaps(won)).toEqual([]);
    const reservation = await FileReservation.open(folder, 'n1');
    const bound = (await reservation.read()) as number;
    expect(bound).toBeGreaterThanOrEqual(Math.max(...won.map(([, to]) => to)));
    const result: RaiseResult = await reservation.raise(bound, bound + 1);
    expect(result.won).toBe(true);
    expect(await nodeFiles.readdir(folder)).toHaveLength(1);
  }, 30_000);
});
