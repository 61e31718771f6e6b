/**
 * Elections, with a question before each whether it could be won (pre-vote: Ongaro 2014, 9.6). So a member that was cut
 * off comes back without raising the term, and one that hears its leader helps no other.
 */

import { lead } from './leading.ts';
import { lastIndex, lastTerm } from './log.ts';
import type { VoteReply, VoteRequest } from './messages.ts';
import { termRecord } from './records.ts';
import { follow, resetElection } from './roles.ts';
import { majority } from './state.ts';
import { electionMs, heartbeatMs, withSample } from './timing.ts';
import { persist, sendDurably, sendNow, type Turn } from './turn.ts';

/** Asks, or asks those again that have not answered, whether they would vote for this member. */
export function askForElection(turn: Turn): void {
  const { state, nowMs, random } = turn;
  if (state.role !== 'pre-candidate') state.votes.clear();
  state.role = 'pre-candidate';
  state.leader = undefined;
  state.votes.add(state.id);
  // Sooner than an election, because a question costs nothing.
  state.electionAtMs = nowMs + heartbeatMs(state) * (1 + random());
  for (const id of state.members) if (!state.votes.has(id)) sendNow(turn, id, voteRequest(turn, true));
  if (state.votes.size >= majority(state)) beginElection(turn);
}

function beginElection(turn: Turn): void {
  const { state } = turn;
  state.role = 'candidate';
  state.votes.clear();
  state.term++;
  state.votedFor = state.id;
  persist(turn, termRecord(state));
  resetElection(turn);
  for (const id of state.members) if (id !== state.id) sendDurably(turn, id, voteRequest(turn, false));
  const { term, incarnation } = state;
  sendDurably(turn, state.id, { kind: 'voted', pre: false, term, granted: true, incarnation, sentMs: turn.nowMs });
}

function voteRequest({ state, nowMs }: Turn, pre: boolean): VoteRequest {
  const term = pre ? state.term + 1 : state.term;
  const { incarnation, log } = state;
  return {
    kind: 'vote',
    pre,
    term,
    lastIndex: lastIndex(log),
    lastTerm: lastTerm(log),
    incarnation,
    sentMs: nowMs,
  };
}

export function takeVoteRequest(turn: Turn, from: string, message: VoteRequest): void {
  const { state, rules } = turn;
  const { pre, term, incarnation, sentMs } = message;
  const hasLeader = hearsLeader(turn);
  const isNewEnough = rules.isUpToDate(state.log, message.lastIndex, message.lastTerm);
  if (pre) {
    const granted = term > state.term && isNewEnough && !hasLeader;
    sendNow(turn, from, { kind: 'voted', pre, term: granted ? term : state.term, granted, incarnation, sentMs });
    return;
  }
  // A member that hears its leader is not drawn into another term.
  if (term > state.term && hasLeader) return;
  if (term > state.term) follow(turn, term, undefined);
  const isFree = state.votedFor === undefined || state.votedFor === from;
  const granted = term === state.term && isFree && isNewEnough;
  if (granted && state.votedFor === undefined) {
    follow(turn, term, state.leader);
    state.votedFor = from;
    persist(turn, termRecord(state));
    resetElection(turn);
  }
  sendDurably(turn, from, { kind: 'voted', pre, term: state.term, granted, incarnation, sentMs });
}

function hearsLeader({ state, nowMs }: Turn): boolean {
  return state.role === 'leader' || (state.leader !== undefined && nowMs - state.heardMs < electionMs(state));
}

export function takeVoteReply(turn: Turn, from: string, message: VoteReply): void {
  const { state, nowMs, rules } = turn;
  const { pre, term, granted, incarnation, sentMs } = message;
  if (!granted) {
    if (term > state.term) follow(turn, term, undefined);
    return;
  }
  // Given to a candidate with another log, before this member lost its disk.
  if (!rules.isForOwn(state, incarnation)) return;
  if (pre) {
    if (state.role !== 'pre-candidate' || term !== state.term + 1) return;
    state.votes.add(from);
    if (state.votes.size < majority(state)) return;
    // Nothing else tells a new member how far away the others are.
    // A late answer to an earlier life has a time of its clock, which may be ahead.
    if (state.rttMs === 0 && sentMs <= nowMs) state.rttMs = Math.ceil(withSample(undefined, nowMs - sentMs));
    beginElection(turn);
    return;
  }
  if (state.role !== 'candidate' || term !== state.term) return;
  state.votes.add(from);
  if (state.votes.size >= majority(state)) lead(turn);
}
