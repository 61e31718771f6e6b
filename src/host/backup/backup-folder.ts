/** The folder of a backup, for what is written in it and read from it. */

import type { Folder } from '../../protocol/folder.ts';
import { EncryptedFolder } from '../encryption/encrypted-folder.ts';
import { KeyRing } from '../encryption/key-ring.ts';
import { NodeFolder } from '../node-folder.ts';

/** A backup may be kept under another name. */
const BOUND_TO = 'backup';

/** It must be there. @param keys undefined: files are not encrypted, and those that are cannot be read */
export async function backupFolder(path: string, keys = KeyRing.none()): Promise<Folder> {
  return new EncryptedFolder(await NodeFolder.find(path), keys, { boundTo: BOUND_TO });
}
