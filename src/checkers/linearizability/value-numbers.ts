/** Numbers for values, in the order in which they first come, by equality as JSON. Null is 0. */

import { canonicalKey } from '../../protocol/exact-json.ts';

export class ValueNumbers {
  /** By number. */
  readonly values: unknown[] = [null];
  readonly #numbers = new Map<unknown, number>([[null, 0]]);

  get count(): number {
    return this.values.length;
  }

  of(value: unknown): number {
    const key = keyOf(value);
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const number = this.values.push(value) - 1;
    this.#numbers.set(key, number);
    return number;
  }
}

/** Numbers are by far the most, and are their own keys. */
function keyOf(value: unknown): unknown {
  if (typeof value === 'string') return `text ${value}`;
  return typeof value === 'object' && value !== null ? `json ${canonicalKey(value)}` : (value ?? null);
}
