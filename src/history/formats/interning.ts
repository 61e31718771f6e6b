/**
 * Equal parts of recorded values, as one object each. Transactions repeat the same operations, `["r", 5, null]` above
 * all, and lists are read many times before they grow. A million transactions take a third of the memory.
 *
 * The table has a place for each hash, and the latest array with it stays there. So it never grows, and what recurs
 * soon is found.
 */

const PLACES = 1 << 16;
/** Longer arrays are not looked up: they hardly recur, and the history shares their parts. */
const LENGTH_MAX = 64;

export class Interning {
  readonly #latest = new Array<readonly unknown[] | undefined>(PLACES);
  /** The hash of the value that was interned last. */
  #hash = 0;

  /** The value, or an equal one from before. Its parts may be replaced. Maps are left alone. */
  intern(value: unknown): unknown {
    if (!Array.isArray(value)) {
      this.#hash = hashOf(value);
      return value;
    }
    if (value.length > LENGTH_MAX) {
      this.#hash = value.length;
      return value;
    }
    let hash = value.length;
    for (let index = 0; index < value.length; index++) {
      const item: unknown = value[index];
      const known = this.intern(item);
      if (known !== item) value[index] = known;
      hash = (Math.imul(hash, 31) + this.#hash) | 0;
    }
    this.#hash = hash;
    const place = (Math.imul(hash, 0x9e3779b1) >>> 16) & (PLACES - 1);
    const latest = this.#latest[place];
    if (latest !== undefined && areSame(latest, value)) return latest;
    this.#latest[place] = value;
    return value;
  }
}

function hashOf(value: unknown): number {
  if (typeof value === 'number') return value | 0;
  if (typeof value !== 'string') return value === null ? 7 : 11;
  return value.length * 131 + value.charCodeAt(0);
}

/** Whether two arrays have the same parts. Equal arrays within them are the same by now; zeros have two signs. */
function areSame(one: readonly unknown[], other: readonly unknown[]): boolean {
  if (one.length !== other.length) return false;
  for (let index = 0; index < one.length; index++) if (!Object.is(one[index], other[index])) return false;
  return true;
}
