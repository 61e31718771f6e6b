/**
 * Copies of a `send`: the network may deliver a request twice, and its message must be in the log once. A copy gets the
 * outcome of the first. Nothing of this outlives the process, and neither does the connection on which a copy may come.
 */

import type { RequestOrigin } from '../../node/context.ts';
import type { Clock } from '../../protocol/clock.ts';
import { detached } from '../../protocol/detached.ts';
import { hash53 } from '../../protocol/hash.ts';

/** How long a request is remembered, ms: it is answered within 5 s, and messages are under way for 15 s at most. */
const REMEMBERED_MS = 20_000;

interface First<Reply> {
  readonly contentHash: number;
  readonly outcome: Promise<Reply>;
  readonly untilMs: number;
}

export class SendCopies<Reply> {
  readonly #clock: Clock;
  /** By `msg_id` and sender, oldest first. */
  readonly #firsts = new Map<string, First<Reply>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param content tells a copy from another request with the same number */
  once({ src, messageId }: RequestOrigin, content: string, execute: () => Promise<Reply>): Promise<Reply> {
    if (messageId === undefined) return execute();
    const nowMs = this.#clock.monotonicMs();
    for (const [oldest, { untilMs }] of this.#firsts) {
      if (untilMs > nowMs) break;
      this.#firsts.delete(oldest);
    }
    const name = `${messageId} ${detached(src)}`;
    const contentHash = hash53(content);
    const first = this.#firsts.get(name);
    if (first?.contentHash === contentHash) return first.outcome;
    const outcome = execute();
    this.#firsts.delete(name);
    this.#firsts.set(name, { contentHash, outcome, untilMs: nowMs + REMEMBERED_MS });
    return outcome;
  }
}
