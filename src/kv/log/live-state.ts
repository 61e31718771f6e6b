/**
 * The state of a data folder, read by a process that has no lock on it, while another one serves it. Nothing is
 * written.
 *
 * It is what a recovery would find: a whole snapshot, and the records of the log behind it up to the first that is not
 * whole. Why that is one moment in the life of the store, and why it holds all that was acknowledged before:
 * `README.md`, "Read by others".
 */

import type { Folder } from '../../protocol/folder.ts';
import type { StoredEntry, StoredState } from '../stored-state.ts';
import { DataFolderError, isDataFile } from './format.ts';
import { type Recovered, recover } from './recovery.ts';

/** How often the folder is read while snapshots of its engine remove what is being read. */
const ATTEMPTS_MAX = 20;
const ENTRIES_AT_ONCE = 256;

/** Rejects with a DataFolderError if something is damaged or missing, or if there is no store. */
export async function readLiveState(folder: Folder): Promise<StoredState> {
  const { values, last, segment } = await recoverLive(folder);
  if (segment === 0) throw new DataFolderError('there is no store in this folder: it has no segment of a log');
  const keys = values.find('', undefined, values.entries.size);
  async function* entries(): AsyncGenerator<readonly StoredEntry[]> {
    for (let start = 0; start < keys.length; start += ENTRIES_AT_ONCE)
      yield keys.slice(start, start + ENTRIES_AT_ONCE).map((key) => ({ key, text: values.get(key)?.text as string }));
  }
  return { position: `record ${last}`, entries: entries() };
}

/** What failed while files came or went is tried again: it was no damage, or is there still. */
async function recoverLive(folder: Folder): Promise<Recovered> {
  for (let attempt = 1; ; attempt++) {
    const before = await namesOf(folder);
    try {
      return await recover(folder);
    } catch (error) {
      if ((await namesOf(folder)) === before) throw error;
      if (attempt < ATTEMPTS_MAX) continue;
      throw new DataFolderError(
        `its files were replaced ${ATTEMPTS_MAX} times while they were read, the last time: ${(error as Error).message}`,
      );
    }
  }
}

async function namesOf(folder: Folder): Promise<string> {
  return (await folder.names()).filter(isDataFile).sort().join();
}
