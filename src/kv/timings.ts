/**
 * All timers that depend on the store follow from one figure: its patience, how long the store may be away without
 * anybody noticing. A store that elects a leader in 3 s has a patience of more than that. With the default, what a
 * client waits for (5 s in a test) is longer than `answerMs`; with another patience its clients must wait accordingly.
 */

/** Maelstrom's lin-kv is never away for so long but by a fault, ms. */
export const STORE_PATIENCE_MS = 1000;
/** What an operator may set, ms. Below it every busy moment seems an outage; above it clients have long left. */
export const STORE_PATIENCE_MS_MIN = 50;
export const STORE_PATIENCE_MS_MAX = 60_000;

/** Of a member, ms: with a shorter patience it would be taken for dead between two ticks. */
const LEASE_MS_MIN = 6000;

export interface StoreTimings {
  /** How long one request to the store waits for its reply. */
  readonly requestMs: number;
  /** How long one update of a document keeps trying. With the last reply it waits for, less than `clientMs`. */
  readonly updateMs: number;
  /** The same for an index. A request must still have time to be told that it was not begun. */
  readonly indexMs: number;
  /** How long a step of a saga, a search for rights, or the closing of an account goes on. */
  readonly stepMs: number;
  /** How long a request waits for its turn: a redemption for its pivot, an assignment for its page. */
  readonly turnMs: number;
  /** How long a request waits for the end of its saga. */
  readonly answerMs: number;
  /** The least that a client should wait for an answer. */
  readonly clientMs: number;
  /** A request for a saga that another node drives takes it over when it has not moved for so long. */
  readonly stillMs: number;
  /**
   * Work that no request asks for is taken over when it has not moved for so long. Longer than the patience, because
   * nothing moves while the store is away. The actual time is drawn, from this to one and a half of it.
   */
  readonly takeOverMs: number;
  /** A redemption that has been in a shard for so long counts as abandoned. To finish it twice is harmless. */
  readonly staleMs: number;
  /** A finished saga that is in the index of another node for so long is removed for that node. */
  readonly forgottenMs: number;
  /** A member that gave no sign of life for so long may be removed. */
  readonly leaseMs: number;
}

/** @param patienceMs see above; in ms */
export function storeTimings(patienceMs: number = STORE_PATIENCE_MS): StoreTimings {
  return {
    requestMs: patienceMs,
    updateMs: 3.5 * patienceMs,
    indexMs: 2.5 * patienceMs,
    stepMs: 3 * patienceMs,
    turnMs: 3.5 * patienceMs,
    answerMs: 4 * patienceMs,
    clientMs: 5 * patienceMs,
    stillMs: patienceMs,
    takeOverMs: 1.2 * patienceMs,
    staleMs: patienceMs,
    forgottenMs: 2.5 * patienceMs,
    leaseMs: Math.max(6 * patienceMs, LEASE_MS_MIN),
  };
}
