/** The keyed hash of personal data: HMAC-SHA-256 (RFC 2104), of which the first 128 bits are shown. */

import { randomBytes } from 'node:crypto';
import type { PersonalHash } from '../protocol/personal-hash.ts';
import { createHmacSha256 } from './hmac.ts';
import { SECRET_BYTES, secretOf } from './secret.ts';

/** 128 bits: 21 digits of 6, and 2 more. */
const SHOWN_DIGITS = 21;
const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
/** So that a hash is not taken for a name, nor a name for a hash by accident. */
const PREFIX = 'p-';

/** `p-` and 22 characters of base64url. @param secret in base64 */
export function createPersonalHash(secret: string): PersonalHash {
  const hmac = createHmacSha256(Buffer.from(secret, 'base64'));
  return (text) => {
    const digits = hmac(text);
    const last = DIGITS.indexOf(digits[SHOWN_DIGITS] as string) & 0b110000;
    return PREFIX + digits.slice(0, SHOWN_DIGITS) + DIGITS[last];
  };
}

/** A new secret of 256 random bits, in base64. */
export function newPersonalSecret(): string {
  return randomBytes(SECRET_BYTES).toString('base64');
}

/** The secret in a file, in base64. Throws an Error as {@link secretOf} does. */
export function readPersonalSecret(content: Buffer): string {
  return secretOf(content).toString('base64');
}
