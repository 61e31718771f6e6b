import { describe, expect, it } from 'vitest';
import { decodeSnowflake, EPOCH_MS, encodeSnowflake, TIMESTAMP_MS_MAX } from '../../src/ids/snowflake.ts';
import { RpcError } from '../../src/protocol/errors.ts';

const LARGEST = 2n ** 64n - 1n;

function problemOf(text: string): RpcError {
  try {
    decodeSnowflake(text);
  } catch (error) {
    if (error instanceof RpcError) return error;
    throw error;
  }
  throw new Error(`${text} was taken for an id`);
}

describe('encodeSnowflake', () => {
  it('puts every part into its bits', () => {
    const id = encodeSnowflake({ timestampMs: EPOCH_MS + 5, node: 7, sequence: 9, entropy: 1 });
    expect(id).toBe(5n * 2n ** 23n + 7n * 2n ** 13n + 9n * 2n + 1n);
  });

  it('begins at 0 in 2025 and ends at 2^64 - 1 in 2094', () => {
    expect(encodeSnowflake({ timestampMs: EPOCH_MS, node: 0, sequence: 0, entropy: 0 })).toBe(0n);
    expect(encodeSnowflake({ timestampMs: TIMESTAMP_MS_MAX, node: 1023, sequence: 4095, entropy: 1 })).toBe(LARGEST);
    expect(new Date(EPOCH_MS).toISOString()).toBe('2025-01-01T00:00:00.000Z');
    expect(new Date(TIMESTAMP_MS_MAX).toISOString()).toBe('2094-09-07T15:47:35.551Z');
  });

  it('refuses a part that does not fit, and never masks it', () => {
    const parts = { timestampMs: EPOCH_MS, node: 0, sequence: 0, entropy: 0 };
    for (const wrong of [
      { timestampMs: EPOCH_MS - 1 },
      { timestampMs: TIMESTAMP_MS_MAX + 1 },
      { timestampMs: EPOCH_MS + 0.5 },
      { node: 1024 },
      { node: -1 },
      { sequence: 4096 },
      { entropy: 2 },
      { node: Number.NaN },
    ]) {
      expect(() => encodeSnowflake({ ...parts, ...wrong })).toThrow(RangeError);
      expect(() => encodeSnowflake({ ...parts, ...wrong })).toThrow(Object.keys(wrong)[0]);
    }
  });
});

describe('decodeSnowflake', () => {
  it.each([2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, 10n ** 18n, 2n ** 63n - 1n, 2n ** 63n, LARGEST, 0n, 1n])(
    'gives back what was encoded, at %s (case 13)',
    (id) => {
      expect(encodeSnowflake(decodeSnowflake(id.toString()))).toBe(id);
    },
  );

  it('takes apart the largest id', () => {
    expect(decodeSnowflake(LARGEST.toString())).toEqual({
      timestampMs: TIMESTAMP_MS_MAX,
      node: 1023,
      sequence: 4095,
      entropy: 1,
    });
  });

  it.each([
    ['', 'empty'],
    ['abc', 'not all decimal digits'],
    ['12a4', 'not all decimal digits'],
    ['0x10', 'not all decimal digits'],
    ['1e18', 'not all decimal digits'],
    ['1.0', 'not all decimal digits'],
    ['１２３', 'not all decimal digits'],
    ['+1', 'sign'],
    ['-1', 'sign'],
    [' 1', 'white space'],
    ['1\n', 'white space'],
    ['007', 'leading zeros'],
    ['00', 'leading zeros'],
    ['18446744073709551616', 'above 2^64 - 1'],
    ['99999999999999999999', 'above 2^64 - 1'],
    ['184467440737095516150', '21 digits'],
  ])('says what keeps %j from being an id', (text, problem) => {
    const error = problemOf(text);
    expect(error.code).toBe(12);
    expect(error.message).toContain('not an id');
    expect(error.message).toContain(problem);
  });

  it('repeats no more than 40 characters of a long text', () => {
    const error = problemOf(`1${'0'.repeat(1_000_000)}`);
    expect(error.message).toContain(`"1${'0'.repeat(38)}…"`);
    expect(error.message).toContain('1000001 digits');
    expect(error.message.length).toBeLessThan(120);
    for (const text of ['x', 'x'.repeat(39), 'x'.repeat(40)]) expect(problemOf(text).message).toContain(`"${text}" is`);
    expect(problemOf('x'.repeat(41)).message).toContain(`"${'x'.repeat(39)}…" is`);
  });
});
