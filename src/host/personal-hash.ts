/** The keyed hash of personal data: HMAC-SHA-256 (RFC 2104), of which the first 128 bits are shown. */

import { createHmac, createSecretKey, randomBytes } from 'node:crypto';
import type { PersonalHash } from '../protocol/personal-hash.ts';
import { SECRET_BYTES, secretOf } from './secret.ts';

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

/** The secret in a file, in base64. Throws an Error as {@link secretOf} does. */
export function readPersonalSecret(content: Buffer): string {
  return secretOf(content).toString('base64');
}
