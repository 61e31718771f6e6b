/** The decisions on which safety rests, each apart, so that tests can show what breaks without it. */

import { type Entry, firstMissing, lastIndex, lastTerm, type RaftLog, termAt } from './log.ts';
import { type Answer, majority, type RaftState } from './state.ts';

export interface RaftRules {
  /** Whether a log is at least as new as that of this member (Raft 5.4.1). */
  readonly isUpToDate: (log: RaftLog, index: number, term: number) => boolean;
  /** How many members must have an entry on their disks before it is committed. */
  readonly commitQuorum: (state: RaftState) => number;
  /** Whether an entry that enough members have is committed by that: only one of the leader's own term (5.4.2). */
  readonly mayCommit: (state: RaftState, index: number) => boolean;
  /** Up to which entry a read that comes now must see. A new leader knows it by the first entry of its term. */
  readonly readIndex: (state: RaftState) => number;
  /** Whether a leader has to prove by a round of messages that it still leads (Ongaro 2014, 6.4). */
  readonly readsNeedRound: boolean;
  /** From which index on the log is replaced by these entries; undefined: it has them all. */
  readonly replaceAt: (log: RaftLog, from: number, entries: readonly Entry[]) => number | undefined;
  /** Whether an answer is for this incarnation of the member that asked, and not for one whose disk is gone. */
  readonly isForOwn: (state: RaftState, incarnation: number) => boolean;
  /** Whether a member that lost its disk recovers before it votes. */
  readonly mustRecover: boolean;
  /** Whether a member that answered has all that it promised. One that lost its disk, too, has forgotten its term. */
  readonly keepsPromises: (answer: Answer) => boolean;
  /** The term of a member that lost its disk, by those of all others: no leader of an earlier term is believed. */
  readonly termAfterLoss: (terms: readonly number[]) => number;
  /** Whether a member that lost its disk has all that it had. @param last of the leader, since the loss */
  readonly isCaughtUp: (matched: number, last: number) => boolean;
  /** Whether a leader heeds that a member has forgotten what it acknowledged. */
  readonly heedsForgetting: boolean;
}

export const RAFT_RULES: RaftRules = {
  isUpToDate: (log, index, term) => term > lastTerm(log) || (term === lastTerm(log) && index >= lastIndex(log)),
  commitQuorum: majority,
  mayCommit: ({ log, term }, index) => termAt(log, index) === term,
  readIndex: ({ commit, termStart }) => Math.max(commit, termStart),
  readsNeedRound: true,
  replaceAt: firstMissing,
  isForOwn: (state, incarnation) => incarnation === state.incarnation,
  mustRecover: true,
  keepsPromises: ({ votes }) => votes,
  termAfterLoss: (terms) => Math.max(...terms),
  isCaughtUp: (matched, last) => matched >= last,
  heedsForgetting: true,
};
