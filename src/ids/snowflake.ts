/**
 * The layout of an id: 64 unsigned bits. Most significant first: 41 bits of milliseconds since 2025, 10 bits of node,
 * 12 bits of sequence and 1 random bit. On the wire it is always a decimal string, because JSON numbers lose bits above
 * 2^53.
 *
 * Every id has exactly one text, the canonical one: digits only, no leading zero, not above 2^64 - 1. Ids grow from 18
 * digits to 19 in 2028 and to 20 in 2062, so texts sort by (length, text). From November 2059 on the top bit is set,
 * and a signed 64-bit column shows a negative number. The layout is Twitter's Snowflake (2010), with the spare sign bit
 * used for time.
 */

import { RpcError } from '../protocol/errors.ts';

/** 2025-01-01T00:00:00Z in unix milliseconds. */
export const EPOCH_MS = 1_735_689_600_000;

const TIMESTAMP_BITS = 41;
const NODE_BITS = 10;
export const SEQUENCE_BITS = 12;
export const ENTROPY_BITS = 1;

/** The last unix millisecond that fits, in September 2094. */
export const TIMESTAMP_MS_MAX = EPOCH_MS + 2 ** TIMESTAMP_BITS - 1;
export const NODE_MAX = 2 ** NODE_BITS - 1;
export const SEQUENCE_MAX = 2 ** SEQUENCE_BITS - 1;
const ENTROPY_MAX = 2 ** ENTROPY_BITS - 1;

const SEQUENCE_SHIFT = BigInt(ENTROPY_BITS);
const NODE_SHIFT = BigInt(SEQUENCE_BITS + ENTROPY_BITS);
const TIMESTAMP_SHIFT = BigInt(NODE_BITS + SEQUENCE_BITS + ENTROPY_BITS);

/** 2^64 - 1. It is as long as the longest id, so texts of its length compare with it as text. */
const LARGEST_TEXT = '18446744073709551615';
const ECHO_LENGTH_MAX = 40;

export interface SnowflakeParts {
  /** Unix milliseconds. */
  readonly timestampMs: number;
  readonly node: number;
  readonly sequence: number;
  readonly entropy: number;
}

/** Joins the parts. A RangeError names a part that does not fit. No part is ever masked into its field. */
export function encodeSnowflake({ timestampMs, node, sequence, entropy }: SnowflakeParts): bigint {
  requireWithin('timestampMs', timestampMs, EPOCH_MS, TIMESTAMP_MS_MAX);
  requireWithin('node', node, 0, NODE_MAX);
  requireWithin('sequence', sequence, 0, SEQUENCE_MAX);
  requireWithin('entropy', entropy, 0, ENTROPY_MAX);
  return (
    (BigInt(timestampMs - EPOCH_MS) << TIMESTAMP_SHIFT) |
    (BigInt(node) << NODE_SHIFT) |
    (BigInt(sequence) << SEQUENCE_SHIFT) |
    BigInt(entropy)
  );
}

/** Splits an id. Error 12 says why `text` is not one. Every canonical text is an id: all 64 bits are in use. */
export function decodeSnowflake(text: string): SnowflakeParts {
  const problem = snowflakeProblem(text);
  if (problem !== undefined) throw RpcError.of('malformed-request', `not an id: ${problem}`);
  const id = BigInt(text);
  return {
    timestampMs: EPOCH_MS + Number(id >> TIMESTAMP_SHIFT),
    node: Number(id >> NODE_SHIFT) & NODE_MAX,
    sequence: Number((id >> SEQUENCE_SHIFT) & BigInt(SEQUENCE_MAX)),
    entropy: Number(id & BigInt(ENTROPY_MAX)),
  };
}

function snowflakeProblem(text: string): string | undefined {
  if (text === '') return 'the text is empty';
  if (/\s/.test(text)) return `${echo(text)} has white space in it`;
  if (/^[+-]/.test(text)) return `${echo(text)} has a sign`;
  if (!/^[0-9]+$/.test(text)) return `${echo(text)} is not all decimal digits`;
  if (text.length > 1 && text.startsWith('0')) return `${echo(text)} has leading zeros`;
  if (text.length > LARGEST_TEXT.length) return `${echo(text)} has ${text.length} digits, an id has at most 20`;
  if (text.length === LARGEST_TEXT.length && text > LARGEST_TEXT) return `${echo(text)} is above 2^64 - 1`;
  return undefined;
}

/** A text as an error repeats it; a long one is cut. */
export function echo(text: string): string {
  return JSON.stringify(text.length > ECHO_LENGTH_MAX ? `${text.slice(0, ECHO_LENGTH_MAX - 1)}…` : text);
}

export function requireWithin(name: string, value: number, min: number, max: number): void {
  if (!(Number.isInteger(value) && value >= min && value <= max)) {
    throw new RangeError(`${name} must be an integer from ${min} to ${max}, not ${value}`);
  }
}
