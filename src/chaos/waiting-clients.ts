/**
 * Which clients still wait for a reply. A late reply may reach a client that has left. After that Maelstrom silently
 * stops reading the node. So a reply that faults have made late is held back, and so is a second reply of a later life.
 *
 * Errors of the node itself are not held back: the harness must find them.
 */

import { detached } from '../protocol/detached.ts';

/** A reply must leave before the client's own timeout. This share of the timeout is kept in reserve. */
const RESERVED_SHARE = 0.1;

/** `late` and `again` must not be passed on. */
export type ReplyVerdict = 'due' | 'late' | 'again';

interface OpenRequest {
  readonly deadlineMs: number;
  /** The life that answered first; 0: none yet. */
  answeredBy: number;
}

export class WaitingClients {
  readonly #patienceMs: number;
  /** Invariant: in the order of their deadlines, since all clients have the same timeout. */
  readonly #open = new Map<string, OpenRequest>();
  /** The highest `msg_id` of each client. A request that is not open and not above it is past its deadline. */
  readonly #highest = new Map<string, number>();

  /** @param timeoutMs how long a client waits */
  constructor(timeoutMs: number) {
    this.#patienceMs = timeoutMs * (1 - RESERVED_SHARE);
  }

  /** How many requests are remembered. */
  get size(): number {
    return this.#open.size;
  }

  /** Notes a request that is delivered to the node. It arrived here at `arrivedMs`. */
  asked(client: string, messageId: number, arrivedMs: number): void {
    for (const [key, { deadlineMs }] of this.#open) {
      if (deadlineMs > arrivedMs) break;
      this.#open.delete(key);
    }
    this.#open.set(`${client} ${messageId}`, { deadlineMs: arrivedMs + this.#patienceMs, answeredBy: 0 });
    this.#highest.set(detached(client), Math.max(messageId, this.#highest.get(client) ?? messageId));
  }

  /** Judges a reply of the node in its `life`, from 1. */
  answered(client: string, messageId: number, life: number, nowMs: number): ReplyVerdict {
    const request = this.#open.get(`${client} ${messageId}`);
    // A reply to a request that never came is not late. It is an error of the node itself.
    if (request === undefined) return messageId <= (this.#highest.get(client) ?? -1) ? 'late' : 'due';
    if (nowMs >= request.deadlineMs) return 'late';
    if (request.answeredBy === 0) request.answeredBy = life;
    return request.answeredBy === life ? 'due' : 'again';
  }
}
