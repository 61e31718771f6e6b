/**
 * Which clients still wait for an answer. An answer to a client that has given up may go to one that has left, and
 * after that Maelstrom never listens to the node again, without a word; so what faults have made late must not leave,
 * and neither must a second answer that a second life gives.
 *
 * What the node does wrong by itself is not held back: whoever looks for mistakes shall find them.
 */

import { detached } from '../protocol/detached.ts';

/**
 * An answer must be out before the client gives up, by its own clock: this share of its patience is kept in reserve.
 */
const RESERVED_SHARE = 0.1;

/** `late` and `again` must not be passed on. */
export type AnswerVerdict = 'due' | 'late' | 'again';

interface OpenRequest {
  readonly deadlineMs: number;
  /** The life that was first to answer; 0: none yet. */
  answeredBy: number;
}

export class ClientDesk {
  readonly #patienceMs: number;
  /** Invariant: in the order of their deadlines, for all clients wait equally long. */
  readonly #open = new Map<string, OpenRequest>();
  /** The highest `msg_id` of each client: what is not open and not above that was forgotten because it is late. */
  readonly #highest = new Map<string, number>();

  /** @param timeoutMs how long a client waits */
  constructor(timeoutMs: number) {
    this.#patienceMs = timeoutMs * (1 - RESERVED_SHARE);
  }

  /** Requests that are remembered. */
  get size(): number {
    return this.#open.size;
  }

  /** Notes a request that reaches the node; it arrived at `arrivedMs`. */
  asked(client: string, messageId: number, arrivedMs: number): void {
    for (const [key, { deadlineMs }] of this.#open) {
      if (deadlineMs > arrivedMs) break;
      this.#open.delete(key);
    }
    this.#open.set(`${client} ${messageId}`, { deadlineMs: arrivedMs + this.#patienceMs, answeredBy: 0 });
    this.#highest.set(detached(client), Math.max(messageId, this.#highest.get(client) ?? messageId));
  }

  /** Judges an answer that the node gives in its `life`, from 1. */
  answered(client: string, messageId: number, life: number, nowMs: number): AnswerVerdict {
    const request = this.#open.get(`${client} ${messageId}`);
    // Never asked is not late: that is the node's own mistake.
    if (request === undefined) return messageId <= (this.#highest.get(client) ?? -1) ? 'late' : 'due';
    if (nowMs >= request.deadlineMs) return 'late';
    if (request.answeredBy === 0) request.answeredBy = life;
    return request.answeredBy === life ? 'due' : 'again';
  }
}
