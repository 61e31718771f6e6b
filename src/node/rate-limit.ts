/**
 * A token bucket for every client. It holds one second's worth of tokens. A request of any size takes one token.
 * A client without a token learns how long to wait. A bucket is refilled when it is read, so there is no timer.
 *
 * Memory is bounded. Forgetting a full bucket changes nothing, so full ones go first. Next goes the least recently used
 * one; its client may burst once more.
 */

import { detached } from '../protocol/detached.ts';
import { assert } from './assertion.ts';

const CLIENTS_MAX = 4096;

/**
 * Full buckets are looked for once in so many new clients. Otherwise a sender that invents names makes each one cost a
 * walk.
 */
const NEWCOMERS_PER_WALK = 256;
/** Longer names with the same beginning share a bucket. */
const NAME_LENGTH_MAX = 256;
/** In tokens. Far more than the rounding error: a client that waits as told must get its token. */
const ROUNDING = 1e-6;

interface Bucket {
  /** Invariant: from 0 to the burst, up to rounding. */
  tokens: number;
  /** When it held that many. */
  atMs: number;
}

export class RateLimit {
  readonly ratePerSecond: number;
  readonly #tokensPerMs: number;
  readonly #tokensMax: number;
  readonly #clientsMax: number;
  /** Invariant: the least recently used one first; never more than `#clientsMax`. */
  readonly #buckets = new Map<string, Bucket>();
  #newcomersUntilWalk = 0;
  #nowMs = 0;

  constructor(ratePerSecond: number, clientsMax = CLIENTS_MAX) {
    assert(ratePerSecond > 0 && ratePerSecond < Number.POSITIVE_INFINITY, `a rate limit of ${ratePerSecond}/s`);
    assert(clientsMax >= 1, `a rate limit for ${clientsMax} clients`);
    this.ratePerSecond = ratePerSecond;
    this.#tokensPerMs = ratePerSecond / 1000;
    this.#tokensMax = Math.max(ratePerSecond, 1);
    this.#clientsMax = clientsMax;
  }

  /** How many clients are remembered. */
  get clientCount(): number {
    return this.#buckets.size;
  }

  /**
   * Takes a token of `client` and returns 0. If there is none, returns how long to wait for the next one, in whole ms.
   */
  take(client: string, nowMs: number): number {
    // If the clock shows nonsense, time stands still.
    if (Number.isFinite(nowMs)) this.#nowMs = nowMs;
    const bucket = this.#bucketOf(client);
    bucket.tokens = this.#tokensNow(bucket);
    bucket.atMs = this.#nowMs;
    const missing = 1 - ROUNDING - bucket.tokens;
    if (missing > 0) return Math.ceil(missing / this.#tokensPerMs);
    bucket.tokens--;
    return 0;
  }

  /** A clock that went back has measured nothing. */
  #tokensNow({ tokens, atMs }: Bucket): number {
    return Math.min(tokens + Math.max(this.#nowMs - atMs, 0) * this.#tokensPerMs, this.#tokensMax);
  }

  #bucketOf(client: string): Bucket {
    const name = client.slice(0, NAME_LENGTH_MAX);
    let bucket = this.#buckets.get(name);
    if (bucket !== undefined) {
      this.#buckets.delete(name);
      this.#buckets.set(name, bucket);
    } else {
      if (this.#buckets.size >= this.#clientsMax) this.#makeRoom();
      bucket = { tokens: this.#tokensMax, atMs: this.#nowMs };
      this.#buckets.set(detached(name), bucket);
      this.#newcomersUntilWalk--;
    }
    return bucket;
  }

  #makeRoom(): void {
    if (this.#newcomersUntilWalk <= 0) {
      this.#newcomersUntilWalk = NEWCOMERS_PER_WALK;
      for (const [name, bucket] of this.#buckets) {
        if (this.#tokensNow(bucket) >= this.#tokensMax) this.#buckets.delete(name);
      }
    }
    if (this.#buckets.size < this.#clientsMax) return;
    for (const name of this.#buckets.keys()) {
      this.#buckets.delete(name);
      return;
    }
  }
}
