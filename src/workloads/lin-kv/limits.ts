/** What a node of lin-kv does and keeps at once, by the names of `--limits`. */

export interface LinKvLimits {
  /** Requests of clients that are not answered yet. One more is refused. */
  readonly pending: number;
  /** Characters of the commands in one message between nodes. */
  readonly batch: number;
  /** Characters in one part of a snapshot. */
  readonly part: number;
  /** Characters of the log's records, at least, before a snapshot takes their place. */
  readonly log: number;
  /** Entries that stay in the log although a snapshot covers them. */
  readonly kept: number;
}

export const LIN_KV_LIMITS: LinKvLimits = {
  // Fewer than a node takes in flight: the messages between nodes must always get in.
  pending: 4096,
  batch: 256 * 1024,
  part: 256 * 1024,
  log: 4 * 1024 * 1024,
  kept: 1024,
};
