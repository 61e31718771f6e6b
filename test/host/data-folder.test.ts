/** The store in a real folder: that one process has it, that its end frees it, and that what it told stays. */

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import * as nodeFiles from 'node:fs/promises';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { openDataFolder } from '../../src/host/data-folder.ts';
import { type LockOptions, type LockTimes, lockFolder } from '../../src/host/folder-lock.ts';
import { type Files, NodeFolder } from '../../src/host/node-folder.ts';
import { ownIdentity } from '../../src/host/process-identity.ts';
import { LogEngine } from '../../src/kv/log/log-engine.ts';
import { describeEngine } from '../kv/store-conformance.ts';
import { worldOf } from '../support/lossy-engine.ts';

const HOLDER = fileURLToPath(new URL('./fixtures/hold-folder.ts', import.meta.url));
const folders: string[] = [];
const children = new Set<ChildProcessByStdio<null, Readable, null>>();
const engines: LogEngine[] = [];

afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  children.clear();
  for (const engine of engines.splice(0)) await engine.close();
  for (const folder of folders.splice(0)) await nodeFiles.rm(folder, { recursive: true, force: true });
});

async function newFolder(): Promise<string> {
  const folder = await nodeFiles.mkdtemp(path.join(tmpdir(), 'snowstorm-test-'));
  folders.push(folder);
  return folder;
}

async function open(folder: string): Promise<LogEngine> {
  const engine = await openDataFolder(folder, {
    onFailure: (error) => {
      throw error;
    },
  });
  engines.push(engine);
  return engine;
}

interface Holder {
  readonly child: ChildProcessByStdio<null, Readable, null>;
  readonly lines: string[];
  /** Resolves to the line of this number, from 0. Rejects if the process ends first. */
  readonly line: (index: number) => Promise<string>;
  readonly kill: () => Promise<void>;
}

function startHolder(folder: string, ...args: string[]): Holder {
  const child = spawn(process.execPath, ['--import', 'tsx', HOLDER, folder, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.add(child);
  const lines: string[] = [];
  let check = () => {};
  let isClosed = false;
  const reader = createInterface(child.stdout);
  reader.on('line', (line) => {
    lines.push(line);
    check();
  });
  const closed = new Promise<void>((resolve) => {
    child.once('close', () => {
      isClosed = true;
      check();
      resolve();
    });
  });
  return {
    child,
    lines,
    line: (index) =>
      new Promise((resolve, reject) => {
        check = () => {
          const line = lines[index];
          if (line !== undefined) resolve(line);
          else if (isClosed) reject(new Error(`it ended after ${JSON.stringify(lines)}`));
        };
        check();
      }),
    kill: () => {
      child.kill('SIGKILL');
      return closed;
    },
  };
}

describe('the engine on a real folder', () => {
  describeEngine(async () => worldOf(await open(await newFolder())));
});

describe('a folder that a process has', () => {
  it('is refused to another one, with the number of the process, and to itself', async () => {
    const folder = await newFolder();
    const first = startHolder(folder);
    expect(await first.line(0)).toBe('open');
    const second = startHolder(folder);
    expect(await second.line(0)).toBe(
      `refused ${path.join(folder, 'lock.1')}: the folder is in use, by process ${first.child.pid}`,
    );
    await first.kill();
    await open(folder);
    await expect(open(folder)).rejects.toThrow(`in use, by this process (${process.pid}) itself`);
  });

  it('is free as soon as the process was killed, and has all that it told, again and again', async () => {
    const folder = await newFolder();
    let told = 0;
    for (let life = 0; life < 5; life++) {
      const holder = startHolder(folder, 'writes');
      expect(await holder.line(0)).toBe('open');
      await holder.line(5 + life * 30);
      await holder.kill();
      const newest = Number(holder.lines.at(-1));
      expect(newest).toBeGreaterThan(told);
      told = newest;
      const engine = await open(folder);
      const read = await engine.read('count');
      if (read.kind !== 'found') throw new Error(`it is ${read.kind}`);
      // The last one may have been stored and not told.
      expect([told, told + 1]).toContain(Number(read.text));
      await engine.close();
    }
    expect((await nodeFiles.readdir(folder)).length).toBeLessThan(20);
  });

  it('goes to exactly one of several that want it at once, from the dead and from nobody', async () => {
    const folder = await newFolder();
    for (let round = 0; round < 2; round++) {
      const holders = Array.from({ length: 3 }, () => startHolder(folder));
      const lines = await Promise.all(holders.map((holder) => holder.line(0)));
      expect(lines.filter((line) => line === 'open')).toHaveLength(1);
      const winner = holders[lines.indexOf('open')] as Holder;
      for (const line of lines) if (line !== 'open') expect(line).toContain(`in use, by process ${winner.child.pid}`);
      await Promise.all(holders.map((holder) => holder.kill()));
    }
  });

  it('is told to be locked, unwritable or no folder in one sentence', async () => {
    const folder = await newFolder();
    const file = path.join(folder, 'file');
    await nodeFiles.writeFile(file, '');
    await expect(open(file)).rejects.toThrow(
      `${file}: cannot make the folder: it is there and is not a folder (EEXIST)`,
    );
    const failing: Files = {
      ...nodeFiles,
      open: async () => {
        throw Object.assign(new Error('EROFS: simulated'), { code: 'EROFS' });
      },
    };
    const readOnly = await NodeFolder.open(folder, failing);
    const options = { clock: { monotonicMs: () => 0 }, onFailure: () => {} };
    await expect(LogEngine.open(readOnly, options)).rejects.toThrow(/cannot create: the file system is read-only/);
  });
});

describe('a folder that was made', () => {
  it('is a lasting name of its parent also if the life that made it ended before it was', async () => {
    const parent = await newFolder();
    const folder = path.join(parent, 'data');
    const synced: string[] = [];
    let isEnding = true;
    const files: Files = {
      ...nodeFiles,
      open: (async (file: string, flags: string) => {
        if (isEnding) throw Object.assign(new Error('simulated'), { code: 'EIO' });
        synced.push(file);
        return nodeFiles.open(file, flags);
      }) as typeof nodeFiles.open,
    };
    await expect(NodeFolder.open(folder, files)).rejects.toThrow(`${parent}: cannot sync the folder: the disk failed`);
    isEnding = false;
    await NodeFolder.open(folder, files);
    expect(synced).toEqual([parent]);
    // Others may own the parent and keep it to themselves.
    isEnding = true;
    await NodeFolder.open(folder, files);
  });
});

describe('a file of a folder that is appended to', () => {
  it('grows, is read in parts, and stays open until it is closed', async () => {
    const path = await newFolder();
    let opened = 0;
    const files: Files = {
      ...nodeFiles,
      open: ((...parameters: Parameters<typeof nodeFiles.open>) => {
        opened += Number(parameters[1] === 'a');
        return nodeFiles.open(...parameters);
      }) as typeof nodeFiles.open,
    };
    const folder = await NodeFolder.open(path, files);
    for (const text of ['one ', 'two ', 'three']) {
      await folder.append('log', text);
      await folder.sync('log');
    }
    expect(opened).toBe(1);
    expect(await folder.read('log')).toBe('one two three');
    expect(await folder.readPart('log', 4, 5)).toBe('two t');
    expect(await folder.readPart('log', 8, 100)).toBe('three');
    expect(await folder.readPart('log', 100, 1)).toBe('');
    await expect(folder.readPart('none', 0, 1)).rejects.toThrow('none: cannot read: it is not there (ENOENT)');
    await folder.close('log');
    await folder.append('log', '\xff');
    expect(opened).toBe(2);
    expect(await folder.readPart('log', 12, 9)).toBe('e\xff');
    await folder.close('log');
    await folder.close('none');
  });

  it('tells a failed append', async () => {
    const files: Files = {
      ...nodeFiles,
      open: (async (...parameters: Parameters<typeof nodeFiles.open>) => {
        const handle = await nodeFiles.open(...parameters);
        const fail = async () => {
          throw Object.assign(new Error('simulated'), { code: 'ENOSPC' });
        };
        return Object.assign(handle, { write: fail, datasync: fail });
      }) as typeof nodeFiles.open,
    };
    const folder = await NodeFolder.open(await newFolder(), files);
    await expect(folder.append('log', 'text')).rejects.toThrow('log: cannot write: the disk is full (ENOSPC)');
    await expect(folder.sync('log')).rejects.toThrow('log: cannot sync: the disk is full (ENOSPC)');
    await folder.close('log');
  });
});

describe('the lock of a folder', () => {
  const FAST: LockTimes = { touchMs: 20, doubtMs: 200, patienceMs: 400, lookMs: 10 };
  const elsewhere = { ...ownIdentity(), namespace: 'pid:[1]', pid: 7 };

  async function take(folder: string, options: LockOptions = {}) {
    return lockFolder(await NodeFolder.open(folder), nodeFiles, 'lock', { times: FAST, ...options });
  }

  it('of a dead process whose number another one has is free at once', async () => {
    const folder = await newFolder();
    const lock = await take(folder, { identity: { ...ownIdentity(), start: '1' } });
    const next = await take(folder);
    await lock.release();
    await next.confirm();
    await next.release();
  });

  it('of another container is refused as long as it is touched, and taken when it was not for long enough', async () => {
    const folder = await newFolder();
    const lock = await take(folder, { identity: elsewhere, times: { ...FAST, doubtMs: 60_000, patienceMs: 120_000 } });
    await expect(take(folder, { times: { ...FAST, patienceMs: 60_000 } })).rejects.toThrow(
      'lock.1: the folder is in use, by process 7 of another container',
    );
    const another = { identity: { ...ownIdentity(), boot: 'another' }, times: { ...FAST, patienceMs: 60_000 } };
    await expect(take(folder, another)).rejects.toThrow('of another machine');
    await lock.release();
    await nodeFiles.writeFile(path.join(folder, 'lock.3'), '\0\0\0');
    const taken = await take(folder);
    await taken.confirm();
    await taken.release();
  });

  it('is not taken by a taker that stood still itself, while the holder was touching it', async () => {
    const folder = await newFolder();
    await take(folder, { identity: elsewhere, times: { ...FAST, doubtMs: 60_000, patienceMs: 120_000 } });
    let looks = 0;
    const stat = async (name: string) => {
      // Two looks in a row may show the same. After the second one the taker stands still, and the holder does not.
      if (++looks > 2) return nodeFiles.stat(name);
      if (looks === 2) await new Promise((resolve) => setTimeout(resolve, FAST.patienceMs));
      return { mtimeMs: 1 };
    };
    const files = { ...nodeFiles, stat: stat as unknown as typeof nodeFiles.stat };
    await expect(lockFolder(await NodeFolder.open(folder), files, 'lock', { times: FAST })).rejects.toThrow(
      'the folder is in use, by process 7 of another container',
    );
  });

  it('is in doubt after a sleep of the machine, which the monotonic clock does not count', async () => {
    const folder = await newFolder();
    const lock = await take(folder, { times: { touchMs: 60_000, doubtMs: 5000, patienceMs: 10_000, lookMs: 10 } });
    const wallMs = Date.now();
    const clock = vi.spyOn(Date, 'now').mockReturnValue(wallMs + 3_600_000);
    onTestFinished(() => clock.mockRestore());
    await nodeFiles.rename(path.join(folder, 'lock.1'), path.join(folder, 'lock.2'));
    await expect(lock.confirm()).rejects.toThrow('taken by another process while this one stood still');
  });

  it('that was taken while its holder stood still is lost for good', async () => {
    const folder = await newFolder();
    const still = { ...FAST, touchMs: 60_000 };
    const lock = await take(folder, { identity: elsewhere, times: still });
    const taken = await take(folder);
    await expect(lock.confirm()).rejects.toThrow('taken by another process while this one stood still');
    await expect(lock.confirm()).rejects.toThrow('taken by another process');
    await taken.confirm();
    await lock.release();
    await taken.confirm();
    await taken.release();
  });

  it('that nobody took while its holder stood still is claimed again, so that others wait anew', async () => {
    const folder = await newFolder();
    const lock = await take(folder, { times: { ...FAST, touchMs: 60_000, doubtMs: 0 } });
    await lock.confirm();
    expect(await nodeFiles.readdir(folder)).not.toContain('lock.1');
    await expect(take(folder)).rejects.toThrow('in use, by this process');
    await lock.release();
    await (await take(folder)).release();
    expect(await nodeFiles.readdir(folder)).toHaveLength(1);
  });

  it('goes to exactly one of many that waited for a holder that cannot be asked', async () => {
    const folder = await newFolder();
    await take(folder, { identity: elsewhere, times: { ...FAST, touchMs: 3_600_000 } });
    const takers = await Promise.allSettled(Array.from({ length: 5 }, () => take(folder)));
    const won = takers.flatMap((taker) => (taker.status === 'fulfilled' ? [taker.value] : []));
    expect(won).toHaveLength(1);
    await won[0]?.release();
  });
});
