/**
 * All sums of a number and some of a list of others that are far apart. There are as many as there are subsets, so they
 * are not listed. A sum is looked for in two halves instead, as for the subset-sum problem (Horowitz and Sahni,
 * "Computing partitions with applications to the knapsack problem", J. ACM 1974).
 */

/** Beyond so many others, every number within the bounds counts as a sum. */
const OTHERS_MAX = 36;

export class FarSums {
  readonly #definite: number;
  readonly #bounds: readonly [number, number];
  /** The sums of each half of the others, ascending; undefined: they are too many. */
  readonly #halves: readonly [Float64Array, Float64Array] | undefined;

  private constructor(definite: number, others: readonly number[]) {
    const [least, most] = [Math.min, Math.max].map((choose) =>
      others.reduce((sum, other) => sum + choose(other, 0), definite),
    ) as [number, number];
    this.#definite = definite;
    this.#bounds = [least, most];
    const half = others.length >> 1;
    if (others.length <= OTHERS_MAX) this.#halves = [sumsOf(others.slice(0, half)), sumsOf(others.slice(half))];
  }

  /** Throws an Error if the sums are too large to be exact. */
  static of(definite: number, others: readonly number[]): FarSums {
    const sums = new FarSums(definite, others);
    for (const bound of sums.#bounds)
      if (!Number.isSafeInteger(bound)) throw new Error(`the sums of the adds must stay below 2^53: ${bound}`);
    return sums;
  }

  /** The bounds only: from the least to the largest. */
  runs(): readonly (readonly [number, number])[] {
    return [this.#bounds];
  }

  has(value: unknown): boolean {
    const [least, most] = this.#bounds;
    if (typeof value !== 'number' || !(value >= least && value <= most)) return false;
    if (this.#halves === undefined) return true;
    const [one, other] = this.#halves;
    const wanted = value - this.#definite;
    for (let low = 0, high = other.length - 1; low < one.length && high >= 0; ) {
      const sum = (one[low] as number) + (other[high] as number);
      if (sum === wanted) return true;
      if (sum < wanted) low++;
      else high--;
    }
    return false;
  }
}

/** The sums of all subsets, ascending. */
function sumsOf(numbers: readonly number[]): Float64Array {
  let sums = new Float64Array(1);
  for (const number of numbers) {
    const next = new Float64Array(2 * sums.length);
    const [low, high] = [Math.min(number, 0), Math.max(number, 0)];
    for (let without = 0, within = 0, at = 0; at < next.length; at++) {
      const [one, other] = [(sums[without] ?? Infinity) + low, (sums[within] ?? Infinity) + high];
      if (one <= other) without++;
      else within++;
      next[at] = Math.min(one, other);
    }
    sums = next;
  }
  return sums;
}
