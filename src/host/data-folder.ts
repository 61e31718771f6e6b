/** The embedded store of a service: one folder on this machine's disk, for one process. */

import { readLiveState } from '../kv/log/live-state.ts';
import { LogEngine, type LogEngineOptions } from '../kv/log/log-engine.ts';
import type { StoredState } from '../kv/stored-state.ts';
import type { Folder } from '../protocol/folder.ts';
import { NodeFolder } from './node-folder.ts';
import { createRealScheduler } from './real-scheduler.ts';
import { systemClock } from './system.ts';

/**
 * Opens the store in a folder, which is made if it is missing. Rejects with an error that names the file, and says in a
 * sentence what is wrong: the folder cannot be made or written, another process has it, or its data is damaged.
 *
 * @param alter makes the folder wrong, for a test that must notice
 */
export async function openDataFolder(
  path: string,
  options: Omit<LogEngineOptions, 'clock' | 'scheduler'>,
  alter: (folder: Folder) => Folder = (folder) => folder,
): Promise<LogEngine> {
  return LogEngine.open(alter(await NodeFolder.open(path)), {
    clock: systemClock,
    scheduler: createRealScheduler(),
    ...options,
  });
}

/** Reads the store in a folder, also while another process serves it. Rejects with an error that names the file. */
export async function readDataFolder(path: string): Promise<StoredState> {
  return readLiveState(await NodeFolder.find(path));
}
