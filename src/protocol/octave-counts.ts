/**
 * How often numbers from 1 on came, in fixed memory: `2 ** bits` buckets for every power of two. A number of a given
 * rank is told as the middle of its bucket, so within 1 / 2^(bits + 1) of the true one. The buckets are HdrHistogram's
 * idea (G. Tene, hdrhistogram.org): the leading bits of a number, here of the double itself, are its bucket.
 */

/** Bits of the mantissa in the upper half of a double. */
const MANTISSA_BITS = 20;
/** The exponent of the double 1, as it is stored. */
const EXPONENT_OF_ONE = 1023;

const double = new DataView(new ArrayBuffer(8));

export class OctaveCounts {
  /** The upper half of a double without these bits holds the exponent and `bits` bits of the mantissa. */
  readonly #droppedBits: number;
  /** The bucket of 1. */
  readonly #first: number;
  /** Doubles, because a 32-bit counter is full within an hour. */
  readonly #counts: Float64Array;

  /** @param octaves numbers must be below 2 ** octaves */
  constructor(bits: number, octaves: number) {
    this.#droppedBits = MANTISSA_BITS - bits;
    this.#first = EXPONENT_OF_ONE << bits;
    this.#counts = new Float64Array(octaves << bits);
  }

  /** Counts a number. It must be at least 1 and below the limit. */
  add(number: number): void {
    double.setFloat64(0, number);
    const bucket = (double.getUint32(0) >>> this.#droppedBits) - this.#first;
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1;
  }

  /** The number of this rank, from 1 for the least to the count of all numbers. */
  ofRank(rank: number): number {
    let bucket = 0;
    for (let seen = this.#counts[0] as number; seen < rank; seen += this.#counts[bucket] as number) bucket++;
    return (this.#lowerBound(bucket) + this.#lowerBound(bucket + 1)) / 2;
  }

  #lowerBound(bucket: number): number {
    double.setUint32(0, (this.#first + bucket) << this.#droppedBits);
    double.setUint32(4, 0);
    return double.getFloat64(0);
  }
}
