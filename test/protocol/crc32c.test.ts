import { describe, expect, it } from 'vitest';
import { crc32c } from '../../src/protocol/crc32c.ts';
import { SeededRandom } from '../../src/protocol/random.ts';

function divide(text: string): number {
  let remainder = 0xffffffff;
  for (const character of text) {
    remainder ^= character.charCodeAt(0);
    for (let bit = 0; bit < 8; bit++) remainder = (remainder >>> 1) ^ (remainder & 1 ? 0x82f63b78 : 0);
  }
  return ~remainder >>> 0;
}

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

  it('is the remainder of a division by the polynomial, bit by bit, for texts of any length and in any parts', () => {
    const random = new SeededRandom('crc');
    for (let length = 0; length < 70; length++) {
      const text = String.fromCharCode(...Array.from({ length }, () => random.integer(256)));
      expect(crc32c(text)).toBe(divide(text));
      const cut = random.integer(length + 1);
      expect(crc32c(text.slice(cut), crc32c(text.slice(0, cut)))).toBe(divide(text));
    }
  });

  it('counts the low byte of other characters only', () => {
    expect(crc32c('\u0161\u2062\uff63\u0164\u4165')).toBe(crc32c('abcde'));
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
