/**
 * Numbers for the messages of a key, in the order in which they first come, by equality as JSON. Messages are mostly
 * small integers that fill a range, and an array finds these in a fraction of the time that a map takes.
 */

import { canonicalKey } from '../../../protocol/exact-json.ts';

/** The range is at most so many times as long as there are messages, and a little longer at the start. */
const SPARSENESS_MAX = 4;
const RANGE_MIN = 256;

export class MessageNumbers {
  /** By message, where that is a small integer: its number plus one. */
  #dense = new Int32Array(RANGE_MIN);
  readonly #others = new Map<unknown, number>();
  #count = 0;

  /** The number of a message; the count of them so far if it is new. */
  of(message: unknown): number {
    const key = typeof message === 'number' ? message : canonicalKey(message);
    const isDense = Number.isInteger(message) && (message as number) >= 0 && this.#reaches(message as number);
    const known = isDense ? (this.#dense[message as number] as number) - 1 : (this.#others.get(key) ?? -1);
    if (known !== -1) return known;
    const number = this.#count++;
    if (isDense) this.#dense[message as number] = number + 1;
    else this.#others.set(key, number);
    return number;
  }

  /** Whether the array has a place for a message. Once a message is among the others, the array may not reach it. */
  #reaches(message: number): boolean {
    if (message < this.#dense.length) return true;
    const length = this.#dense.length * 2;
    if (message >= length || length > RANGE_MIN + SPARSENESS_MAX * this.#count || this.#others.size > 0) return false;
    const grown = new Int32Array(length);
    grown.set(this.#dense);
    this.#dense = grown;
    return true;
  }
}
