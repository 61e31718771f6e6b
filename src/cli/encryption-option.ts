/** The option `--encryption-key` of services, backups and all that reads what they write. */

import { statSync } from 'node:fs';
import { KeyRing } from '../host/encryption/key-ring.ts';
import { KEYS_VARIABLE } from '../host/inherited-environment.ts';
import { readFile } from './option-file.ts';
import { type Option, parseText, UsageError } from './options.ts';
import type { StoreChoice } from './store-option.ts';

const OPTION = '--encryption-key';

export const ENCRYPTION_KEY_OPTION: Option<string | undefined> = {
  value: 'FILE',
  text: `Encrypts what is written, with the first key in FILE: 32 bytes, hexadecimal or in base64. Other
keys in it are only for reading; so is the word plain, for what is not encrypted. In place of FILE they
may be in the environment variable ${KEYS_VARIABLE}.`,
  absent: undefined,
  parse: (text) => {
    if (isKey(text))
      throw new UsageError(`${OPTION}: expected a file, and this is a key. Others can see it now, so make a new one`);
    return parseText('a file')(text);
  },
};

/** A key is never an argument: every user of the machine can read those. */
function isKey(text: string): boolean {
  try {
    KeyRing.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** The keys in a file, or in the environment; undefined: there are none. Throws a {@link UsageError}. */
export function readKeys(file: string | undefined): KeyRing | undefined {
  const variable = process.env[KEYS_VARIABLE];
  if (file !== undefined && variable !== undefined)
    throw new UsageError(
      `${OPTION} and the environment variable ${KEYS_VARIABLE} exclude each other: leave one of them out`,
    );
  const [place, text] =
    file === undefined ? [KEYS_VARIABLE, variable] : [`${OPTION} ${file}`, readFile(OPTION, file).toString()];
  if (text === undefined) return undefined;
  try {
    return KeyRing.parse(text);
  } catch (error) {
    throw new UsageError(`${place}: ${(error as Error).message}`);
  }
}

/** The keys in a file while a service runs. Throws a {@link UsageError}, also for a pipe, which might stay shut. */
export function readKeysAgain(file: string): KeyRing {
  if (statSync(file, { throwIfNoEntry: false })?.isFile() === false)
    throw new UsageError(`${OPTION} ${file}: it is no regular file, and only such a one can be read again`);
  return readKeys(file) as KeyRing;
}

/** Throws a {@link UsageError} for a store that is not encrypted here, though its user may believe so. */
export function requireFolder(keys: KeyRing | undefined, { text, folder, isEtcd }: StoreChoice): void {
  if (keys === undefined || folder !== undefined) return;
  const advice = isEtcd ? '. What an etcd keeps is encrypted by the disks of its machines, if at all' : '';
  throw new UsageError(`--store ${text}: ${OPTION}, or ${KEYS_VARIABLE}, encrypts a folder only${advice}`);
}
