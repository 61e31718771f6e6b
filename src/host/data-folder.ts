/** The embedded store of a service: one folder on this machine's disk, for one process. */

import { readLiveState } from '../kv/log/live-state.ts';
import { LogEngine, type LogEngineOptions } from '../kv/log/log-engine.ts';
import type { StoredState } from '../kv/stored-state.ts';
import type { Folder } from '../protocol/folder.ts';
import { EncryptedFolder } from './encryption/encrypted-folder.ts';
import { KeyRing } from './encryption/key-ring.ts';
import { followKeys, requireDataKeys } from './key-rotation.ts';
import { NodeFolder } from './node-folder.ts';
import { createRealScheduler } from './real-scheduler.ts';
import { systemClock } from './system.ts';

export interface DataFolderOptions extends Omit<LogEngineOptions, 'clock' | 'scheduler'> {
  /** Absent: nothing is encrypted, and an encrypted folder is refused. */
  readonly keys?: KeyRing | undefined;
  /** Whether everything is written anew when the keys change, or a start finds files of another key than the first. */
  readonly followsKeys?: boolean;
}

/**
 * Opens the store in a folder, which is made if it is missing. Rejects with an error that names the file, and says in a
 * sentence what is wrong: the folder cannot be made or written, another process has it, its data is damaged, or the
 * keys are others. Those are looked at before anything is written, or locked.
 *
 * @param alter makes the folder wrong, for a test that must notice
 */
export async function openDataFolder(
  path: string,
  { keys, followsKeys = false, ...options }: DataFolderOptions,
  alter: (folder: Folder) => Folder = (folder) => folder,
): Promise<LogEngine> {
  // What is wrong with a folder that cannot be listed is told when it is opened.
  const found = await NodeFolder.find(path).catch(() => undefined);
  if (found !== undefined) await requireDataKeys(found, keys ?? KeyRing.none());
  const folder = await NodeFolder.open(path);
  const engine = await LogEngine.open(alter(keys === undefined ? folder : new EncryptedFolder(folder, keys)), {
    clock: systemClock,
    scheduler: createRealScheduler(),
    ...options,
  });
  if (keys !== undefined && followsKeys) followKeys(engine, folder, keys, options.warn ?? (() => {}));
  return engine;
}

/**
 * Reads the store in a folder, also while another process serves it. Rejects with an error that names the file.
 *
 * @param keys undefined: an encrypted folder is refused
 */
export async function readDataFolder(path: string, keys?: KeyRing): Promise<StoredState> {
  const folder = await findReadable(path, keys);
  return readLiveState(keys === undefined ? folder : new EncryptedFolder(folder, keys));
}

/** The folder as it is on the disk. Rejects if it is not there, or if the store in it needs other keys. */
export async function findReadable(path: string, keys: KeyRing | undefined): Promise<Folder> {
  const folder = await NodeFolder.find(path);
  await requireDataKeys(folder, keys ?? KeyRing.none());
  return folder;
}
