import { describe, expect, it } from 'vitest';
import { EPOCH_MS, TIMESTAMP_MS_MAX } from '../../src/ids/snowflake.ts';
import { decodeUuid, encodeUuid } from '../../src/ids/uuid.ts';
import { RpcError } from '../../src/protocol/errors.ts';
import { SeededRandom } from '../../src/protocol/random.ts';
import { NEW_YEAR_MS } from '../support/manual-clock.ts';

/** RFC 9562, appendix A.6, of February 2022: before the timestamps that ids have. */
const RFC_EXAMPLE = '017f22e2-79b0-7cc3-98c4-dc0c0c07398f';
/** The same with a timestamp of 2026. */
const RFC_EXAMPLE_NOW = `019b7690-9000-${RFC_EXAMPLE.slice(14)}`;

function problemOf(text: string): RpcError {
  try {
    decodeUuid(text);
  } catch (error) {
    if (error instanceof RpcError) return error;
    throw error;
  }
  throw new Error(`${text} was taken for an id`);
}

describe('a UUID', () => {
  it('has its fields where the example of RFC 9562 has them', () => {
    expect(decodeUuid(RFC_EXAMPLE_NOW)).toEqual({
      timestampMs: 0x019b76909000,
      sequence: 0xcc3,
      // rand_b is 01, then 0x8C4DC0C0C07398F: ten bits of node come first.
      node: 0b01_1000_1100,
      entropy: 0x4dc0c0c07398f,
    });
    expect(encodeUuid(decodeUuid(RFC_EXAMPLE_NOW))).toBe(RFC_EXAMPLE_NOW);
    expect(problemOf(RFC_EXAMPLE).message).toContain(`timestamp ${0x017f22e279b0}, before 2025`);
  });

  it.each([
    { timestampMs: EPOCH_MS, node: 0, sequence: 0, entropy: 0, text: '01941f29-7c00-7000-8000-000000000000' },
    {
      timestampMs: TIMESTAMP_MS_MAX,
      node: 1023,
      sequence: 4095,
      entropy: 2 ** 52 - 1,
      text: '03941f29-7bff-7fff-bfff-ffffffffffff',
    },
  ])('is $text at the edge of every field', ({ text, ...parts }) => {
    expect(encodeUuid(parts)).toBe(text);
    expect(decodeUuid(text)).toEqual(parts);
  });

  it('returns the parts that were put into it', () => {
    const random = new SeededRandom('uuid');
    for (let round = 0; round < 5_000; round++) {
      const parts = {
        timestampMs: EPOCH_MS + random.integer(2 ** 41),
        node: random.integer(1024),
        sequence: random.integer(4096),
        entropy: random.integer(2 ** 20) * 2 ** 32 + random.uint32(),
      };
      expect(decodeUuid(encodeUuid(parts))).toEqual(parts);
    }
  });

  it('sorts as text by timestamp, then sequence', () => {
    const random = new SeededRandom('order');
    const parts = Array.from({ length: 2_000 }, () => ({
      timestampMs: NEW_YEAR_MS + random.integer(50),
      node: 5,
      sequence: random.integer(4096),
      entropy: random.uint32(),
    }));
    const slots = (text: string) => {
      const { timestampMs, sequence } = decodeUuid(text);
      return timestampMs * 4096 + sequence;
    };
    const sorted = parts.map(encodeUuid).sort().map(slots);
    expect(sorted).toEqual([...sorted].sort((left, right) => left - right));
  });

  it('refuses a part that does not fit, and never masks it', () => {
    const parts = { timestampMs: NEW_YEAR_MS, node: 0, sequence: 0, entropy: 0 };
    for (const wrong of [
      { timestampMs: EPOCH_MS - 1 },
      { timestampMs: TIMESTAMP_MS_MAX + 1 },
      { node: 1024 },
      { node: -1 },
      { sequence: 4096 },
      { entropy: 2 ** 52 },
      { entropy: 0.5 },
    ]) {
      expect(() => encodeUuid({ ...parts, ...wrong })).toThrow(RangeError);
      expect(() => encodeUuid({ ...parts, ...wrong })).toThrow(Object.keys(wrong)[0]);
    }
  });

  it.each([
    ['', '0 characters, a UUID has 36'],
    [RFC_EXAMPLE_NOW.replaceAll('-', ''), '32 characters'],
    [`{${RFC_EXAMPLE_NOW}}`, '38 characters'],
    [`${RFC_EXAMPLE_NOW}\n`, '37 characters'],
    [RFC_EXAMPLE_NOW.toUpperCase(), 'upper case'],
    [RFC_EXAMPLE_NOW.replace('c4', 'C4'), 'upper case'],
    [RFC_EXAMPLE_NOW.replace('f', 'g'), 'not 8-4-4-4-12 hexadecimal digits'],
    [RFC_EXAMPLE_NOW.replace('0-9', '-09'), 'not 8-4-4-4-12 hexadecimal digits'],
    [RFC_EXAMPLE_NOW.replace('-7', '-4'), 'version 4, not 7'],
    [RFC_EXAMPLE_NOW.replace('-98', '-78'), 'variant'],
    [RFC_EXAMPLE_NOW.replace('-98', '-c8'), 'variant'],
    ['00000000-0000-0000-0000-000000000000', 'version 0'],
    ['ffffffff-ffff-ffff-ffff-ffffffffffff', 'version f'],
    ['01941f29-7bff-7000-8000-000000000000', 'before 2025'],
    ['03941f29-7c00-7000-8000-000000000000', 'after 2094'],
    ['11941f29-7c00-7000-8000-000000000000', `timestamp ${0x11941f297c00}, after 2094`],
  ])('is not %j: error 12 says why', (text, problem) => {
    const error = problemOf(text);
    expect(error.code).toBe(12);
    expect(error.message).toContain('not an id: ');
    expect(error.message).toContain(problem);
  });

  it('repeats no more than 40 characters of a long text', () => {
    const error = problemOf('a'.repeat(1_000_000));
    expect(error.message).toContain(`"${'a'.repeat(39)}…"`);
    expect(error.message.length).toBeLessThan(120);
  });
});
