/**
 * How much a node of kafka does at once, and how much it remembers. A real node has the defaults; a simulated one may
 * have less, so that a short run reaches a limit.
 */

export interface KafkaLimits {
  /** A segment with so many messages is closed. */
  readonly segment: number;
  /** Messages in one compare-and-set, and in one request to the owner of a log. */
  readonly group: number;
  /** Messages of the end of a log that are kept in memory. */
  readonly window: number;
  /** Logs of which anything is kept in memory. */
  readonly logs: number;
  /** Closed segments that were read for polls far from the end, and are kept in memory. */
  readonly closed: number;
  /** Messages of one key in a reply to `poll`. */
  readonly page: number;
  /** Characters of the keys in a document of committed offsets, beyond which it is split. */
  readonly committed: number;
  /** Messages that the owner of a log returns beside the offsets, so that the other node need not read them. */
  readonly returned: number;
}

export const KAFKA_LIMITS: KafkaLimits = {
  segment: 128,
  group: 64,
  window: 1024,
  logs: 20_000,
  closed: 256,
  page: 64,
  committed: 65_536,
  returned: 128,
};

/** Characters of messages: a segment with so many is closed, and a group or a reply with so many is full. */
export const SEGMENT_LENGTH_MAX = 16_384;
export const REPLY_LENGTH_MAX = 262_144;
