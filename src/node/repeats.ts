/**
 * Requests that come again: a network may deliver one twice, the second time much later. The copy of one that is still
 * being worked on gets the same outcome, and the copy of one that was refused for certain is refused again. Otherwise a
 * refusal, which promises that nothing happened and nothing will, would be made untrue by the copy. It is the
 * at-most-once rule of RPC (Birrell and Nelson 1984), kept where it matters: what succeeds is idempotent or harmless,
 * or its handler sees to it. Nothing of this outlives the process.
 */

import type { Clock } from '../protocol/clock.ts';
import { detached } from '../protocol/detached.ts';
import { RpcError } from '../protocol/errors.ts';
import { canonicalKey, exactEquals } from '../protocol/exact-json.ts';
import { excerpt } from '../protocol/excerpt.ts';
import { fnv1a } from '../protocol/hash.ts';

/** For how long a refusal is remembered, ms: longer than messages are under way. */
const REMEMBERED_MS = 15_000;
const REMEMBERED_MAX = 4096;
/** No text of a refusal is kept beyond this, so that all of them together have a bound in bytes too, some 12 MiB. */
const KEPT_LENGTH_MAX = 512;

interface Refusal {
  /** The request, {@link shortened}. */
  readonly request: string;
  readonly code: number;
  /** Of a long one the beginning. */
  readonly text: string;
  readonly untilMs: number;
}

/**
 * A request is told by who sent it, its `msg_id`, its type, and its fields as they were checked: JSON, that nobody
 * changes. What else stood in the body made no difference to the first one, and may be large.
 */
export class Repeats {
  readonly #clock: Clock;
  readonly #running = new Map<string, { readonly request: object; readonly outcome: Promise<object> }>();
  /** The oldest first. */
  readonly #refusals = new Map<string, Refusal>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** What became of the same request when it came before, if it matters. */
  find(src: string, messageId: number, type: string, request: object): Promise<object> | RpcError | undefined {
    // Nearly always there is nothing to look for.
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
   * Keeps in mind what is being worked on, and how it is refused if it is. Keeps `src` too, which must hold on to no
   * line, see `detached`.
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

/** A type has no space in it. */
function keyOf(src: string, messageId: number, type: string): string {
  return `${messageId} ${type} ${src}`;
}

/**
 * What a text is known by when it comes again: itself, or its length and a hash. Should two requests be taken for one,
 * the second is refused, and the refusal is kept: nothing that it promises becomes untrue.
 */
function shortened(text: string): string {
  return text.length <= KEPT_LENGTH_MAX ? text : `#${text.length} ${fnv1a(text)}`;
}
