/**
 * Keys and the values that were written to them or read from them, as small numbers. An element is a value of one key:
 * value 1 of key 5 and value 1 of key 6 are two elements.
 *
 * Two values are the same if Clojure's `=` says so of the parsed JSON: 1 is not "1", and `[1]` is `[1]`.
 */

import { canonicalKey } from '../../protocol/exact-json.ts';
import { IntColumn } from './int-column.ts';

/** Values below it have a place of their own in an array for each key. Most histories have no others. */
const SMALL_VALUES = 1 << 16;

/** Numbers for any JSON values. */
class Interner {
  readonly values: unknown[] = [];
  readonly #plain = new Map<unknown, number>();
  readonly #structures = new Map<string, number>();

  numberOf(value: unknown): number {
    const isStructure = typeof value === 'object' && value !== null;
    return isStructure
      ? this.#find(this.#structures, canonicalKey(value), value)
      : this.#find(this.#plain, value, value);
  }

  #find<Key>(numbers: Map<Key, number>, key: Key, value: unknown): number {
    let number = numbers.get(key);
    if (number === undefined) {
      number = this.values.push(value) - 1;
      numbers.set(key, number);
    }
    return number;
  }
}

export class Elements {
  readonly #keys = new Interner();
  readonly #smallOfKey: number[][] = [];
  readonly #othersOfKey: (Map<number, number> | undefined)[] = [];
  readonly #otherValues = new Interner();
  readonly #keyOf = new IntColumn();
  readonly #values: unknown[] = [];

  get count(): number {
    return this.#values.length;
  }

  get keyCount(): number {
    return this.#keys.values.length;
  }

  /** The number of a key. */
  key(key: unknown): number {
    const number = this.#keys.numberOf(key);
    if (number === this.#smallOfKey.length) {
      this.#smallOfKey.push([]);
      this.#othersOfKey.push(undefined);
    }
    return number;
  }

  /** The number of the element that `value` of a key is. `key` is the number of the key. */
  element(key: number, value: unknown): number {
    if (typeof value === 'number' && value >= 0 && value < SMALL_VALUES && Number.isInteger(value)) {
      const small = this.#smallOfKey[key] as number[];
      // Filled from 0, so that it never gets holes.
      while (small.length <= value) small.push(-1);
      if (small[value] === -1) small[value] = this.#add(key, value);
      return small[value] as number;
    }
    this.#othersOfKey[key] ??= new Map();
    const others = this.#othersOfKey[key];
    const number = this.#otherValues.numberOf(value);
    let element = others.get(number);
    if (element === undefined) {
      element = this.#add(key, value);
      others.set(number, element);
    }
    return element;
  }

  /** The key as the history spells it. */
  keyText(key: number): unknown {
    return this.#keys.values[key];
  }

  /** The value as the history spells it. */
  valueOf(element: number): unknown {
    return this.#values[element];
  }

  /** The number of the key of each element. A view that must not be kept while elements are added. */
  keysOfElements(): Int32Array {
    return this.#keyOf.values();
  }

  #add(key: number, value: unknown): number {
    this.#keyOf.push(key);
    return this.#values.push(value) - 1;
  }
}
