/**
 * Writes the ids of one node, a millisecond at a time. The common part is computed once, and an id only adds its last
 * digits. The generator decides which sequence number comes next and whether it may be used.
 */

import type { IdKind } from './id-source.ts';
import { encodeSnowflake } from './snowflake.ts';
import { uuidNode, uuidStart, uuidText } from './uuid.ts';

const RANDOM_BITS = 32;
const UUID_HIGH_SHIFT = 12;

/**
 * The last four digits are kept as text, from their first use on: a start does not wait for all of them. The table is
 * doubled, because a sequence may carry into the digits before them.
 */
const LAST_DIGITS_BASE = 10_000;
const LAST_DIGITS: string[] = new Array(2 * LAST_DIGITS_BASE);

export class IdTexts {
  readonly #node: number;
  readonly #uuidNode: string;
  readonly #random: () => number;
  #entropyWord = 0;
  #entropyBitsLeft = 0;

  // The Snowflakes of a millisecond are 8192 consecutive numbers: without the last four digits there are only two
  // texts.
  #firstId = 0n;
  #firstLastDigits = 0;
  #prefix = '';
  #prefixAfterCarry = '';

  #timestampMs = 0;
  /** Computed for the first UUID of the millisecond. */
  #uuidStart = '';

  /** @param random a random unsigned 32-bit integer */
  constructor(node: number, random: () => number) {
    this.#node = node;
    this.#uuidNode = uuidNode(node);
    this.#random = random;
  }

  /** Begins a millisecond. Not the very first one: its ids would have fewer digits than the table holds. */
  begin(timestampMs: number): void {
    const firstId = encodeSnowflake({ timestampMs, node: this.#node, sequence: 0, entropy: 0 });
    const prefix = firstId / BigInt(LAST_DIGITS_BASE);
    this.#firstId = firstId;
    this.#firstLastDigits = Number(firstId % BigInt(LAST_DIGITS_BASE));
    this.#prefix = prefix.toString();
    this.#prefixAfterCarry = (prefix + 1n).toString();
    this.#timestampMs = timestampMs;
    this.#uuidStart = '';
  }

  snowflake(sequence: number): string {
    const lastDigits = this.#firstLastDigits + this.#offset(sequence);
    const prefix = lastDigits < LAST_DIGITS_BASE ? this.#prefix : this.#prefixAfterCarry;
    return prefix + (LAST_DIGITS[lastDigits] ?? addLastDigits(lastDigits));
  }

  snowflakeBigint(sequence: number): bigint {
    return this.#firstId + BigInt(this.#offset(sequence));
  }

  uuid(sequence: number): string {
    if (this.#uuidStart === '') this.#uuidStart = uuidStart(this.#timestampMs);
    const entropyHigh = this.#random() >>> UUID_HIGH_SHIFT;
    return uuidText(this.#uuidStart, sequence, this.#uuidNode, entropyHigh, this.#random());
  }

  /**
   * Appends the ids of the sequence numbers from `sequence` to `end`, exclusive, to `parts`. Each part holds some ids
   * as in a JSON array, without the outer quotes. The common part of Snowflakes is in the separator, so only four
   * digits of each are joined.
   */
  list(parts: string[], sequence: number, end: number, kind: IdKind): void {
    if (kind === 'uuid') {
      for (let next = sequence; next < end; next++) parts.push(this.uuid(next));
      return;
    }
    const offsets: number[] = [];
    for (let next = sequence; next < end; next++) offsets.push(this.#firstLastDigits + this.#offset(next));
    const carry = offsets.findIndex((lastDigits) => lastDigits >= LAST_DIGITS_BASE);
    const before = carry < 0 ? offsets : offsets.slice(0, carry);
    if (before.length > 0) parts.push(joined(this.#prefix, before));
    if (carry >= 0) parts.push(joined(this.#prefixAfterCarry, offsets.slice(carry)));
  }

  /** How far the id of `sequence` is from the first one of the millisecond. Draws its random bit. */
  #offset(sequence: number): number {
    if (this.#entropyBitsLeft === 0) {
      this.#entropyWord = this.#random() | 0;
      this.#entropyBitsLeft = RANDOM_BITS;
    }
    const offset = (sequence << 1) | (this.#entropyWord & 1);
    this.#entropyWord >>>= 1;
    this.#entropyBitsLeft--;
    return offset;
  }
}

function joined(prefix: string, lastDigits: readonly number[]): string {
  return prefix + lastDigits.map((digits) => LAST_DIGITS[digits] ?? addLastDigits(digits)).join(`","${prefix}`);
}

function addLastDigits(lastDigits: number): string {
  const text = String(lastDigits % LAST_DIGITS_BASE).padStart(4, '0');
  LAST_DIGITS[lastDigits] = text;
  return text;
}
