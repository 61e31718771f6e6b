/** Writes the state of a store into a new file, while the store is served. */

import { createHash } from 'node:crypto';
import { StateGoneError, type StoredState } from '../../kv/stored-state.ts';
import type { KeyRing } from '../encryption/key-ring.ts';
import { BackupWriter } from './backup-writer.ts';
import { BackupError, endLine, entryLine, type Header, headerLine } from './format.ts';
import { RESTORE_KEY } from './restore-mark.ts';

/** How often the reading begins anew because its state was gone. */
const ATTEMPTS_MAX = 5;

export interface BackupSource {
  readonly store: Header['store'];
  /** Unix ms, by the wall clock. */
  readonly nowMs: () => number;
  /** Begins to read the state as it is by then. */
  readonly read: () => Promise<StoredState>;
  readonly warn: (text: string) => void;
  /** With the first the file is encrypted. */
  readonly keys?: KeyRing | undefined;
}

export interface BackupTaken {
  readonly header: Header;
  readonly count: number;
}

/** Rejects with an error for people; then there is no file. */
export async function takeBackup(file: string, source: BackupSource): Promise<BackupTaken> {
  for (let attempt = 1; ; attempt++) {
    const writer = await BackupWriter.create(file, source.keys);
    try {
      const at = source.nowMs();
      const state = await source.read();
      const header = { at, store: source.store, position: state.position };
      const count = await writeAll(writer, header, state);
      await writer.finish();
      return { header, count };
    } catch (error) {
      await writer.discard();
      if (!(error instanceof StateGoneError)) throw error;
      if (attempt === ATTEMPTS_MAX)
        throw new BackupError(
          `${error.message}, ${ATTEMPTS_MAX} times in a row. Take the backup where the store can be read faster`,
        );
      source.warn(`${error.message}; it begins anew`);
    }
  }
}

async function writeAll(writer: BackupWriter, header: Header, { entries }: StoredState): Promise<number> {
  const hash = createHash('sha256');
  const write = async (text: string) => {
    hash.update(text, 'latin1');
    await writer.append(text);
  };
  await write(headerLine(header));
  let count = 0;
  for await (const some of entries) {
    if (some.some(({ key }) => key === RESTORE_KEY))
      throw new BackupError('a restore into this store has not finished, so not all of it is there');
    await write(some.map(entryLine).join(''));
    count += some.length;
  }
  await writer.append(endLine(count, hash.digest('hex')));
  return count;
}
