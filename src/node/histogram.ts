/**
 * A distribution of durations in fixed memory: 32 buckets for every power of two, from 1 µs to 12 days, always 10 KiB.
 * A quantile is the middle of its bucket, and so within 1.6 % of the true one. The buckets are HdrHistogram's idea (G.
 * Tene, hdrhistogram.org): the leading bits of a number, here of the double itself, are its bucket.
 */

const MICROSECONDS_PER_MILLISECOND = 1000;

/** The upper half of a double without these bits holds the exponent and 5 bits of the mantissa. */
const DROPPED_BITS = 15;
const BUCKETS_PER_OCTAVE = 1 << (20 - DROPPED_BITS);
/** The bucket of 1 µs, whose exponent is stored as 1023. */
const FIRST_BUCKET = 1023 * BUCKETS_PER_OCTAVE;
const OCTAVES = 40;
/** The longest duration that has its own bucket, just below 2^40 µs. */
const DURATION_MS_MAX = (2 ** OCTAVES - 1) / MICROSECONDS_PER_MILLISECOND;

export class Histogram {
  /** Durations below 1 µs. All requests answered at once are here, so counting them must cost almost nothing. */
  #zeros = 0;
  /** The number of durations in buckets. */
  #counted = 0;
  #maxMs = 0;
  /** Doubles, because a 32-bit counter is full within an hour. Made on first use: many histograms hold only zeros. */
  #buckets: Float64Array | undefined;

  get count(): number {
    return this.#zeros + this.#counted;
  }

  /** The longest duration, exactly; 0 if there is none. */
  get max(): number {
    return this.#maxMs;
  }

  /** Takes a duration in milliseconds. An invalid duration (negative, NaN) counts as 0. */
  record(ms: number): void {
    if (!(ms > 0)) {
      this.#zeros++;
      return;
    }
    const boundedMs = Math.min(ms, DURATION_MS_MAX);
    if (boundedMs > this.#maxMs) this.#maxMs = boundedMs;
    const microseconds = boundedMs * MICROSECONDS_PER_MILLISECOND;
    if (microseconds < 1) {
      this.#zeros++;
      return;
    }
    this.#counted++;
    this.#buckets ??= new Float64Array(OCTAVES * BUCKETS_PER_OCTAVE);
    const bucket = bucketOf(microseconds);
    this.#buckets[bucket] = (this.#buckets[bucket] as number) + 1;
  }

  /** The nearest-rank quantile for a share in [0, 1], in milliseconds; 0 if nothing was recorded. */
  quantile(share: number): number {
    const rank = Math.ceil(share * this.count);
    if (rank <= this.#zeros || this.#buckets === undefined) return 0;
    if (rank >= this.count) return this.#maxMs;
    let bucket = 0;
    for (let seen = this.#zeros + (this.#buckets[0] as number); seen < rank; seen += this.#buckets[bucket] as number)
      bucket++;
    return Math.min(middleOf(bucket) / MICROSECONDS_PER_MILLISECOND, this.#maxMs);
  }
}

const double = new DataView(new ArrayBuffer(8));

function bucketOf(microseconds: number): number {
  double.setFloat64(0, microseconds);
  return (double.getUint32(0) >>> DROPPED_BITS) - FIRST_BUCKET;
}

function middleOf(bucket: number): number {
  return (lowerBound(bucket) + lowerBound(bucket + 1)) / 2;
}

function lowerBound(bucket: number): number {
  double.setUint32(0, (FIRST_BUCKET + bucket) << DROPPED_BITS);
  double.setUint32(4, 0);
  return double.getFloat64(0);
}
