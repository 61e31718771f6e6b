/** How a member falls back to following, from any role. */

import { termRecord } from './records.ts';
import { drawElectionMs } from './timing.ts';
import { persist, type Turn } from './turn.ts';

/**
 * Follows `leader` in `term`; undefined: the leader is not known. A later term is on the disk before a word of it is
 * told.
 */
export function follow(turn: Turn, term: number, leader: string | undefined): void {
  const { state, out } = turn;
  if (term > state.term) {
    state.term = term;
    state.votedFor = undefined;
    state.matched = 0;
    persist(turn, termRecord(state));
  }
  if (state.role === 'leader') {
    out.refusedReads.push(...state.reads.map(({ id }) => id));
    state.reads = [];
    state.progress.clear();
  }
  if (state.role !== 'follower') resetElection(turn);
  state.role = 'follower';
  state.leader = leader;
  state.votes.clear();
}

/** Begins the wait for a leader anew. */
export function resetElection({ state, nowMs, random }: Turn): void {
  state.electionAtMs = nowMs + drawElectionMs(state, random);
}
