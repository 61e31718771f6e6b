/** The hash that chains the entries of an audit: HMAC-SHA-256 with a key, or SHA-256 without one. */

import { createHash, createHmac, createSecretKey } from 'node:crypto';
import type { ChainHash } from '../audit/entry.ts';

const SECRET_BYTES_MIN = 32;

/** Finds damage, and tampering by who does not know how to hash. Whoever writes to the store can make it anew. */
export const plainChainHash: ChainHash = (previous, text) =>
  createHash('sha256').update(`${previous}\n${text}`).digest('base64url');

/**
 * Only who has the secret can make it. Throws an Error that says what is wrong with the secret.
 *
 * @param content at least 32 bytes; one line break at the end is left out
 */
export function keyedChainHash(content: Buffer): ChainHash {
  const secret = content.subarray(0, content.toString('latin1').replace(/\r?\n$/, '').length);
  if (secret.length < SECRET_BYTES_MIN)
    throw new Error(`a secret has at least ${SECRET_BYTES_MIN} bytes, this one has ${secret.length}`);
  const key = createSecretKey(secret);
  return (previous, text) => createHmac('sha256', key).update(`${previous}\n${text}`).digest('base64url');
}
