/**
 * Long lists of integers that share their parts. The reads of a set or a log repeat nearly everything of the read
 * before them: 10,000 reads of 100,000 elements would need gigabytes.
 *
 * A list is cut into chunks where the content says so (content-defined chunking, as in rsync and LBFS), so a list with
 * an element more in the middle has all other chunks in common. Equal chunks are one object.
 */

/** About so many integers are in a chunk. A power of two. */
const CHUNK_LENGTH_MEAN = 64;
const CHUNK_LENGTH_MAX = 4 * CHUNK_LENGTH_MEAN;

/** Integers beyond these bounds take more room in an array, and are not shared. */
const INTEGER_MAX = 2 ** 30;

/** Shorter lists are not worth sharing. */
const SHARED_LENGTH_MIN = 128;

/** Never empty. */
export type Chunk = readonly number[];

export class SharedList {
  /** The numbers of its chunks in {@link SharedLists.chunks}. */
  readonly chunks: Int32Array;
  readonly #length: number;
  readonly #lists: SharedLists;

  constructor(lists: SharedLists, chunks: Int32Array, length: number) {
    this.chunks = chunks;
    this.#length = length;
    this.#lists = lists;
  }

  /** A new array each time. */
  toArray(): number[] {
    const values = new Array<number>(this.#length);
    let length = 0;
    for (const number of this.chunks) for (const value of this.#lists.chunks[number] as Chunk) values[length++] = value;
    return values;
  }
}

/** Whether a value can be a {@link SharedList}, and is worth it. */
export function isShareable(value: unknown): value is readonly number[] {
  if (!Array.isArray(value) || value.length < SHARED_LENGTH_MIN) return false;
  for (const item of value as unknown[]) if (!isSmallInteger(item)) return false;
  return true;
}

function isSmallInteger(item: unknown): boolean {
  return Number.isInteger(item) && Math.abs(item as number) <= INTEGER_MAX && !Object.is(item, -0);
}

/** Lists with common parts. */
export class SharedLists {
  /** All chunks, by their numbers. */
  readonly chunks: Chunk[] = [];
  readonly #byHash = new Map<number, number[]>();
  /** The number of what followed a chunk the last time. Most lists go on as the list before them. */
  readonly #next: number[] = [];
  /** The first chunk of the last list. */
  #first: number | undefined;

  /** @param values small integers ({@link isShareable}) */
  share(values: readonly number[]): SharedList {
    const numbers: number[] = [];
    let previous: number | undefined;
    for (let start = 0; start < values.length; ) {
      const expected = previous === undefined ? this.#first : this.#next[previous];
      const isExpected = expected !== undefined && continues(values, start, this.chunks[expected] as Chunk);
      const number = isExpected ? expected : this.#cut(values, start);
      if (previous === undefined) this.#first = number;
      else this.#next[previous] = number;
      numbers.push(number);
      start += (this.chunks[number] as Chunk).length;
      previous = number;
    }
    return new SharedList(this, Int32Array.from(numbers), values.length);
  }

  /** The number of the chunk that begins at `start`. */
  #cut(values: readonly number[], start: number): number {
    let [end, hash] = [start, 0];
    do hash = (Math.imul(hash, 31) + (values[end++] as number)) | 0;
    while (end < values.length && !endsChunk(values[end - 1] as number, end - start));
    const same = this.#byHash.get(hash) ?? [];
    if (same.length === 0) this.#byHash.set(hash, same);
    const known = same.find((other) => {
      const chunk = this.chunks[other] as Chunk;
      return chunk.length === end - start && matches(values, start, chunk);
    });
    if (known !== undefined) return known;
    const number = this.chunks.push(values.slice(start, end)) - 1;
    same.push(number);
    return number;
  }
}

/** Whether the list has exactly this chunk at `start`. A chunk that its list's end cut off may go on here. */
function continues(values: readonly number[], start: number, chunk: Chunk): boolean {
  const end = start + chunk.length;
  const isWhole = end === values.length || endsChunk(chunk.at(-1) as number, chunk.length);
  return isWhole && end <= values.length && matches(values, start, chunk);
}

function matches(values: readonly number[], start: number, chunk: Chunk): boolean {
  for (let offset = 0; offset < chunk.length; offset++) if (values[start + offset] !== chunk[offset]) return false;
  return true;
}

/** Whether a chunk of this length ends after `last`. The multiplier spreads neighbours (Knuth). */
function endsChunk(last: number, length: number): boolean {
  return length >= CHUNK_LENGTH_MAX || Math.imul(last, 0x9e3779b1) >>> 0 < 2 ** 32 / CHUNK_LENGTH_MEAN;
}
