/**
 * A distribution of durations in fixed memory: 32 buckets for every power of two, from 1 µs to 12 days, always 10 KiB.
 * A quantile is the middle of its bucket, and so within 1.6 % of the true one.
 */

import { OctaveCounts } from '../protocol/octave-counts.ts';

const MICROSECONDS_PER_MILLISECOND = 1000;

/** 32 buckets for every power of two. */
const PRECISION_BITS = 5;
const OCTAVES = 40;
/** The longest duration that has its own bucket, just below 2^40 µs. */
const DURATION_MS_MAX = (2 ** OCTAVES - 1) / MICROSECONDS_PER_MILLISECOND;

export class Histogram {
  /** Durations below 1 µs. All requests answered at once are here, so counting them must cost almost nothing. */
  #zeros = 0;
  /** The number of durations in buckets. */
  #counted = 0;
  #maxMs = 0;
  /** In microseconds. Made on first use: many histograms hold only zeros. */
  #buckets: OctaveCounts | undefined;

  get count(): number {
    return this.#zeros + this.#counted;
  }

  /** The longest duration, exactly; 0 if there is none. */
  get max(): number {
    return this.#maxMs;
  }

  /** Takes a duration in milliseconds. An invalid duration (negative, NaN) counts as 0. */
  record(ms: number): void {
    const boundedMs = Math.min(ms, DURATION_MS_MAX);
    if (boundedMs > this.#maxMs) this.#maxMs = boundedMs;
    const microseconds = boundedMs * MICROSECONDS_PER_MILLISECOND;
    // Every comparison with NaN is false, so it counts as 0.
    if (!(microseconds >= 1)) {
      this.#zeros++;
      return;
    }
    this.#counted++;
    this.#buckets ??= new OctaveCounts(PRECISION_BITS, OCTAVES);
    this.#buckets.add(microseconds);
  }

  /** The nearest-rank quantile for a share in [0, 1], in milliseconds; 0 if nothing was recorded. */
  quantile(share: number): number {
    const rank = Math.ceil(share * this.count);
    if (rank <= this.#zeros) return 0;
    if (rank >= this.count) return this.#maxMs;
    const microseconds = (this.#buckets as OctaveCounts).ofRank(rank - this.#zeros);
    return Math.min(microseconds / MICROSECONDS_PER_MILLISECOND, this.#maxMs);
  }
}
