/**
 * CRC-32C (Castagnoli), the checksum of iSCSI, ext4 and most storage engines: RFC 3720, section 12.1 and appendix B.4.
 * It finds every damage of up to 32 bits in a row, and all other damage with odds of one in 4 billion.
 */

import { once } from './once.ts';

/** The polynomial, with its bits reversed. */
const POLYNOMIAL = 0x82f63b78;

const tableOnce = once(() =>
  Uint32Array.from({ length: 256 }, (_, byte) => {
    let remainder = byte;
    for (let bit = 0; bit < 8; bit++) remainder = (remainder >>> 1) ^ (remainder & 1 ? POLYNOMIAL : 0);
    return remainder;
  }),
);

/** The checksum of a text whose characters are bytes, 0 … 255. Unsigned. Of others only the low byte counts. */
export function crc32c(bytes: string): number {
  const table = tableOnce();
  let remainder = 0xffffffff;
  for (let index = 0; index < bytes.length; index++)
    remainder = (table[(remainder ^ bytes.charCodeAt(index)) & 0xff] as number) ^ (remainder >>> 8);
  return ~remainder >>> 0;
}
