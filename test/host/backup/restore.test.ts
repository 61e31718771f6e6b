/** Restores into stores in memory: only into empty ones, over every interruption, and never half. */

import { writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkBackup, restore } from '../../../src/host/backup/restore.ts';
import { requireRestored } from '../../../src/host/backup/restore-mark.ts';
import { takeBackup } from '../../../src/host/backup/take-backup.ts';
import { AHEAD_MS_MAX, NUMBER_KEYS, restoredNumber } from '../../../src/ids/fleet/restored-numbers.ts';
import { MemoryEngine } from '../../../src/kv/memory-engine.ts';
import type { StoreEngine } from '../../../src/kv/store.ts';
import { RpcError } from '../../../src/protocol/errors.ts';
import { replacing } from '../../support/lossy-engine.ts';
import { NEW_YEAR_MS as T } from '../../support/manual-clock.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const folder = temporaryFolder();
const RULE = { slackMs: 1000 };
const BOUND_MS = T + AHEAD_MS_MAX + RULE.slackMs;
const LATER_MS = BOUND_MS + 60_000;
const SILENT = { kind: 'silent', error: RpcError.of('timeout', 'no answer') } as const;

const NUMBERS = {
  'node/0': { ver: 3, holder: 'i-only/a', until: T - 5 },
  'node/7': { ver: 1, holder: null, until: LATER_MS },
} as const;
const DOCUMENTS = new Map([...Array(5).keys()].map((index) => [`a/${index}`, `{"ver":${index + 1}}`]));

async function fileOf(name: string, documents: ReadonlyMap<string, string> = DOCUMENTS): Promise<string> {
  const file = join(folder, name);
  const numbers = Object.entries(NUMBERS).map(([key, number]) => [key, JSON.stringify(number)] as const);
  const entries = [...documents, ...numbers]
    .map(([key, text]) => ({ key, text }))
    .sort((one, other) => (one.key < other.key ? -1 : 1));
  const read = async () => ({
    position: 'revision 9',
    entries: (async function* () {
      yield entries;
    })(),
  });
  await takeBackup(file, { store: 'etcd', nowMs: () => T, read, warn: () => {} });
  return file;
}

async function restoreInto(engine: StoreEngine, file: string, own: { resume?: boolean; nowMs?: number } = {}) {
  return restore({ engine, file, backup: await checkBackup(file), rule: RULE, resume: false, nowMs: T, ...own });
}

async function contentOf(engine: StoreEngine): Promise<Map<string, string>> {
  const list = await engine.list('', undefined, 10_000);
  if (list.kind !== 'ok') throw list.error;
  const reads = await Promise.all(list.keys.map(async (key) => [key, await engine.read(key)] as const));
  return new Map(reads.map(([key, read]) => [key, read.kind === 'found' ? read.text : read.kind]));
}

/** The documents as they were, and every number behind the bound. */
function expected(): Map<string, string> {
  const numbers = NUMBER_KEYS.map((key) => [key, restoredNumber(NUMBERS[key as 'node/0'], BOUND_MS)] as const);
  return new Map([...DOCUMENTS, ...numbers].sort(([one], [other]) => (one < other ? -1 : 1)));
}

/** Writes fail for good after so many. */
function failingAfter(engine: StoreEngine, count: number): StoreEngine {
  let left = count;
  return replacing<StoreEngine>(engine, {
    replace: async (...parameters) => {
      if (left-- <= 0) throw new Error('killed');
      return engine.replace(...parameters);
    },
    remove: async () => {
      throw new Error('killed');
    },
  });
}

describe('a restore', () => {
  it('brings back every document, and moves the bound of every number', async () => {
    const engine = new MemoryEngine();
    expect(await restoreInto(engine, await fileOf('whole'))).toBe(BOUND_MS);
    expect(await contentOf(engine)).toEqual(expected());
    expect(JSON.parse((await contentOf(engine)).get('node/7') as string)).toMatchObject({ until: LATER_MS, ver: 2 });
    await requireRestored(engine);
  });

  it('is refused by a store that holds anything, and changes nothing there', async () => {
    const engine = new MemoryEngine();
    await engine.replace('z/mine', null, 'mine');
    const file = await fileOf('refused');
    for (const resume of [false, true])
      await expect(restoreInto(engine, file, { resume })).rejects.toThrow(/it is not empty: it has the key z\/mine/);
    expect(await contentOf(engine)).toEqual(new Map([['z/mine', 'mine']]));
  });

  it('leaves after any interruption what is refused, and what the same file finishes', async () => {
    const file = await fileOf('interrupted');
    const other = await fileOf('other', new Map([['a/x', 'x']]));
    const all = 1 + DOCUMENTS.size + NUMBER_KEYS.length;
    for (const writes of [0, 1, 2, 1 + DOCUMENTS.size, all - 1, all]) {
      const engine = new MemoryEngine();
      await expect(restoreInto(failingAfter(engine, writes), file)).rejects.toThrow('killed');
      if (writes === 0) expect(await contentOf(engine)).toEqual(new Map());
      else {
        await expect(requireRestored(engine)).rejects.toThrow(/a restore into it has not finished.*--resume/);
        await expect(restoreInto(engine, file)).rejects.toThrow(/Finish it with --resume, or remove all of it/);
        for (const resume of [false, true])
          await expect(restoreInto(engine, other, { resume })).rejects.toThrow(/a restore of another backup into it/);
      }
      // Later: the bound stays, for some numbers have it already.
      expect(await restoreInto(engine, file, { resume: true, nowMs: writes === 0 ? T : T + 5000 })).toBe(BOUND_MS);
      expect(await contentOf(engine)).toEqual(expected());
    }
  });

  it('gets over answers that are lost, and failures that pass', async () => {
    const engine = new MemoryEngine();
    let calls = 0;
    const lossy = replacing<StoreEngine>(engine, {
      replace: async (...parameters) => {
        calls++;
        if (calls % 300 === 0) return SILENT;
        if (calls % 311 === 0) return { ...SILENT, kind: 'unavailable' };
        const result = await engine.replace(...parameters);
        return calls % 200 === 0 ? SILENT : result;
      },
      remove: async (...parameters) => {
        calls++;
        const result = await engine.remove(...parameters);
        return calls % 2 === 0 ? SILENT : result;
      },
    });
    await restoreInto(lossy, await fileOf('lossy'));
    expect(await contentOf(engine)).toEqual(expected());
  });

  it('is given up if an instance writes to the store', async () => {
    const engine = new MemoryEngine();
    const busy = replacing<StoreEngine>(engine, {
      replace: async (key, from, text) => {
        if (key === 'node/3') await engine.replace(key, null, '{"ver":1,"holder":"i-x/1","until":null}');
        return engine.replace(key, from, text);
      },
    });
    await expect(restoreInto(busy, await fileOf('busy'))).rejects.toThrow(/another program writes to it: node\/3 was/);
    await expect(requireRestored(engine)).rejects.toThrow(/has not finished/);
  });

  it('notices that the file is another one than was checked', async () => {
    const file = await fileOf('replaced');
    const other = await readFile(await fileOf('replacement', new Map([['a/0', 'another']])));
    const backup = await checkBackup(file);
    const engine = new MemoryEngine();
    writeFileSync(file, other);
    const options = { engine, file, backup, rule: RULE, resume: false, nowMs: T };
    await expect(restore(options)).rejects.toThrow(`${file}: it was replaced while it was being restored`);
    await expect(requireRestored(engine)).rejects.toThrow(/has not finished/);
  });

  it('writes nothing if the clocks are wrong', async () => {
    const engine = new MemoryEngine();
    await expect(restoreInto(engine, await fileOf('early'), { nowMs: T - 1 })).rejects.toThrow(/the clock here shows/);
    expect(await contentOf(engine)).toEqual(new Map());
  });

  it('refuses a file with a node number that is none', async () => {
    const file = await fileOf('number', new Map([['node/1', '{"until":5}']]));
    await expect(checkBackup(file)).rejects.toThrow(`${file}: what it holds under node/1 is no node number`);
  });
});
