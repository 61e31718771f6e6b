/**
 * Keys and values for transactions and logs: few keys are in use at a time. Each gets so many writes, and then a new
 * key takes its place. Source: `elle.txn/wr-txns`.
 */

import type { SeededRandom } from '../protocol/random.ts';

/** Keys in use at a time, as in Elle. */
export const KEY_COUNT_DEFAULT = 10;
export const WRITES_OF_KEY_MAX_DEFAULT = 16;

export interface KeyedWritesOptions {
  readonly keyCount: number;
  readonly writesOfKeyMax: number;
}

/** A read of a key, or a write of a value that was never written to the key before. */
export type KeyedAccess =
  | { readonly kind: 'read'; readonly key: number }
  | { readonly kind: 'write'; readonly key: number; readonly value: number };

export class KeyedWrites {
  readonly #options: KeyedWritesOptions;
  readonly #keys: number[];
  readonly #written = new Map<number, number>();
  #nextKey: number;

  constructor(options: KeyedWritesOptions) {
    this.#options = options;
    this.#keys = Array.from({ length: options.keyCount }, (_, key) => key);
    this.#nextKey = options.keyCount;
  }

  /** Half of all accesses are writes. A key that has enough of them is replaced by a new one; then another is drawn. */
  draw(random: SeededRandom): KeyedAccess {
    const isWrite = random.integer(2) === 0;
    for (;;) {
      const slot = this.#drawSlot(random);
      const key = this.#keys[slot] as number;
      if (!isWrite) return { kind: 'read', key };
      const value = (this.#written.get(key) ?? 0) + 1;
      if (value <= this.#options.writesOfKeyMax) {
        this.#written.set(key, value);
        return { kind: 'write', key, value };
      }
      this.#written.delete(key);
      this.#keys[slot] = this.#nextKey++;
    }
  }

  /** Each slot has twice the weight of the one before it, so the last has half of all. */
  #drawSlot(random: SeededRandom): number {
    for (;;) {
      for (let slot = this.#options.keyCount - 1; slot >= 0; slot--) if (random.integer(2) === 0) return slot;
    }
  }
}
