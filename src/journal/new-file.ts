/** A file that appears under its name only when all of it is on the disk. */

import type { Folder } from '../protocol/folder.ts';

/**
 * Writes the pieces one after another, and lets others work in between. Resolves to the file's length when a power
 * failure would keep it; rejects if the name is taken.
 *
 * @param temporaryPrefix how the name begins until then; it ends in `.tmp`
 */
export async function writeNewFile(
  folder: Folder,
  name: string,
  pieces: Iterable<string>,
  temporaryPrefix: string,
): Promise<number> {
  const temporary = folder.temporaryName(temporaryPrefix, name);
  let length = 0;
  try {
    for (const piece of pieces) {
      await folder.append(temporary, piece);
      length += piece.length;
    }
    await folder.sync(temporary);
    await folder.close(temporary);
    if (!(await folder.link(temporary, name)))
      throw new Error(`${folder.describe(name)}: it is there already, so another process writes to this folder`);
    await folder.syncNames();
  } finally {
    // It only takes up room. The next start removes it otherwise.
    await folder.remove(temporary).catch(() => {});
  }
  return length;
}
