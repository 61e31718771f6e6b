/**
 * Requests that come again: a network may deliver one twice, the second time much later. The copy of one that is still being worked on gets the same
 * outcome, and the copy of one that was refused for certain is refused again. Otherwise a refusal, which promises that nothing happened and nothing
 * will, would be made untrue by the copy. It is the at-most-once rule of RPC (Birrell and Nelson 1984), kept where it matters: what succeeds is
 * idempotent or harmless, or its handler sees to it. Nothing of this outlives the process.
 */

import type { Clock } from '../protocol/clock.ts';
import { RpcError } from '../protocol/errors.ts';
import { exactEquals } from '../protocol/exact-json.ts';

type Body = Readonly<Record<string, unknown>>;

/** For how long a refusal is remembered, ms: longer than messages are under way. */
const REMEMBERED_MS = 15_000;
const REMEMBERED_MAX = 4096;

interface Refusal {
  readonly body: Body;
  readonly error: RpcError;
  readonly untilMs: number;
}

export class Repeats {
  readonly #clock: Clock;
  readonly #running = new Map<string, { readonly body: Body; readonly outcome: Promise<object> }>();
  /** The oldest first. */
  readonly #refusals = new Map<string, Refusal>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** What became of the same message when it came before, if it matters. */
  find(src: string, messageId: number, body: Body): Promise<object> | RpcError | undefined {
    // Nearly always there is nothing to look for.
    if (this.#running.size === 0 && this.#refusals.size === 0) return undefined;
    const key = keyOf(src, messageId);
    const running = this.#running.get(key);
    if (running !== undefined && exactEquals(running.body, body)) return running.outcome;
    const refusal = this.#refusals.get(key);
    if (refusal === undefined || !exactEquals(refusal.body, body)) return undefined;
    if (this.#clock.monotonicMs() < refusal.untilMs) return refusal.error;
    this.#refusals.delete(key);
    return undefined;
  }

  /** Keeps in mind what is being worked on, and how it is refused if it is. */
  watch(src: string, messageId: number, body: Body, outcome: Promise<object>): void {
    const key = keyOf(src, messageId);
    this.#running.set(key, { body, outcome });
    const forget = () => {
      if (this.#running.get(key)?.outcome === outcome) this.#running.delete(key);
    };
    outcome.then(forget, (error: unknown) => {
      forget();
      if (error instanceof RpcError && error.definite) this.#remember(key, body, error);
    });
  }

  #remember(key: string, body: Body, error: RpcError): void {
    const nowMs = this.#clock.monotonicMs();
    for (const [oldest, { untilMs }] of this.#refusals) {
      if (untilMs > nowMs && this.#refusals.size < REMEMBERED_MAX) break;
      this.#refusals.delete(oldest);
    }
    this.#refusals.set(key, { body, error, untilMs: nowMs + REMEMBERED_MS });
  }
}

function keyOf(src: string, messageId: number): string {
  return `${messageId} ${src}`;
}
