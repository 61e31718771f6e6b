/**
 * How long the operations took that ended ok, from invocation to completion, in milliseconds. Always valid.
 *
 * A quantile is the nearest rank: the least latency that is not exceeded by that share of the operations. Up to 16,384
 * latencies are kept and the quantiles are exact. Beyond that they are only counted, in 128 buckets to every power of
 * two, and a quantile is the middle of its bucket: within 0.4 % of the true one, in 28 KiB whatever the length of the
 * run. The buckets are HdrHistogram's idea (G. Tene, hdrhistogram.org): the leading bits of a number, here of the
 * double itself, are its bucket.
 */

import type { Checker } from './checker.ts';
import { indexPairs } from './pairs.ts';

const NANOSECONDS_PER_MILLISECOND = 1e6;
const EXACT_LATENCIES_MAX = 1 << 14;

/** The upper half of a double less these bits leaves the exponent and 7 bits of the mantissa. */
const DROPPED_BITS = 13;
const BUCKETS_PER_OCTAVE = 1 << (20 - DROPPED_BITS);
/** The bucket of 1 ns, whose exponent is stored as 1023. */
const FIRST_BUCKET = 1023 * BUCKETS_PER_OCTAVE;
/** Integers of nanoseconds are exact up to 2^53. */
const BUCKET_COUNT = 54 * BUCKETS_PER_OCTAVE;

export function latencyChecker(): Checker {
  return {
    check(_test, history) {
      const latencies = new Latencies();
      for (const { invocation, completion } of indexPairs(history)) {
        if (history.typeAt(completion) === 'ok') latencies.add(history.timeAt(completion) - history.timeAt(invocation));
      }
      if (latencies.count === 0) return { 'valid?': true, count: 0 };
      return {
        'valid?': true,
        count: latencies.count,
        min: latencies.min / NANOSECONDS_PER_MILLISECOND,
        p50: latencies.percentile(50) / NANOSECONDS_PER_MILLISECOND,
        p95: latencies.percentile(95) / NANOSECONDS_PER_MILLISECOND,
        p99: latencies.percentile(99) / NANOSECONDS_PER_MILLISECOND,
        max: latencies.max / NANOSECONDS_PER_MILLISECOND,
      };
    },
  };
}

/** A distribution of durations in nanoseconds. */
export class Latencies {
  #count = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = Number.NEGATIVE_INFINITY;
  #exact: number[] = [];
  #sorted = true;
  /** Invariant: undefined while `#exact` holds every value; from then on `#exact` is empty. */
  #buckets: Uint32Array | undefined;

  get count(): number {
    return this.#count;
  }

  get min(): number {
    return this.#min;
  }

  get max(): number {
    return this.#max;
  }

  add(nanoseconds: number): void {
    this.#count++;
    if (nanoseconds < this.#min) this.#min = nanoseconds;
    if (nanoseconds > this.#max) this.#max = nanoseconds;
    if (this.#buckets !== undefined) {
      countIn(this.#buckets, nanoseconds);
      return;
    }
    this.#exact.push(nanoseconds);
    this.#sorted = false;
    if (this.#exact.length <= EXACT_LATENCIES_MAX) return;
    this.#buckets = new Uint32Array(BUCKET_COUNT);
    for (const value of this.#exact) countIn(this.#buckets, value);
    this.#exact = [];
  }

  /** The nearest-rank quantile for a percentage in (0, 100]; NaN when nothing was added. */
  percentile(percent: number): number {
    if (this.#count === 0) return Number.NaN;
    const rank = Math.ceil((percent * this.#count) / 100);
    if (this.#buckets !== undefined) return this.#ofRank(this.#buckets, rank);
    if (!this.#sorted) this.#exact.sort((left, right) => left - right);
    this.#sorted = true;
    return this.#exact[rank - 1] as number;
  }

  #ofRank(buckets: Uint32Array, rank: number): number {
    let bucket = 0;
    for (let seen = buckets[0] as number; seen < rank; seen += buckets[bucket] as number) bucket++;
    return Math.min(Math.max(middleOf(bucket), this.#min), this.#max);
  }
}

const double = new DataView(new ArrayBuffer(8));

function countIn(buckets: Uint32Array, nanoseconds: number): void {
  double.setFloat64(0, Math.max(nanoseconds, 1));
  const bucket = (double.getUint32(0) >>> DROPPED_BITS) - FIRST_BUCKET;
  buckets[bucket] = (buckets[bucket] as number) + 1;
}

function middleOf(bucket: number): number {
  return (lowerBound(bucket) + lowerBound(bucket + 1)) / 2;
}

function lowerBound(bucket: number): number {
  double.setUint32(0, (FIRST_BUCKET + bucket) << DROPPED_BITS);
  double.setUint32(4, 0);
  return double.getFloat64(0);
}
