/** The keyed hash of personal data: HMAC-SHA-256 (RFC 2104), of which the first 128 bits are shown. */

import { createHmac, createSecretKey, randomBytes } from 'node:crypto';
import type { PersonalHash } from '../protocol/personal-hash.ts';

const SECRET_BYTES = 32;
const SHOWN_BYTES = 16;
/** So that a hash is not taken for a name, nor a name for a hash by accident. */
const PREFIX = 'p-';

/** `p-` and 22 characters of base64url. @param secret in base64 */
export function createPersonalHash(secret: string): PersonalHash {
  const key = createSecretKey(secret, 'base64');
  return (text) =>
    PREFIX + createHmac('sha256', key).update(text).digest().subarray(0, SHOWN_BYTES).toString('base64url');
}

/** A new secret of 256 random bits, in base64. */
export function newPersonalSecret(): string {
  return randomBytes(SECRET_BYTES).toString('base64');
}

/**
 * The secret in a file, in base64. Throws an Error that says what is wrong with it.
 *
 * @param content at least 32 bytes; one line break at the end is left out
 */
export function readPersonalSecret(content: Buffer): string {
  const secret = content.subarray(0, content.toString('latin1').replace(/\r?\n$/, '').length);
  if (secret.length < SECRET_BYTES)
    throw new Error(`a secret has at least ${SECRET_BYTES} bytes, this one has ${secret.length}`);
  return secret.toString('base64');
}
