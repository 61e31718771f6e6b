/**
 * How long operations took that ended ok, from invocation to completion, in milliseconds. Always valid.
 *
 * A quantile is the nearest rank: the least latency that this share of the operations does not exceed. Up to 16,384
 * latencies are kept, and the quantiles are exact. Beyond that they are only counted, in 54 KiB for a run of any
 * length. A quantile is then within 0.4 % of the true one.
 */

import { OctaveCounts } from '../protocol/octave-counts.ts';
import type { Checker } from './checker.ts';
import { indexPairs } from './pairs.ts';

const NANOSECONDS_PER_MILLISECOND = 1e6;
const EXACT_LATENCIES_MAX = 1 << 14;

/** 128 buckets for every power of two. */
const PRECISION_BITS = 7;
/** Integers of nanoseconds are exact up to 2^53. */
const OCTAVES = 54;

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
  /** Invariant: undefined while `#exact` holds every value; from then on `#exact` is empty. */
  #buckets: OctaveCounts | undefined;

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
    this.#min = Math.min(this.#min, nanoseconds);
    this.#max = Math.max(this.#max, nanoseconds);
    if (this.#buckets !== undefined) {
      this.#buckets.add(Math.max(nanoseconds, 1));
      return;
    }
    this.#exact.push(nanoseconds);
    if (this.#exact.length <= EXACT_LATENCIES_MAX) return;
    this.#buckets = new OctaveCounts(PRECISION_BITS, OCTAVES);
    for (const value of this.#exact) this.#buckets.add(Math.max(value, 1));
    this.#exact = [];
  }

  /** The nearest-rank quantile for a percentage in (0, 100]; NaN when nothing was added. */
  percentile(percent: number): number {
    if (this.#count === 0) return Number.NaN;
    const rank = Math.ceil((percent * this.#count) / 100);
    if (this.#buckets !== undefined) return Math.min(Math.max(this.#buckets.ofRank(rank), this.#min), this.#max);
    this.#exact.sort((left, right) => left - right);
    return this.#exact[rank - 1] as number;
  }
}
