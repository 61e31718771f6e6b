/** A map that remembers so many entries and no more: for each new one beyond that the oldest is forgotten. */
export class BoundedMap<Key, Value> {
  readonly #max: number;
  /** The oldest first. */
  readonly #entries = new Map<Key, Value>();

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: Key): Value | undefined {
    return this.#entries.get(key);
  }

  has(key: Key): boolean {
    return this.#entries.has(key);
  }

  /** An entry that is there already gets another value and stays as old as it is. */
  set(key: Key, value: Value): void {
    if (this.#entries.size >= this.#max && !this.#entries.has(key))
      this.#entries.delete(this.#entries.keys().next().value as Key);
    this.#entries.set(key, value);
  }
}
