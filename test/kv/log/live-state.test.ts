/** The state of a folder read by others while its engine appends, writes snapshots and removes files. */

import * as nodeFiles from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { openDataFolder, readDataFolder } from '../../../src/host/data-folder.ts';
import { NodeFolder } from '../../../src/host/node-folder.ts';
import { fileName } from '../../../src/kv/log/format.ts';
import { readLiveState } from '../../../src/kv/log/live-state.ts';
import type { LogEngine } from '../../../src/kv/log/log-engine.ts';
import { recover } from '../../../src/kv/log/recovery.ts';
import type { Token } from '../../../src/kv/store.ts';
import type { StoredState } from '../../../src/kv/stored-state.ts';
import type { Folder } from '../../../src/protocol/folder.ts';
import { replacing } from '../../support/lossy-engine.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const folder = temporaryFolder();
const KEYS = 10;
const SNAPSHOTS_MIN = 10;

function open(path: string): Promise<LogEngine> {
  const onFailure = (error: Error) => {
    throw error;
  };
  // No power fails here, and a disk under load would hold everything up.
  const unsynced = (real: Folder) => replacing<Folder>(real, { sync: async () => {}, syncNames: async () => {} });
  return openDataFolder(path, { onFailure, snapshotBytesMin: 1500, snapshotFactor: 0 }, unsynced);
}

async function mapOf({ entries }: StoredState): Promise<Map<string, string>> {
  const all = new Map<string, string>();
  for await (const some of entries) for (const { key, text } of some) all.set(key, text);
  return all;
}

/** Counts up: `first` before each count, `last` after it, and one of many keys in between, which comes and goes. */
class Counter {
  count = 0;
  readonly #engine: LogEngine;
  readonly #tokens = new Map<string, Token>();

  constructor(engine: LogEngine) {
    this.#engine = engine;
  }

  async step(): Promise<void> {
    const next = `${this.count + 1}`;
    const key = `k${this.count % KEYS}`;
    await this.#put('first', next);
    if (this.#tokens.has(key)) await this.#remove(key);
    else await this.#put(key, next.padEnd(100));
    await this.#put('last', next);
    this.count++;
  }

  async #put(key: string, text: string): Promise<void> {
    const result = await this.#engine.replace(key, this.#tokens.get(key) ?? null, text);
    if (result.kind !== 'ok') throw result.error;
    this.#tokens.set(key, result.token);
  }

  async #remove(key: string): Promise<void> {
    const result = await this.#engine.remove(key, this.#tokens.get(key) as Token);
    if (result.kind !== 'ok') throw result.error;
    this.#tokens.delete(key);
  }
}

/** The keys that are there after so many steps. */
function keysAfter(count: number): string[] {
  const rounds = (index: number) => Math.floor((count - index + KEYS - 1) / KEYS);
  return Array.from({ length: KEYS }, (_, index) => index).flatMap((index) =>
    Math.max(0, rounds(index)) % 2 === 1 ? [`k${index}`] : [],
  );
}

describe('the state of a folder that is served', () => {
  it('is one moment, and has all that was told before the reading began', { timeout: 60_000 }, async () => {
    const path = join(folder, 'counter');
    const engine = await open(path);
    const counter = new Counter(engine);
    let isOver = false;
    const work = (async () => {
      while (!isOver) await counter.step();
    })();
    while (counter.count === 0) await turn();
    // Long enough for files to be replaced many times.
    for (let reading = 0; reading < 10 || (engine.figures().snapshots as number) < SNAPSHOTS_MIN; reading++) {
      const told = counter.count;
      const state = await mapOf(await readDataFolder(path));
      const [first, last] = [Number(state.get('first')), Number(state.get('last'))];
      expect(last).toBeGreaterThanOrEqual(told);
      expect([last, last + 1]).toContain(first);
      const keys = [...state.keys()].filter((key) => key.startsWith('k')).sort();
      const possible = [keysAfter(last), keysAfter(first)].map((list) => list.sort().join());
      expect(possible).toContain(keys.join());
    }
    isOver = true;
    await work;
    await engine.close();
  });

  it('is read anew if files were replaced meanwhile, which is damage otherwise', async () => {
    const path = join(folder, 'replaced');
    const engine = await open(path);
    const counter = new Counter(engine);
    await counter.step();
    const real = await NodeFolder.find(path);
    /** The first time that a file is read, another snapshot stands for all. */
    const racing = (): Folder => {
      let hasMoved = false;
      return replacing<Folder>(real, {
        readPart: async (...parameters) => {
          const before = engine.figures().snapshots as number;
          while (!hasMoved && engine.figures().snapshots === before) await counter.step();
          hasMoved = true;
          return real.readPart(...parameters);
        },
      });
    };
    await expect(recover(racing())).rejects.toThrow(/it is not there \(ENOENT\)/);
    const told = counter.count;
    const state = await mapOf(await readLiveState(racing()));
    expect(Number(state.get('last'))).toBeGreaterThan(told);
    await engine.close();
  });

  it('is given up if files are replaced faster than they are read', async () => {
    const path = join(folder, 'too-fast');
    const engine = await open(path);
    await new Counter(engine).step();
    await engine.close();
    const real = await NodeFolder.find(path);
    let listings = 0;
    const restless = replacing<Folder>(real, {
      names: async () => [fileName('log', 1000 + listings++), ...(await real.names())],
    });
    await expect(readLiveState(restless)).rejects.toThrow(/its files were replaced 20 times while they were read/);
  });

  it('is left as it is: no file is written, touched or locked', async () => {
    const path = join(folder, 'untouched');
    const engine = await open(path);
    await new Counter(engine).step();
    const look = async () => {
      const names = await nodeFiles.readdir(path);
      const times = names.map(async (name) => (await nodeFiles.stat(join(path, name))).ctimeMs);
      return [names, await Promise.all(times)];
    };
    await engine.close();
    const before = await look();
    await readDataFolder(path);
    expect(await look()).toEqual(before);
  });

  it('is cut where the last segment is torn', async () => {
    const path = join(folder, 'torn');
    const engine = await openDataFolder(path, { onFailure: () => {} });
    const counter = new Counter(engine);
    await counter.step();
    await counter.step();
    await engine.close();
    const log = join(path, fileName('log', 1));
    await nodeFiles.truncate(log, (await nodeFiles.stat(log)).size - 1);
    const state = await mapOf(await readDataFolder(path));
    expect([state.get('first'), state.get('last')]).toEqual(['2', '1']);
  });

  it('is refused if it is damaged', async () => {
    const path = join(folder, 'damaged');
    const engine = await openDataFolder(path, { onFailure: () => {} });
    await new Counter(engine).step();
    await engine.close();
    const log = join(path, fileName('log', 1));
    const text = await nodeFiles.readFile(log, 'latin1');
    await nodeFiles.writeFile(log, text.replace('"first"', '"worst"'));
    await expect(readDataFolder(path)).rejects.toThrow(/log-0{11}1: record 1 should be at offset \d+, and is damaged/);
  });

  it('is refused where there is none, and nothing is made', async () => {
    const missing = join(folder, 'missing');
    await expect(readDataFolder(missing)).rejects.toThrow(`${missing}: cannot list the folder: it is not there`);
    const empty = join(folder, 'empty');
    await nodeFiles.mkdir(empty);
    await expect(readDataFolder(empty)).rejects.toThrow('there is no store in this folder');
    expect(await nodeFiles.readdir(empty)).toEqual([]);
  });
});
