/**
 * Repeated requests: a network may deliver one twice, the second copy much later. A copy of a request in flight gets
 * the same outcome. A copy of one that was refused for certain is refused again. A refusal promises that nothing
 * happened and nothing will, and the copy would break that promise. It is the at-most-once rule of RPC (Birrell and
 * Nelson 1984), kept where it matters: requests that succeed are idempotent or harmless, or their handler deals with
 * copies. Nothing of this outlives the process.
 */

import type { Clock } from '../protocol/clock.ts';
import { detached } from '../protocol/detached.ts';
import { RpcError } from '../protocol/errors.ts';
import { canonicalKey, exactEquals } from '../protocol/exact-json.ts';
import { excerpt } from '../protocol/excerpt.ts';
import { fnv1a } from '../protocol/hash.ts';

/** How long a refusal is remembered, ms: longer than messages are under way. */
const REMEMBERED_MS = 15_000;
/** Safety rests on it: the copy of a request whose refusal was forgotten is carried out. */
const REMEMBERED_MAX = 4096;
/** The text of a refusal is cut at this length. So all of them together take at most some 12 MiB. */
const KEPT_LENGTH_MAX = 512;

interface KnownRefusal {
  /** The request, {@link shortened}. */
  readonly request: string;
  readonly code: number;
  /** The beginning only, if it is long. */
  readonly text: string;
  readonly untilMs: number;
}

/**
 * A request is identified by its sender, `msg_id`, type and checked fields. These are JSON and never change. Undeclared
 * fields did not affect the first copy, and may be large.
 */
export class Repeats {
  readonly #clock: Clock;
  readonly #running = new Map<string, { readonly request: object; readonly outcome: Promise<object> }>();
  /** Oldest first. */
  readonly #refusals = new Map<string, KnownRefusal>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The outcome of the same request when it came before, if it matters. */
  find(src: string, messageId: number, type: string, request: object): Promise<object> | RpcError | undefined {
    // In nearly all cases there is nothing to look for.
    if (this.#running.size === 0 && this.#refusals.size === 0) return undefined;
    const key = keyOf(src, messageId, type);
    const running = this.#running.get(key);
    if (running !== undefined && exactEquals(running.request, request)) return running.outcome;
    const refusalKey = shortened(key);
    const refusal = this.#refusals.get(refusalKey);
    if (refusal === undefined || refusal.request !== shortened(canonicalKey(request))) return undefined;
    if (this.#clock.monotonicMs() < refusal.untilMs) return new RpcError(refusal.code, refusal.text);
    this.#refusals.delete(refusalKey);
    return undefined;
  }

  /**
   * Remembers a request in flight, and its refusal if it is refused. Keeps `src` too, so `src` must not keep a whole
   * line in memory, see `detached`.
   */
  watch(src: string, messageId: number, type: string, request: object, outcome: Promise<object>): void {
    const key = keyOf(src, messageId, type);
    this.#running.set(key, { request, outcome });
    const forget = () => {
      if (this.#running.get(key)?.outcome === outcome) this.#running.delete(key);
    };
    outcome.then(forget, (error: unknown) => {
      forget();
      if (error instanceof RpcError && error.definite) this.#remember(key, request, error);
    });
  }

  #remember(key: string, request: object, { code, message }: RpcError): void {
    const nowMs = this.#clock.monotonicMs();
    for (const [oldest, { untilMs }] of this.#refusals) {
      if (untilMs > nowMs && this.#refusals.size < REMEMBERED_MAX) break;
      this.#refusals.delete(oldest);
    }
    this.#refusals.set(shortened(key), {
      request: shortened(canonicalKey(request)),
      code,
      text: detached(excerpt(message, KEPT_LENGTH_MAX)),
      untilMs: nowMs + REMEMBERED_MS,
    });
  }
}

/** A type contains no space. */
function keyOf(src: string, messageId: number, type: string): string {
  return `${messageId} ${type} ${src}`;
}

/**
 * The key of a text: the text itself, or its length and a hash. If two requests have the same key, the second is
 * refused and the refusal is remembered. So its promise stays true.
 */
function shortened(text: string): string {
  return text.length <= KEPT_LENGTH_MAX ? text : `#${text.length} ${fnv1a(text)}`;
}
