/**
 * Repeated requests: a network may deliver one twice, the second copy much later. A copy of a request in flight gets
 * the same outcome. A copy of one that was refused for certain is refused again. A refusal promises that nothing
 * happened and nothing will, and the copy would break that promise. For the same reason a copy of a request that was
 * carried out is not refused because there is too much to do. It is the at-most-once rule of RPC (Birrell and Nelson
 * 1984), kept where it matters: requests that succeed are idempotent or harmless, or their handler deals with copies.
 * Nothing of this outlives the process.
 */

import type { Clock } from '../protocol/clock.ts';
import { detached } from '../protocol/detached.ts';
import { RpcError } from '../protocol/errors.ts';
import { canonicalKey, exactEquals } from '../protocol/exact-json.ts';
import { excerpt } from '../protocol/excerpt.ts';
import { fnv1a } from '../protocol/hash.ts';
import { RecentMap } from './recent-map.ts';

/** How long the end of a request is remembered, ms: longer than messages are under way. */
const REMEMBERED_MS = 15_000;
/**
 * Of each kind, the newest. Safety rests on it: the copy of a request whose refusal was forgotten is carried out, and
 * one that was carried out and forgotten may be refused. At more than some 270 ends a second they are forgotten before
 * 15 s are over.
 */
const REMEMBERED_MAX = 4096;
/** Keys and texts are cut at this length. So all that is remembered takes at most some 32 MiB. */
const KEPT_LENGTH_MAX = 512;

interface KnownRefusal {
  readonly code: number;
  /** The beginning only, if it is long. */
  readonly text: string;
}

/** Requests that have ended, with how. */
class Ended<End> {
  /** By key. Key and request are {@link shortened}. */
  readonly #ends: RecentMap<{ readonly request: string; readonly end: End }>;

  constructor(clock: Clock) {
    this.#ends = new RecentMap(clock, { windowMs: REMEMBERED_MS, countMax: REMEMBERED_MAX });
  }

  get size(): number {
    return this.#ends.size;
  }

  find(key: string, request: object): End | undefined {
    const ended = this.#ends.get(shortened(key));
    return ended?.request === shortened(canonicalKey(request)) ? ended.end : undefined;
  }

  add(key: string, request: object, end: End): void {
    this.#ends.set(shortened(key), { request: shortened(canonicalKey(request)), end });
  }
}

/**
 * A request is identified by its sender, `msg_id`, type and checked fields. These are JSON and never change. Undeclared
 * fields did not affect the first copy, and may be large.
 */
export class Repeats {
  readonly #running = new Map<string, { readonly request: object; readonly outcome: Promise<object> }>();
  readonly #refusals: Ended<KnownRefusal>;
  /** Refused by the node before its handler saw it. Apart, because they are many when there is too much to do. */
  readonly #turnedAway: Ended<KnownRefusal>;
  /** The others whose handler took time: what they ask has happened, or may have. */
  readonly #carriedOut: Ended<true>;

  constructor(clock: Clock) {
    this.#refusals = new Ended(clock);
    this.#turnedAway = new Ended(clock);
    this.#carriedOut = new Ended(clock);
  }

  /** The outcome of the same request when it came before, if it matters. */
  find(src: string, messageId: number, type: string, request: object): Promise<object> | RpcError | undefined {
    // In nearly all cases there is nothing to look for.
    if (this.#running.size === 0 && this.#refusals.size === 0 && this.#turnedAway.size === 0) return undefined;
    const key = keyOf(src, messageId, type);
    const running = this.#running.get(key);
    if (running !== undefined && exactEquals(running.request, request)) return running.outcome;
    const refusal = this.#refusals.find(key, request) ?? this.#turnedAway.find(key, request);
    return refusal && new RpcError(refusal.code, refusal.text);
  }

  /**
   * Remembers a request in flight, and how it ends. Keeps `src` too, so `src` must not keep a whole line in memory, see
   * `detached`.
   */
  watch(src: string, messageId: number, type: string, request: object, outcome: Promise<object>): void {
    const key = keyOf(src, messageId, type);
    this.#running.set(key, { request, outcome });
    const forget = () => {
      if (this.#running.get(key)?.outcome === outcome) this.#running.delete(key);
    };
    const end = () => {
      forget();
      this.#carriedOut.add(key, request, true);
    };
    outcome.then(end, (error: unknown) => {
      if (!(error instanceof RpcError && error.definite)) return end();
      forget();
      this.#refusals.add(key, request, refusalOf(error));
    });
  }

  /**
   * Remembers that a request is refused before its handler sees it. False if a copy of it is in flight or was carried
   * out: then it must not be refused.
   */
  turnAway(src: string, messageId: number, type: string, request: object, error: RpcError): boolean {
    const key = keyOf(src, messageId, type);
    const running = this.#running.get(key);
    if (running !== undefined && exactEquals(running.request, request)) return false;
    if (this.#carriedOut.find(key, request)) return false;
    this.#turnedAway.add(key, request, refusalOf(error));
    return true;
  }
}

function refusalOf({ code, message }: RpcError): KnownRefusal {
  return { code, text: detached(excerpt(message, KEPT_LENGTH_MAX)) };
}

/** A type contains no space. */
function keyOf(src: string, messageId: number, type: string): string {
  return `${messageId} ${type} ${src}`;
}

/**
 * The key of a text: the text itself, or its length and a hash. If two requests have the same key, the second is
 * refused as the first was, or dropped where a copy would be. So what is promised stays true.
 */
function shortened(text: string): string {
  return text.length <= KEPT_LENGTH_MAX ? text : `#${text.length} ${fnv1a(text)}`;
}
