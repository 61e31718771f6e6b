/**
 * Copies of requests, which a network may deliver long after the request was answered. A second write would undo the
 * writes since, so a copy shares the outcome of its request. Another request under the same number is no copy.
 */

import type { Clock } from '../../protocol/clock.ts';
import { detached } from '../../protocol/detached.ts';
import { canonicalKey } from '../../protocol/exact-json.ts';

/** Longer than messages are under way. */
const KEPT_MS = 15_000;
const KEPT_MAX = 65_536;

/** The reply to a change, which says nothing more. */
type Done = Record<string, never>;

export class Copies {
  readonly #clock: Clock;
  /** The oldest first. */
  readonly #known = new Map<
    string,
    { readonly request: string; readonly outcome: Promise<Done>; readonly untilMs: number }
  >();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The outcome of the request, asked once. @param messageId undefined: it cannot be recognised */
  share(src: string, messageId: number | undefined, request: object, ask: () => Promise<Done>): Promise<Done> {
    if (messageId === undefined) return ask();
    const nowMs = this.#clock.monotonicMs();
    const name = detached(`${messageId} ${src}`);
    const text = canonicalKey(request);
    const known = this.#known.get(name);
    if (known?.request === text && nowMs < known.untilMs) return known.outcome;
    for (const [oldest, { untilMs }] of this.#known) {
      if (untilMs > nowMs && this.#known.size < KEPT_MAX) break;
      this.#known.delete(oldest);
    }
    const outcome = ask();
    this.#known.delete(name);
    this.#known.set(name, { request: text, outcome, untilMs: nowMs + KEPT_MS });
    return outcome;
  }
}
