/**
 * All that one member of a group knows. It is plain data: a copy of it goes on exactly as the original. `step.ts` alone
 * changes it.
 */

import type { RaftLog } from './log.ts';
import type { Joined, RaftMessage, VoteRequest } from './messages.ts';

/**
 * Whether a member may vote. `new`: its disk was empty, and it does not know yet whether that is its first start.
 * `recovering`: it lost its disk, and does not vote. `voter`: it votes. `known`: so many others know its incarnation
 * that the loss of its disk will be noticed, too. `disputed`: it voted as on its first start, and another member
 * knew an earlier disk of its, so what was acknowledged may be lost; it takes no further part.
 */
export type Standing = 'new' | 'recovering' | 'voter' | 'known' | 'disputed';

export type Role = 'follower' | 'pre-candidate' | 'candidate' | 'leader';

export interface RaftLimits {
  /** Characters of the commands in one append. */
  readonly batchLengthMax: number;
  /** Characters of one part of a snapshot. */
  readonly partLengthMax: number;
  /** Entries that stay in the log although a snapshot covers them, for members that are a little behind. */
  readonly entriesKept: number;
}

export const RAFT_LIMITS: RaftLimits = { batchLengthMax: 256 * 1024, partLengthMax: 256 * 1024, entriesKept: 1024 };

/** The state machine after the entry at `index`. */
export interface Snapshot {
  readonly index: number;
  readonly term: number;
  readonly data: string;
}

/** What a leader knows of one member, itself included. */
export interface Progress {
  /** Up to this index the member has the leader's log on its disk. */
  match: number;
  /** The last round whose answer said so, and the last that showed that it has forgotten what it had. */
  matchRound: number;
  forgottenRound: number;
  /** The first entry to send. */
  next: number;
  /** When the append or part that is under way was sent, and sent again. Empty: all is answered. */
  inFlight: { readonly round: number; readonly sentMs: number }[];
  /** A snapshot under way, and how much of it has arrived. */
  snapshot: { readonly snapshot: Snapshot; offset: number } | undefined;
  /** The last round that was sent, and the last that was answered. */
  sentRound: number;
  answeredRound: number;
  /** When it was last heard. */
  heardMs: number;
  heartbeatAtMs: number;
  /** The smoothed round trip; undefined: none was measured. */
  rttMs: number | undefined;
}

/** A message that rests on records up to `seq`, and waits for them. To oneself: an own vote, or own entries. */
export interface HeldMessage {
  readonly seq: number;
  readonly to: string;
  readonly message: RaftMessage;
}

/** A read that waits for proof that this leader led after it came. */
export interface PendingRead {
  readonly id: number;
  /** It may be answered when this entry is applied. */
  readonly index: number;
  /** And a majority has answered this round, or a later one. */
  readonly round: number;
}

export interface RaftState {
  readonly id: string;
  /** All members, this one included. */
  readonly members: readonly string[];
  readonly limits: RaftLimits;

  // On the disk.
  /** Which of its disks a member has: a random number, the first that is written to an empty disk. */
  incarnation: number;
  standing: Standing;
  /** The first incarnation of each other member that was heard of. */
  seen: Map<string, number>;
  term: number;
  /** Undefined: it may vote in this term. {@link FORGOTTEN}: it may have voted, and must not vote again. */
  votedFor: string | undefined;
  log: RaftLog;
  snapshot: Snapshot | undefined;

  commit: number;
  applied: number;
  role: Role;
  leader: string | undefined;
  /** Who gave a vote, or would. */
  votes: Set<string>;
  /** When an election begins, or the next try of one; of a leader without meaning. */
  electionAtMs: number;
  /** When a leader was last heard. */
  heardMs: number;
  rttMs: number;

  /** The number of the last record, and of the last that is on the disk. */
  seq: number;
  durableSeq: number;
  held: HeldMessage[];

  // Of a leader.
  progress: Map<string, Progress>;
  round: number;
  /** The index of the entry that began this term. */
  termStart: number;
  reads: PendingRead[];

  // Of a member whose incarnation is not known to enough others, or which recovers.
  answers: Map<string, Answer>;
  /** When it asks again, and how often it has asked. */
  joinAtMs: number;
  joinCount: number;
  /** Requests for its vote that came before it was sure that it has one. */
  keptRequests: Map<string, VoteRequest>;
  /** Whether it has learnt the terms of all others since it lost its disk. */
  knowsTerms: boolean;
  /** Up to this index it has the log of the leader of this term. */
  matched: number;
  /** The number of the record that says its standing. */
  standingSeq: number;

  /** A snapshot that arrives in parts. */
  incoming: { readonly index: number; readonly term: number; text: string } | undefined;
}

export type Answer = Pick<Joined, 'known' | 'votes' | 'term' | 'last'>;

/** In the place of the member that was voted for. No member has this name. */
export const FORGOTTEN = '';

/** What earlier lives left on the disk. */
export interface Persisted {
  readonly incarnation: number;
  readonly standing: Standing;
  readonly seen: ReadonlyMap<string, number>;
  readonly term: number;
  readonly votedFor: string | undefined;
  readonly snapshot: Snapshot | undefined;
  readonly log: RaftLog;
}

export const EMPTY: Persisted = {
  incarnation: 0,
  standing: 'new',
  seen: new Map(),
  term: 0,
  votedFor: undefined,
  snapshot: undefined,
  log: { baseIndex: 0, baseTerm: 0, entries: [] },
};

/** More than half. */
export function majority({ members }: Pick<RaftState, 'members'>): number {
  return Math.floor(members.length / 2) + 1;
}

/** Whether a member may vote and lead. */
export function hasVote({ standing }: Pick<RaftState, 'standing'>): boolean {
  return standing === 'voter' || standing === 'known';
}

/** A member at the start of a life. @param electionAtMs when it asks for votes if it hears of no leader */
export function createState(
  id: string,
  members: readonly string[],
  { incarnation, standing, seen, term, votedFor, snapshot, log }: Persisted,
  electionAtMs: number,
  limits: RaftLimits = RAFT_LIMITS,
): RaftState {
  const applied = snapshot?.index ?? 0;
  return {
    id,
    members,
    limits,
    incarnation,
    standing,
    seen: new Map(seen),
    term,
    votedFor,
    log: { ...log, entries: [...log.entries] },
    snapshot,
    commit: applied,
    applied,
    role: 'follower',
    leader: undefined,
    votes: new Set(),
    electionAtMs,
    heardMs: Number.NEGATIVE_INFINITY,
    rttMs: 0,
    seq: 0,
    durableSeq: 0,
    held: [],
    progress: new Map(),
    round: 0,
    termStart: 0,
    reads: [],
    answers: new Map(),
    joinAtMs: standing === 'known' ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY,
    joinCount: 0,
    keptRequests: new Map(),
    knowsTerms: false,
    matched: 0,
    standingSeq: 0,
    incoming: undefined,
  };
}
