/**
 * The (timestamp, node, sequence) of a Snowflake as a UUIDv7 (RFC 9562, section 5.7). So every guarantee of the
 * generator holds for it too. It has 48 bits of unix milliseconds, the version, 12 bits of sequence (rand_a), the
 * variant, and in rand_b 10 bits of node and 52 random bits. The sequence is the fixed-length dedicated counter of
 * section 6.2, method 1.
 *
 * Every UUID has exactly one text: lower case, with hyphens. The texts of one node sort by (timestamp, sequence).
 */

import { RpcError } from '../protocol/errors.ts';
import { EPOCH_MS, echo, NODE_MAX, requireWithin, SEQUENCE_MAX, TIMESTAMP_MS_MAX } from './snowflake.ts';

const TEXT_LENGTH = 36;
const VERSION = '7';
/** The bits 10 before those of the node. Together they fill three digits. */
const VARIANT = 0x800;
const ENTROPY_BITS = 52;
const ENTROPY_MAX = 2 ** ENTROPY_BITS - 1;
const WORD = 2 ** 32;

/**
 * Every text of one digit, and of three: the fields of a UUID are groups of 12 bits, except one of 4. Those of three
 * are made when they are first used: a start does not wait for them.
 */
const HEX_1 = [...'0123456789abcdef'];
const HEX_3: string[] = new Array(1 << 12);

export interface UuidParts {
  /** Unix milliseconds, in the range of a Snowflake. */
  readonly timestampMs: number;
  readonly node: number;
  readonly sequence: number;
  /** 52 bits. */
  readonly entropy: number;
}

/** Joins the parts. A RangeError names a part that does not fit. No part is ever masked into its field. */
export function encodeUuid({ timestampMs, node, sequence, entropy }: UuidParts): string {
  requireWithin('timestampMs', timestampMs, EPOCH_MS, TIMESTAMP_MS_MAX);
  requireWithin('node', node, 0, NODE_MAX);
  requireWithin('sequence', sequence, 0, SEQUENCE_MAX);
  requireWithin('entropy', entropy, 0, ENTROPY_MAX);
  return uuidText(uuidStart(timestampMs), sequence, uuidNode(node), Math.floor(entropy / WORD), entropy % WORD);
}

/** The beginning of the UUIDs of one millisecond, up to the version. */
export function uuidStart(timestampMs: number): string {
  const hex = timestampMs.toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-${VERSION}`;
}

/** The part after the sequence in the UUIDs of one node. */
export function uuidNode(node: number): string {
  return `-${hex3(VARIANT | node)}`;
}

/**
 * The text of parts that are known to fit.
 *
 * @param entropyHigh 20 bits, `entropyLow` 32
 */
export function uuidText(
  start: string,
  sequence: number,
  node: string,
  entropyHigh: number,
  entropyLow: number,
): string {
  // In pieces of up to 12 characters, which V8 copies. It would only link longer ones.
  const middle = `${hex3(sequence)}${node}${HEX_1[entropyHigh >>> 16]}-`;
  const end =
    hex3((entropyHigh >>> 4) & 0xfff) +
    hex3(((entropyHigh & 0xf) << 8) | (entropyLow >>> 24)) +
    hex3((entropyLow >>> 12) & 0xfff) +
    hex3(entropyLow & 0xfff);
  return start + middle + end;
}

function hex3(number: number): string {
  return HEX_3[number] ?? addHex3(number);
}

function addHex3(number: number): string {
  const text = number.toString(16).padStart(3, '0');
  HEX_3[number] = text;
  return text;
}

/** Splits a UUID. Error 12 says why `text` is not one that a node here could have made. */
export function decodeUuid(text: string): UuidParts {
  const problem = uuidProblem(text);
  if (problem !== undefined) throw RpcError.of('malformed-request', `not an id: ${problem}`);
  return {
    timestampMs: timestampOf(text),
    node: Number.parseInt(text.slice(19, 22), 16) & NODE_MAX,
    sequence: Number.parseInt(text.slice(15, 18), 16),
    entropy: Number.parseInt(text.slice(22, 23) + text.slice(24), 16),
  };
}

function timestampOf(text: string): number {
  return Number.parseInt(text.slice(0, 8) + text.slice(9, 13), 16);
}

function uuidProblem(text: string): string | undefined {
  if (text.length !== TEXT_LENGTH) return `${echo(text)} has ${text.length} characters, a UUID has ${TEXT_LENGTH}`;
  if (!/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)) {
    return `${echo(text)} is not 8-4-4-4-12 hexadecimal digits`;
  }
  if (/[A-F]/.test(text)) return `${echo(text)} has upper case letters in it`;
  if (text.charAt(14) !== VERSION) return `${echo(text)} has version ${text.charAt(14)}, not ${VERSION}`;
  if (!/[89ab]/.test(text.charAt(19))) return `${echo(text)} has not the variant of RFC 9562, 8 to b`;
  const timestampMs = timestampOf(text);
  if (timestampMs < EPOCH_MS) {
    return `${echo(text)} has timestamp ${timestampMs}, before 2025 (${EPOCH_MS}), where those of ids begin`;
  }
  if (timestampMs > TIMESTAMP_MS_MAX) {
    return `${echo(text)} has timestamp ${timestampMs}, after 2094 (${TIMESTAMP_MS_MAX}), where those of ids end`;
  }
  return undefined;
}
