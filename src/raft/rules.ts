/** The decisions on which safety rests, each apart, so that tests can show what breaks without it. */

import { type Entry, firstMissing, lastIndex, lastTerm, type RaftLog, termAt } from './log.ts';
import { majority, type RaftState } from './state.ts';

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
}

export const RAFT_RULES: RaftRules = {
  isUpToDate: (log, index, term) => term > lastTerm(log) || (term === lastTerm(log) && index >= lastIndex(log)),
  commitQuorum: majority,
  mayCommit: ({ log, term }, index) => termAt(log, index) === term,
  readIndex: ({ commit, termStart }) => Math.max(commit, termStart),
  readsNeedRound: true,
  replaceAt: firstMissing,
};
