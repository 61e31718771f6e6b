/**
 * Keys and values for transactions and logs: few keys are in use at a time. Each gets so many writes, and then a new
 * key takes its place. Source: `elle.txn/wr-txns`.
 */

import type { WorkloadOption } from '../harness/workload-test.ts';
import type { SeededRandom } from '../protocol/random.ts';

const COUNT_MAX = 1_000_000;

export interface KeyedWritesOptions {
  readonly keyCount: number;
  readonly writesOfKeyMax: number;
}

/** As in Elle and Maelstrom. */
export const KEYED_DEFAULTS: KeyedWritesOptions = { keyCount: 10, writesOfKeyMax: 16 };

export const KEYED_OPTIONS = {
  'key-count': countOption('How many keys are in use at a time.', KEYED_DEFAULTS.keyCount),
  'max-writes-per-key': countOption('Writes of a key, then a new one takes its place.', KEYED_DEFAULTS.writesOfKeyMax),
} satisfies Readonly<Record<string, WorkloadOption>>;

/** @param options the values of {@link KEYED_OPTIONS} */
export function keyedOptionsIn(options: Readonly<Record<string, unknown>>): KeyedWritesOptions {
  return { keyCount: options['key-count'] as number, writesOfKeyMax: options['max-writes-per-key'] as number };
}

/** An option whose value is a whole number from 1 on. */
export function countOption(text: string, absent: number): WorkloadOption {
  return {
    value: 'N',
    text: `${text} Default: ${absent}.`,
    absent,
    parse: (given) => {
      const count = /^\d{1,7}$/.test(given) ? Number(given) : 0;
      if (count < 1 || count > COUNT_MAX) throw new Error(`expected a whole number from 1 to ${COUNT_MAX}`);
      return count;
    },
  };
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

  /** @param firstKey the first of all keys; the others follow */
  constructor(options: KeyedWritesOptions, firstKey = 0) {
    this.#options = options;
    this.#keys = Array.from({ length: options.keyCount }, (_, index) => firstKey + index);
    this.#nextKey = firstKey + options.keyCount;
  }

  /** A key in use. */
  drawKey(random: SeededRandom): number {
    return this.#keys[this.#drawSlot(random)] as number;
  }

  /**
   * A read or a write, half and half. A write of a key that has enough of them is not done: a new key takes its place,
   * and another access is drawn.
   */
  draw(random: SeededRandom): KeyedAccess {
    for (;;) {
      const isWrite = random.integer(2) === 0;
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
