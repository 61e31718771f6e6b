/** What members send each other. Each message is complete: it may be lost, repeated or late. */

import type { Entry } from './log.ts';

export type RaftMessage = Join | Joined | VoteRequest | VoteReply | Append | Appended | SnapshotPart | PartReceived;

/** Makes an incarnation known, and asks whether another one of the sender was known before. */
export interface Join {
  readonly kind: 'join';
  readonly incarnation: number;
}

export interface Joined {
  readonly kind: 'joined';
  /** The incarnation that asked. */
  readonly incarnation: number;
  /** The first incarnation of the one that asked, as far as the sender knows: from now on it knows one. */
  readonly known: number;
  /** That of the sender. */
  readonly own: number;
  /** Whether the sender has a vote. Without one it may have lost its disk, too, and with it its term. */
  readonly votes: boolean;
  /** The term of the sender, and the last index of its log. */
  readonly term: number;
  readonly last: number;
}

export interface VoteRequest {
  readonly kind: 'vote';
  /** A question whether the vote would be given. It promises nothing and raises no term. */
  readonly pre: boolean;
  /** The term of the election. A question has the term that would come next. */
  readonly term: number;
  readonly lastIndex: number;
  readonly lastTerm: number;
  /** The sender's incarnation and time, which come back in the reply. */
  readonly incarnation: number;
  readonly sentMs: number;
}

export interface VoteReply {
  readonly kind: 'voted';
  readonly pre: boolean;
  /** Of a granted question: the term asked about. Else the term of the sender. */
  readonly term: number;
  readonly granted: boolean;
  readonly incarnation: number;
  readonly sentMs: number;
}

export interface Append {
  readonly kind: 'append';
  readonly term: number;
  /** The place before the first entry. */
  readonly prevIndex: number;
  readonly prevTerm: number;
  /** None: a heartbeat. */
  readonly entries: readonly Entry[];
  readonly commit: number;
  /** Rises with every message of a leader. A reply with it shows that the leader still led when the message left. */
  readonly round: number;
  /** The round trip to a majority as the leader sees it, ms. */
  readonly rttMs: number;
}

export interface Appended {
  readonly kind: 'appended';
  readonly term: number;
  readonly round: number;
  /**
   * Up to where the logs agree, on the sender's disk. Undefined: it lacks the entry at `prevIndex`, or the append was
   * of an old term.
   */
  readonly match?: number;
  /** Without a match: the last index at which the logs may agree, and the sender's term there. */
  readonly hintIndex?: number;
  readonly hintTerm?: number;
}

/** A piece of a snapshot, for a member that lacks entries which the leader has dropped. */
export interface SnapshotPart {
  readonly kind: 'part';
  readonly term: number;
  readonly index: number;
  readonly indexTerm: number;
  /** In characters. */
  readonly offset: number;
  readonly data: string;
  readonly done: boolean;
  readonly round: number;
  readonly rttMs: number;
}

export interface PartReceived {
  readonly kind: 'received';
  readonly term: number;
  readonly round: number;
  readonly index: number;
  /** Where the next part begins. */
  readonly offset: number;
}
