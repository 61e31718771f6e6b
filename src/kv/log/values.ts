/** All values of a store by their keys, with the keys in their order and the bytes that they take. */

import { KeyOrder } from '../key-order.ts';

export interface Entry {
  readonly sequence: number;
  readonly text: string;
}

/** About what a value takes in a file beside its key and text. */
const OVERHEAD_BYTES = 40;

export class Values {
  readonly #entries = new Map<string, Entry>();
  readonly #order = new KeyOrder();
  #bytes = 0;

  /** In the order in which the keys were added. */
  get entries(): ReadonlyMap<string, Entry> {
    return this.#entries;
  }

  /** About how long a file of them is. */
  get bytes(): number {
    return this.#bytes;
  }

  get(key: string): Entry | undefined {
    return this.#entries.get(key);
  }

  set(key: string, entry: Entry): void {
    const before = this.#entries.get(key);
    if (before === undefined) this.#order.add(key);
    else this.#bytes -= bytesOf(key, before);
    this.#entries.set(key, entry);
    this.#bytes += bytesOf(key, entry);
  }

  delete(key: string): void {
    const before = this.#entries.get(key);
    if (before === undefined) return;
    this.#entries.delete(key);
    this.#order.remove(key);
    this.#bytes -= bytesOf(key, before);
  }

  /** The first keys with a prefix, after `after`, at most `max`. */
  find(prefix: string, after: string | undefined, max: number): string[] {
    return this.#order.find(prefix, after, max);
  }
}

function bytesOf(key: string, { text }: Entry): number {
  return key.length + text.length + OVERHEAD_BYTES;
}
