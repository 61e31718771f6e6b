/** An encrypted data folder on a real disk: which keys open it, what a wrong one leaves, and how keys change. */

import * as nodeFiles from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { type DataFolderOptions, openDataFolder, readDataFolder } from '../../../src/host/data-folder.ts';
import { EncryptedFolder } from '../../../src/host/encryption/encrypted-folder.ts';
import { type KeyRing, nameOf } from '../../../src/host/encryption/key-ring.ts';
import { NodeFolder } from '../../../src/host/node-folder.ts';
import { fileName } from '../../../src/kv/log/format.ts';
import { LogEngine } from '../../../src/kv/log/log-engine.ts';
import type { StoredState } from '../../../src/kv/stored-state.ts';
import type { Folder } from '../../../src/protocol/folder.ts';
import { KEY_A, KEY_B, KEY_C, ringOf } from '../../support/encryption.ts';
import { replacing } from '../../support/lossy-engine.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const root = temporaryFolder();
/** What must not happen is not waited for any longer. */
const SHORT_MS = 100;
let folders = 0;
const [A] = ringOf(KEY_A).names as [string];
const [B] = ringOf(KEY_B).names as [string];
const [C] = ringOf(KEY_C).names as [string];

function open(
  path: string,
  keys?: KeyRing,
  options: Partial<DataFolderOptions> = {},
  alter?: (folder: Folder) => Folder,
): Promise<LogEngine> {
  const onFailure = (error: Error) => {
    throw error;
  };
  return openDataFolder(path, { onFailure, keys, ...options }, alter);
}

/** A folder with one key in it, whose service has ended. */
async function filled(keys?: KeyRing): Promise<string> {
  const path = join(root, `folder-${folders++}`);
  const engine = await open(path, keys);
  expect(await engine.replace('a/ada.lovelace', null, '{"balance":1234567}')).toMatchObject({ kind: 'ok' });
  await engine.close();
  return path;
}

/** All that can be seen of a folder: names, bytes and times. */
async function look(path: string): Promise<unknown> {
  const names = (await nodeFiles.readdir(path)).sort();
  const files = names.map(async (name) => {
    const { mtimeMs, ctimeMs } = await nodeFiles.stat(join(path, name));
    return [name, mtimeMs, ctimeMs, await nodeFiles.readFile(join(path, name), 'latin1')];
  });
  return [(await nodeFiles.stat(path)).mtimeMs, await Promise.all(files)];
}

async function keysOf({ entries }: StoredState): Promise<string[]> {
  const keys: string[] = [];
  for await (const some of entries) keys.push(...some.map(({ key }) => key));
  return keys;
}

/** The ids that stand in the files, each once. */
async function idsIn(path: string): Promise<string[]> {
  const ids = new Set<string>();
  for (const name of await nodeFiles.readdir(path))
    if (!name.startsWith('lock'))
      ids.add(/"key":"(\w+)"/.exec(await nodeFiles.readFile(join(path, name), 'latin1'))?.[1] ?? 'plain');
  return [...ids].sort();
}

describe('an encrypted folder', () => {
  it('is served, and read while it is served, and shows nothing', async () => {
    const path = await filled(ringOf(KEY_A));
    const engine = await open(path, ringOf(KEY_A));
    expect(await engine.read('a/ada.lovelace')).toMatchObject({ text: '{"balance":1234567}' });
    expect(await keysOf(await readDataFolder(path, ringOf(KEY_A)))).toEqual(['a/ada.lovelace']);
    await engine.close();
    expect(JSON.stringify(await look(path))).not.toMatch(/ada\.lovelace|1234567/);
    expect(await idsIn(path)).toEqual([A]);
  });

  it.each([
    ['another key', ringOf(KEY_B), `it is encrypted with the key ${A}, and the keys given are others: ${B}`],
    ['no key', undefined, `it is encrypted with the key ${A}, and no key was given: --encryption-key`],
  ])('is refused with %s, and nothing is written, locked or touched', async (_, keys, problem) => {
    const path = await filled(ringOf(KEY_A));
    const before = await look(path);
    const text = `${join(path, fileName('log', 1))}: ${problem}`;
    await expect(open(path, keys)).rejects.toThrow(text);
    await expect(readDataFolder(path, keys)).rejects.toThrow(text);
    expect(await look(path)).toEqual(before);
    // An opening that does not look at the keys first is found.
    const unlooked = new EncryptedFolder(await NodeFolder.open(path), keys ?? ringOf(KEY_B));
    const options = { clock: { monotonicMs: () => 0 }, onFailure: () => {} };
    await expect(LogEngine.open(unlooked, options)).rejects.toThrow(/is encrypted with the key/);
    expect(await look(path)).not.toEqual(before);
  });

  it('is refused if a file that is not encrypted is put into it', async () => {
    const path = await filled(ringOf(KEY_A));
    const forged = await filled();
    await nodeFiles.copyFile(join(forged, fileName('log', 1)), join(path, fileName('log', 1)));
    const problem = `it is not encrypted, and the keys given (${A}) are for encrypted files. To let it be read, add the line`;
    await expect(open(path, ringOf(KEY_A))).rejects.toThrow(problem);
    await expect(readDataFolder(path, ringOf(KEY_A))).rejects.toThrow(problem);
  });
});

describe('a change of keys', () => {
  /** Opens a folder that follows its keys, and resolves when it has said a text. */
  async function followed(path: string, keys: KeyRing, alter?: (folder: Folder) => Folder) {
    const said: string[] = [];
    const engine = await open(path, keys, { followsKeys: true, warn: (text) => said.push(text) }, alter);
    const heard = (text: string) => expect.poll(() => said.join('\n'), { timeout: 20_000 }).toContain(text);
    return { engine, said, heard };
  }

  it('leaves no file of the old key, and says when that one is not needed any more', async () => {
    const path = await filled(ringOf(KEY_A));
    const keys = ringOf(KEY_A);
    const { engine, said, heard } = await followed(path, keys);
    expect(said).toEqual([]);
    await keys.replace(ringOf(KEY_B, KEY_A));
    await heard(
      `${path}: every file is written with the key ${B}\n` +
        `no file needs ${A} any more: remove it from the keys; keep it for backups that were taken with it`,
    );
    expect(await idsIn(path)).toEqual([B]);
    await keys.replace(ringOf(KEY_B));
    await engine.close();
    const next = await open(path, ringOf(KEY_B));
    expect(await next.read('a/ada.lovelace')).toMatchObject({ kind: 'found' });
    await next.close();
  });

  it('is refused if the new keys lack one that a file needs', async () => {
    const path = await filled(ringOf(KEY_A));
    const keys = ringOf(KEY_A);
    const { engine } = await followed(path, keys);
    await expect(keys.replace(ringOf(KEY_B))).rejects.toThrow(`it is encrypted with the key ${A}`);
    expect(keys.names).toEqual([A]);
    await engine.close();
    expect(await idsIn(path)).toEqual([A]);
  });

  it.each([
    ['by a restart', KEY_A, [KEY_B, KEY_A], [B]],
    ['from plain to encrypted', undefined, [KEY_A, 'plain'], [A]],
    ['from encrypted to plain', KEY_A, ['plain', KEY_A], ['plain']],
  ])('is done %s', async (_, before, after, ids) => {
    const path = await filled(before === undefined ? undefined : ringOf(before));
    const { engine, said, heard } = await followed(path, ringOf(...after));
    await heard(`no file needs ${before === undefined ? 'plain' : A} any more`);
    expect(said.join('\n').endsWith('from the keys')).toBe(before === undefined);
    expect(await engine.read('a/ada.lovelace')).toMatchObject({ kind: 'found' });
    expect(await idsIn(path)).toEqual(ids);
    await engine.close();
  });

  it('waits for the one that is going on, and says nothing of keys that come after it', async () => {
    const path = await filled(ringOf(KEY_A));
    const keys = ringOf(KEY_A);
    let [begun, goOn] = [() => {}, () => {}];
    const linking = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const mayLink = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const { engine, said, heard } = await followed(path, keys, (folder) =>
      replacing(folder, {
        link: async (name, newName) => {
          if (newName === fileName('log', 3)) {
            begun();
            await mayLink;
          }
          return folder.link(name, newName);
        },
      }),
    );
    await keys.replace(ringOf(KEY_B, KEY_A));
    await linking;
    // The new file is there under a temporary name only, and needs the key that is taken away.
    const removal = keys.replace(ringOf(KEY_C, KEY_A)).catch((error: Error) => error.message);
    const addition = keys.replace(ringOf(KEY_C, KEY_B, KEY_A));
    expect(await Promise.race([removal, sleep(SHORT_MS, 'waits')])).toBe('waits');
    goOn();
    expect(await removal).toContain(`it is encrypted with the key ${B}`);
    await addition;
    await heard(`${B}, ${A} any more`);
    expect(said.join('\n')).not.toMatch(new RegExp(`${C}.* any more`));
    expect(await idsIn(path)).toEqual([C]);
    await engine.close();
  });

  it('that came before the folder was open is followed', async () => {
    const path = await filled(ringOf(KEY_A));
    const keys = ringOf(KEY_A);
    const { engine, heard } = await followed(path, keys, (folder) =>
      replacing(folder, {
        link: async (name, newName) => {
          const isLinked = await folder.link(name, newName);
          if (nameOf(keys.first) === A) await keys.replace(ringOf(KEY_B));
          return isLinked;
        },
      }),
    );
    await heard(`${path}: every file is written with the key ${B}`);
    expect(await idsIn(path)).toEqual([B]);
    await engine.close();
  });

  it('that cannot be done now is told, with what still needs the old key', async () => {
    const path = await filled(ringOf(KEY_A));
    const said: string[] = [];
    const engine = await openDataFolder(
      path,
      { onFailure: () => {}, keys: ringOf(KEY_B, KEY_A), followsKeys: true, warn: (text) => said.push(text) },
      (folder) =>
        replacing(folder, {
          append: async (file, text) => {
            if (text.includes('"snapshot"')) throw new Error('the disk is full');
            await folder.append(file, text);
          },
        }),
    );
    const text = `${join(path, fileName('log', 1))}: it needs the key ${A} still: no snapshot was written: the disk is full`;
    const remedy = 'the disk is full. A restart, or SIGHUP with --encryption-key FILE, tries it again';
    await expect.poll(() => said.join('\n'), { timeout: 20_000 }).toContain(text);
    expect(said.join('\n')).toContain(remedy);
    expect(said.join('\n')).not.toContain('any more');
    await engine.close();
  });
});
