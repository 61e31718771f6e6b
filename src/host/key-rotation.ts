/**
 * Keeps a data folder in the first of its keys. When keys change, or a start finds files of another one, everything is
 * written anew while calls go on, and then it is told which keys are not needed any more.
 */

import { isDataFile } from '../kv/log/format.ts';
import type { LogEngine } from '../kv/log/log-engine.ts';
import type { Folder } from '../protocol/folder.ts';
import { keyNamesOf, requireKeys } from './encryption/encrypted-folder.ts';
import { type KeyRing, nameOf, PLAIN } from './encryption/key-ring.ts';

/**
 * Follows changes of the keys from now on, and one that came before. Without any it says nothing.
 *
 * @param folder as it is on the disk
 */
export function followKeys(engine: LogEngine, folder: Folder, keys: KeyRing, say: (text: string) => void): void {
  let work = Promise.resolve();
  const follow = (isNeeded = async () => true) => {
    const bringUpIfNeeded = async () => {
      if (await isNeeded()) await bringUp(engine, folder, keys, say);
    };
    work = work.then(bringUpIfNeeded).catch((error: Error) => say(error.message));
  };
  const require = async (others: KeyRing) => {
    // A file that is being written has no name yet, so its key could not be asked for.
    await work;
    await requireDataKeys(folder, others);
  };
  keys.serve({ require, changed: follow });
  follow(async () => keys.names.length > 1 || (await othersInUse(folder, nameOf(keys.first))).size > 0);
}

/** Rejects with an EncryptionError if a file of the folder could not be read with these keys. */
export async function requireDataKeys(folder: Folder, keys: KeyRing): Promise<void> {
  await requireKeys(folder, await dataFiles(folder), keys);
}

async function bringUp(engine: LogEngine, folder: Folder, keys: KeyRing, say: (text: string) => void): Promise<void> {
  const first = nameOf(keys.first);
  let problem = '';
  if ((await othersInUse(folder, first)).size > 0)
    await engine.renew().catch((error: Error) => {
      problem = `: ${error.message}. A restart, or SIGHUP with --encryption-key FILE, tries it again`;
    });
  // A power failure brings back the names of removed files until then.
  await folder.syncNames();
  const used = await othersInUse(folder, first);
  for (const [name, file] of used) say(`${file}: it needs the key ${name} still${problem}`);
  const unused = keys.names.filter((name) => name !== first && !used.has(name));
  if (used.size === 0) say(`${folder.describe('')}: every file is written with the key ${first}`);
  const kept = unused.some((name) => name !== PLAIN) ? '; keep it for backups that were taken with it' : '';
  if (unused.length > 0) say(`no file needs ${unused.join(', ')} any more: remove it from the keys${kept}`);
}

/** The keys beside the first that files were written with, each with one of its files. */
async function othersInUse(folder: Folder, first: string): Promise<ReadonlyMap<string, string>> {
  const others = new Map<string, string>();
  for (const [file, name] of await keyNamesOf(folder, await dataFiles(folder)))
    if (name !== first) others.set(name, folder.describe(file));
  return others;
}

async function dataFiles(folder: Folder): Promise<readonly string[]> {
  return (await folder.names()).filter(isDataFile).sort();
}
