import { describe, expect, it } from 'vitest';
import { crc32c } from '../../src/protocol/crc32c.ts';

describe('CRC-32C', () => {
  const ascending = String.fromCharCode(...Array.from({ length: 32 }, (_, byte) => byte));
  const descending = [...ascending].reverse().join('');

  // RFC 3720, appendix B.4, which lists the bytes of each checksum from the lowest; the first two are from Castagnoli's
  // catalogue entry.
  it.each([
    ['', 0x00000000],
    ['123456789', 0xe3069283],
    ['\0'.repeat(32), 0x8a9136aa],
    ['\xff'.repeat(32), 0x62a8ab43],
    [ascending, 0x46dd794e],
    [descending, 0x113fdb5c],
  ])('of %j is as published', (text, checksum) => {
    expect(crc32c(text)).toBe(checksum);
  });

  it('differs for every change of one bit', () => {
    const text = '17 16 ["key","text"]';
    const checksums = new Set([crc32c(text)]);
    for (let index = 0; index < text.length; index++) {
      for (let bit = 0; bit < 8; bit++) {
        const changed = String.fromCharCode(text.charCodeAt(index) ^ (1 << bit));
        checksums.add(crc32c(text.slice(0, index) + changed + text.slice(index + 1)));
      }
    }
    expect(checksums.size).toBe(1 + text.length * 8);
  });
});
