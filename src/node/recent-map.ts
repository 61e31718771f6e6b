/**
 * A map that keeps what is recent: each entry for a time, and all of them within a number and a sum of lengths. Where
 * a limit is reached the oldest goes, and the owner is told of it.
 */

import type { Clock } from '../protocol/clock.ts';

export interface RecentLimits {
  /** How long an entry is kept, ms. */
  readonly windowMs: number;
  /** So many, the newest, are kept longer than that. Default: none. */
  readonly countMin?: number;
  readonly countMax: number;
  /** The sum of the lengths of all entries. Default: no limit. */
  readonly lengthMax?: number;
}

interface Entry<Value> {
  readonly value: Value;
  readonly length: number;
  readonly untilMs: number;
}

export class RecentMap<Value> {
  readonly #clock: Clock;
  readonly #limits: Required<RecentLimits>;
  readonly #onEvicted: (value: Value, untilMs: number) => void;
  /** Oldest first. */
  readonly #entries = new Map<string, Entry<Value>>();
  #length = 0;

  /** @param onEvicted called for an entry that a limit removes within its time, with when that would have ended */
  constructor(clock: Clock, limits: RecentLimits, onEvicted: (value: Value, untilMs: number) => void = () => {}) {
    this.#clock = clock;
    this.#limits = { countMin: 0, lengthMax: Number.POSITIVE_INFINITY, ...limits };
    this.#onEvicted = onEvicted;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string): Value | undefined {
    if (!this.#entries.has(key)) return undefined;
    this.#forget(this.#clock.monotonicMs());
    return this.#entries.get(key)?.value;
  }

  /**
   * The new entry is the newest, also under a known key. One that is too long by itself is not kept.
   *
   * @param length in the unit of `lengthMax`
   */
  set(key: string, value: Value, length = 0): void {
    const nowMs = this.#clock.monotonicMs();
    this.delete(key);
    this.#forget(nowMs);
    const { countMax, lengthMax, windowMs } = this.#limits;
    const untilMs = nowMs + windowMs;
    if (length > lengthMax) {
      this.#onEvicted(value, untilMs);
      return;
    }
    while (this.#entries.size >= countMax || this.#length + length > lengthMax) this.#evict();
    this.#entries.set(key, { value, length, untilMs });
    this.#length += length;
  }

  delete(key: string): void {
    this.#length -= this.#entries.get(key)?.length ?? 0;
    this.#entries.delete(key);
  }

  /** What the next new entry would remove within its time; undefined: nothing. Regards the number only. */
  get next(): Value | undefined {
    this.#forget(this.#clock.monotonicMs());
    if (this.#entries.size < this.#limits.countMax) return undefined;
    return this.#entries.values().next().value?.value;
  }

  /** Oldest first. */
  *values(): IterableIterator<Value> {
    for (const { value } of this.#entries.values()) yield value;
  }

  #evict(): void {
    const [key, { value, untilMs }] = this.#entries.entries().next().value as [string, Entry<Value>];
    this.delete(key);
    this.#onEvicted(value, untilMs);
  }

  #forget(nowMs: number): void {
    for (const [key, { untilMs }] of this.#entries) {
      if (untilMs > nowMs || this.#entries.size <= this.#limits.countMin) return;
      this.delete(key);
    }
  }
}
