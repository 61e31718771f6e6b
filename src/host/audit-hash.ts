/** The hash that chains the entries of an audit: HMAC-SHA-256 with a key, or SHA-256 without one. */

import { createHash, createHmac, createSecretKey } from 'node:crypto';
import type { ChainHash } from '../audit/entry.ts';
import { secretOf } from './secret.ts';

/** Finds damage, and tampering by who does not know how to hash. A writer to the store can make it anew. */
export const plainChainHash: ChainHash = (previous, text) =>
  createHash('sha256').update(`${previous}\n${text}`).digest('base64url');

/** Only who has the secret can make it. Throws an Error as {@link secretOf} does. @param content of a file */
export function keyedChainHash(content: Buffer): ChainHash {
  const key = createSecretKey(secretOf(content));
  return (previous, text) => createHmac('sha256', key).update(`${previous}\n${text}`).digest('base64url');
}
