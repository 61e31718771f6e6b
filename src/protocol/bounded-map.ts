/** A map with a limited number of entries. Beyond it, each new entry removes the oldest. */
export class BoundedMap<Key, Value> {
  readonly #max: number;
  /** Oldest first. */
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

  /** A known key gets the new value and keeps its age. */
  set(key: Key, value: Value): void {
    if (this.#entries.size >= this.#max && !this.#entries.has(key))
      this.#entries.delete(this.#entries.keys().next().value as Key);
    this.#entries.set(key, value);
  }
}
