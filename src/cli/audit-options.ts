/** The options of services, and of `snowstorm audit`, for the audit. */

import type { ChainHash } from '../audit/entry.ts';
import { keyedChainHash, plainChainHash } from '../host/audit-hash.ts';
import { readFile } from './option-file.ts';
import { type Option, parseText, UsageError } from './options.ts';

export const AUDIT_KEY_OPTION: Option<string | undefined> = {
  value: 'FILE',
  text: `A secret of 32 bytes or more that signs the audit, the same for all instances of a store and for
ever. Without one, a writer to the store can forge it unnoticed.`,
  absent: undefined,
  parse: parseText('a file'),
};

/** The hash with the key in a file. Throws a {@link UsageError}. @param file undefined: there is no key */
export function readChainHash(file: string | undefined): ChainHash {
  if (file === undefined) return plainChainHash;
  const content = readFile('--audit-key', file);
  try {
    return keyedChainHash(content);
  } catch (error) {
    throw new UsageError(`--audit-key ${file}: ${(error as Error).message}`);
  }
}
