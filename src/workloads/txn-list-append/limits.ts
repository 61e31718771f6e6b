/**
 * How much a node of txn-list-append does and keeps at once. A real node has the defaults; a simulated one may have
 * less, so that a short run reaches a limit. All nodes on a store may have different ones.
 */

export interface ListAppendLimits {
  /** Transactions in one compare-and-set. */
  readonly group: number;
  /** How long a busy node lets transactions wait for others to join them, ms. */
  readonly gather: number;
  /** Characters of appended elements in the root, from which on they are moved into the tree. */
  readonly recent: number;
  /** Keys in a leaf of the tree. */
  readonly leaf: number;
  /** Elements of a key in a leaf; more are put into a part of their own. */
  readonly tail: number;
  /** Lives in the root whose last group is remembered there. */
  readonly writers: number;
  /** Nodes of the tree, and parts of lists, in memory. */
  readonly cache: number;
}

export const LIST_APPEND_LIMITS: ListAppendLimits = {
  group: 512,
  gather: 5,
  recent: 4096,
  leaf: 12,
  tail: 64,
  writers: 48,
  cache: 16_384,
};
