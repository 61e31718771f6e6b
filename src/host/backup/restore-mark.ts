/**
 * The mark of a restore under way: the first key that it writes, and the last that it removes. A store with it is not
 * whole. It may not be served, backed up, or restored from another file.
 */

import * as z from 'zod';
import type { StoreEngine } from '../../kv/store.ts';
import { BackupError } from './format.ts';

export const RESTORE_KEY = 'restore';

export const RestoreMark = z.object({
  /** Of the backup. */
  sha256: z.string(),
  /** Unix ms: where the ids go on. A resumed restore keeps it, so that it writes what the first one wrote. */
  boundMs: z.int(),
});
export type RestoreMark = z.infer<typeof RestoreMark>;

/** Rejects with a {@link BackupError} if a restore into this store has not finished. */
export async function requireRestored(engine: StoreEngine): Promise<void> {
  const read = await engine.read(RESTORE_KEY);
  if (read.kind === 'absent') return;
  if (read.kind === 'failed') throw new BackupError(read.error.message);
  throw new BackupError(
    'a restore into it has not finished, so not all of it is there. Finish it: snowstorm restore --resume, with the ' +
      'same file. Or remove all of it, and restore it again',
  );
}
