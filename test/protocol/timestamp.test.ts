import { describe, expect, it } from 'vitest';
import { EPOCH_MS, TIMESTAMP_MS_MAX } from '../../src/ids/snowflake.ts';
import { SeededRandom } from '../../src/protocol/random.ts';
import { formatTimestamp, parseTimestamp } from '../../src/protocol/timestamp.ts';

const FIRST_MS = Date.parse('0000-01-01T00:00:00.000Z');
const LAST_MS = Date.parse('9999-12-31T23:59:59.999Z');

describe('formatTimestamp', () => {
  it.each([
    [EPOCH_MS, '2025-01-01T00:00:00.000Z'],
    [EPOCH_MS - 1, '2024-12-31T23:59:59.999Z'],
    [TIMESTAMP_MS_MAX, '2094-09-07T15:47:35.551Z'],
    [Date.UTC(2028, 1, 29, 23, 59, 59, 999), '2028-02-29T23:59:59.999Z'],
    [Date.UTC(2100, 1, 28) + 86_400_000, '2100-03-01T00:00:00.000Z'],
    [0, '1970-01-01T00:00:00.000Z'],
    [-1, '1969-12-31T23:59:59.999Z'],
    [FIRST_MS, '0000-01-01T00:00:00.000Z'],
    [LAST_MS, '9999-12-31T23:59:59.999Z'],
    [EPOCH_MS + 0.9, '2025-01-01T00:00:00.000Z'],
  ])('writes %d as %s', (unixMs, text) => {
    expect(formatTimestamp(unixMs)).toBe(text);
  });

  it('writes what Date writes, for any time of ids and of four-digit years', () => {
    const random = new SeededRandom('timestamps');
    for (let round = 0; round < 50_000; round++) {
      const ofIds = EPOCH_MS + random.integer(2 ** 41);
      const ofAny = FIRST_MS + random.integer(LAST_MS - FIRST_MS + 1);
      for (const unixMs of [ofIds, ofAny]) {
        const text = formatTimestamp(unixMs);
        if (text !== new Date(unixMs).toISOString()) expect.fail(`${unixMs} became ${text}`);
      }
    }
  });

  it('knows every day of eight hundred years', () => {
    for (let day = 0; day < 2 * 146_097; day++) {
      const unixMs = Date.UTC(1900, 0, 1) + day * 86_400_000;
      if (formatTimestamp(unixMs) !== new Date(unixMs).toISOString()) expect.fail(`day ${day} is wrong`);
    }
  });

  it.each([FIRST_MS - 1, LAST_MS + 1, Number.NaN, Number.POSITIVE_INFINITY])('refuses %d', (unixMs) => {
    expect(() => formatTimestamp(unixMs)).toThrow(RangeError);
  });
});

describe('parseTimestamp', () => {
  it('reads what formatTimestamp writes, and less of it', () => {
    const random = new SeededRandom(2);
    for (let count = 0; count < 1000; count++) {
      const ms = FIRST_MS + Math.floor(((LAST_MS - FIRST_MS) * random.integer(2 ** 30)) / 2 ** 30);
      expect(parseTimestamp(formatTimestamp(ms))).toBe(ms);
    }
    for (const text of ['2026-01-31', '2028-02-29T23:59Z', '2026-01-31T01:02:03Z', '2026-01-31T01:02:03.5Z'])
      expect(parseTimestamp(text)).toBe(Date.parse(text));
  });

  it.each([
    '',
    '2026',
    '2026-02-30',
    '2026-13-01',
    '2026-00-10',
    '2026-01-01T24:00Z',
    '2026-01-01T10:00',
    '2026-01-01 ',
  ])('takes %j for none', (text) => {
    expect(parseTimestamp(text)).toBeUndefined();
  });
});
