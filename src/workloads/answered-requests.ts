/**
 * Requests that must be executed once, although the network may deliver them twice. The node itself lets a copy share
 * the outcome of a request that is in work, and remembers refusals (`node/repeats.ts`). This remembers the others: a
 * late copy of a transaction gets the outcome of the first, which may be that it is unknown.
 *
 * A request is known by its sender, its `msg_id` and its content. Nothing of this outlives the process, and neither
 * does a connection on which a copy may come.
 */

import type { RequestOrigin } from '../node/context.ts';
import type { Clock } from '../protocol/clock.ts';
import { detached } from '../protocol/detached.ts';
import { canonicalKey } from '../protocol/exact-json.ts';

/** How long an outcome is remembered, ms: longer than messages are under way. */
const REMEMBERED_MS = 15_000;

interface Answered<Reply> {
  readonly request: string;
  readonly outcome: Promise<Reply>;
  /** Infinite while it is in work. */
  untilMs: number;
}

export class AnsweredRequests<Reply> {
  readonly #clock: Clock;
  /** By sender and `msg_id`, those that have ended in the order of their ends. */
  readonly #answered = new Map<string, Answered<Reply>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The outcome of the request: that of its first copy, or else what `execute` makes now. */
  answer({ src, messageId }: RequestOrigin, request: object, execute: () => Promise<Reply>): Promise<Reply> {
    if (messageId === undefined) return execute();
    this.#forget();
    const key = `${messageId} ${detached(src)}`;
    const text = canonicalKey(request);
    const known = this.#answered.get(key);
    if (known?.request === text) return known.outcome;
    const answered = { request: text, outcome: execute(), untilMs: Number.POSITIVE_INFINITY };
    this.#answered.set(key, answered);
    const end = () => {
      if (this.#answered.get(key) !== answered) return;
      answered.untilMs = this.#clock.monotonicMs() + REMEMBERED_MS;
      this.#answered.delete(key);
      this.#answered.set(key, answered);
    };
    answered.outcome.then(end, end);
    return answered.outcome;
  }

  #forget(): void {
    const nowMs = this.#clock.monotonicMs();
    for (const [key, { untilMs }] of this.#answered) {
      if (untilMs === Number.POSITIVE_INFINITY) continue;
      if (untilMs > nowMs) return;
      this.#answered.delete(key);
    }
  }
}
