/**
 * Transactions as integers, one after the other in large arrays. A transaction of Maelstrom is a list of
 * micro-operations `[f, key, value]`, such as `["append", 5, 1]` and `["r", 5, [1, 2]]`. As arrays of arrays, a million
 * of them takes a gigabyte, and the garbage collector visits each of millions of objects again and again.
 */

/** Integers in one array. A power of two. */
const SEGMENT_LENGTH = 1 << 20;
/** More places would not fit into 31 bits. */
const SEGMENTS_MAX = 2 ** 31 / SEGMENT_LENGTH;

/** In place of the length of a list. */
const IS_NULL = -1;
const IS_INTEGER = -2;

type Mop = readonly [f: string, key: number, value: number | null | readonly number[]];

export class TransactionPool {
  readonly #segments: Int32Array[] = [];
  /** Where the next transaction begins in the last segment. */
  #end = SEGMENT_LENGTH;
  readonly #names: string[] = [];
  readonly #numbers = new Map<string, number>();

  /** Where a value is kept, less than 2^31; undefined if it is no transaction of integers, or there is no room. */
  add(value: unknown): number | undefined {
    const length = lengthOf(value);
    if (length === undefined || length > SEGMENT_LENGTH) return undefined;
    if (this.#end + length > SEGMENT_LENGTH) {
      if (this.#segments.length === SEGMENTS_MAX) return undefined;
      this.#segments.push(new Int32Array(SEGMENT_LENGTH));
      this.#end = 0;
    }
    const place = (this.#segments.length - 1) * SEGMENT_LENGTH + this.#end;
    this.#write(value as readonly Mop[]);
    return place;
  }

  /** The transaction at a place, as new arrays. */
  read(place: number): readonly Mop[] {
    const segment = this.#segments[Math.floor(place / SEGMENT_LENGTH)] as Int32Array;
    let at = place % SEGMENT_LENGTH;
    const mops = new Array<Mop>(segment[at++] as number);
    for (let index = 0; index < mops.length; index++) {
      const f = this.#names[segment[at++] as number] as string;
      const key = segment[at++] as number;
      const length = segment[at++] as number;
      if (length === IS_NULL) mops[index] = [f, key, null];
      else if (length === IS_INTEGER) mops[index] = [f, key, segment[at++] as number];
      else {
        const list = new Array<number>(length);
        for (let item = 0; item < length; item++) list[item] = segment[at++] as number;
        mops[index] = [f, key, list];
      }
    }
    return mops;
  }

  #write(mops: readonly Mop[]): void {
    const segment = this.#segments.at(-1) as Int32Array;
    let at = this.#end;
    segment[at++] = mops.length;
    for (const [f, key, value] of mops) {
      segment[at++] = this.#numberOf(f);
      segment[at++] = key;
      if (value === null) segment[at++] = IS_NULL;
      else if (typeof value === 'number') {
        segment[at++] = IS_INTEGER;
        segment[at++] = value;
      } else {
        segment[at++] = value.length;
        for (const item of value) segment[at++] = item;
      }
    }
    this.#end = at;
  }

  #numberOf(name: string): number {
    let number = this.#numbers.get(name);
    if (number === undefined) {
      number = this.#names.push(name) - 1;
      this.#numbers.set(name, number);
    }
    return number;
  }
}

/** How many integers a transaction takes; undefined if the value is none, or has other than small integers. */
function lengthOf(value: unknown): number | undefined {
  if (!Array.isArray(value) || !Array.isArray(value[0])) return undefined;
  let length = 1;
  for (const mop of value as readonly unknown[]) {
    if (!Array.isArray(mop) || mop.length !== 3) return undefined;
    const [f, key, third] = mop as readonly unknown[];
    if (typeof f !== 'string' || !isSmall(key)) return undefined;
    length += 3;
    if (isSmall(third)) length += 1;
    else if (Array.isArray(third) && third.every(isSmall)) length += third.length;
    else if (third !== null) return undefined;
  }
  return length;
}

function isSmall(value: unknown): boolean {
  return typeof value === 'number' && (value | 0) === value && !Object.is(value, -0);
}
