/**
 * Requests without an answer, by who is on the other side and their `msg_id`. A duplicated request is there twice, and may be answered twice.
 */

export class Unanswered {
  /** Invariant: no count is 0. Nobody is there without a request for long: a peer that has none open keeps an empty map only. */
  readonly #counts = new Map<string, Map<number, number>>();

  add(peer: string, messageId: number): void {
    let counts = this.#counts.get(peer);
    if (counts === undefined) {
      counts = new Map();
      this.#counts.set(peer, counts);
    }
    counts.set(messageId, (counts.get(messageId) ?? 0) + 1);
  }

  has(peer: string, messageId: number): boolean {
    return this.#counts.get(peer)?.has(messageId) ?? false;
  }

  /** Strikes one off; false if it is not there. */
  take(peer: string, messageId: number): boolean {
    const counts = this.#counts.get(peer);
    const count = counts?.get(messageId);
    if (counts === undefined || count === undefined) return false;
    if (count > 1) counts.set(messageId, count - 1);
    else counts.delete(messageId);
    return true;
  }

  clear(): void {
    this.#counts.clear();
  }

  /** Gives everything to another one. */
  moveTo(other: Unanswered): void {
    for (const [peer, counts] of this.#counts) {
      for (const [messageId, count] of counts) for (let times = 0; times < count; times++) other.add(peer, messageId);
    }
    this.clear();
  }
}
