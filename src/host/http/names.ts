/** Names that are unique. */

import { randomBytes } from 'node:crypto';

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';
const NAME_BITS = 64;

/** A name that no other instance has: `i-` and 64 random bits in base 32. */
export function newInstanceId(): string {
  let bits = randomBytes(NAME_BITS / 8).readBigUInt64BE();
  let name = '';
  for (let rest = NAME_BITS; rest > 0; rest -= 5) {
    name += BASE32[Number(bits & 31n)];
    bits >>= 5n;
  }
  return `i-${name}`;
}

/** A UUID of version 7 (RFC 9562): the time in ms, then random bits. @param nowMs unix ms */
export function newUuid(nowMs: number): string {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(nowMs, 0, 6);
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x70;
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
