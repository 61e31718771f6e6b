/** Requests without a reply, by peer and `msg_id`. A duplicated request counts twice, and may be answered twice. */

/** The requests of one peer. Most peers have one open request at a time, which needs no map. */
interface OpenRequests {
  /** A request that is open `count` times; none if `count` is 0. */
  messageId: number;
  count: number;
  /** Other requests with their counts. Invariant: no count is 0, and `messageId` is not among them. */
  others: Map<number, number> | undefined;
}

export class Unanswered {
  readonly #open = new Map<string, OpenRequests>();

  add(peer: string, messageId: number): void {
    const open = this.#open.get(peer);
    if (open === undefined) this.#open.set(peer, { messageId, count: 1, others: undefined });
    else if (open.messageId === messageId) open.count++;
    else if (open.count === 0 && open.others === undefined) {
      open.messageId = messageId;
      open.count = 1;
    } else {
      open.others ??= new Map();
      open.others.set(messageId, (open.others.get(messageId) ?? 0) + 1);
    }
  }

  has(peer: string, messageId: number): boolean {
    const open = this.#open.get(peer);
    if (open === undefined) return false;
    return open.messageId === messageId ? open.count > 0 : (open.others?.has(messageId) ?? false);
  }

  /** Removes one request; false if it is not there. */
  take(peer: string, messageId: number): boolean {
    const open = this.#open.get(peer);
    if (open === undefined) return false;
    if (open.messageId === messageId) return open.count > 0 && open.count-- > 0;
    const count = open.others?.get(messageId);
    if (open.others === undefined || count === undefined) return false;
    if (count > 1) open.others.set(messageId, count - 1);
    else open.others.delete(messageId);
    if (open.others.size === 0) open.others = undefined;
    return true;
  }

  clear(): void {
    this.#open.clear();
  }

  /** Moves everything to another instance. */
  moveTo(other: Unanswered): void {
    for (const [peer, { messageId, count, others = [] }] of this.#open) {
      for (const [id, times] of [[messageId, count] as const, ...others])
        for (let time = 0; time < times; time++) other.add(peer, id);
    }
    this.clear();
  }
}
