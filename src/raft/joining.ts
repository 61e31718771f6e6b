/**
 * How a member whose disk is empty finds out whether that is its first start. It makes its incarnation known to the
 * others, each of which keeps the first incarnation that it heard of. `README.md` says why that suffices.
 */

import { askForElection, takeVoteRequest } from './election.ts';
import { takeAppend, takePart } from './following.ts';
import { lastIndex } from './log.ts';
import type { Join, Joined, RaftMessage } from './messages.ts';
import { seenRecord, termRecord } from './records.ts';
import { finishRecovery, raiseStanding } from './recovery.ts';
import { follow, resetElection } from './roles.ts';
import { FORGOTTEN, hasVote, majority, type RaftState } from './state.ts';
import { heartbeatMs } from './timing.ts';
import { persist, sendDurably, sendNow, type Turn } from './turn.ts';

/** A member that is not there is asked more and more rarely, down to once in this time. */
const JOIN_MS_MAX = 1000;

/**
 * Asks those that have not answered. A member that recovers also asks those again that had no vote, and when it knows
 * the terms, its leader, again and again.
 */
export function askToJoin(turn: Turn): void {
  const { state, nowMs, random, rules } = turn;
  const waitMs = Math.min(JOIN_MS_MAX, heartbeatMs(state) * 2 ** state.joinCount);
  state.joinCount++;
  state.joinAtMs = nowMs + waitMs * (1 + random());
  const isOpen = (id: string) => {
    const answer = state.answers.get(id);
    return answer === undefined || (state.standing === 'recovering' && !rules.keepsPromises(answer));
  };
  const asked = state.knowsTerms ? [state.leader] : state.members.filter(isOpen);
  for (const id of asked) if (id !== undefined && id !== state.id) sendNow(turn, id, joinOf(state));
  considerAnswers(turn);
}

function joinOf({ incarnation }: RaftState): Join {
  return { kind: 'join', incarnation };
}

/** Answers when the disk has what was learnt, so that no later answer is another. */
export function takeJoin(turn: Turn, from: string, { incarnation }: Join): void {
  const { state } = turn;
  noteSeen(turn, from, incarnation);
  const known = state.seen.get(from) as number;
  const { incarnation: own, term, log } = state;
  const votes = hasVote(state);
  sendDurably(turn, from, { kind: 'joined', incarnation, known, own, votes, term, last: lastIndex(log) });
  // It was not there when it was asked.
  const isAsking = state.joinAtMs < Number.POSITIVE_INFINITY;
  if (isAsking && !state.knowsTerms && !state.answers.has(from)) sendDurably(turn, from, joinOf(state));
}

export function takeJoined(turn: Turn, from: string, message: Joined): void {
  const { state, rules } = turn;
  const { incarnation, own, known, votes, term, last } = message;
  if (state.standing === 'known' || !rules.isForOwn(state, incarnation)) return;
  noteSeen(turn, from, own);
  // What it answered when it had a vote stays true, although its disk may be lost since.
  if (votes || !state.answers.get(from)?.votes) state.answers.set(from, { known, votes, term, last });
  considerAnswers(turn);
  finishRecovery(turn);
}

/** Also of members that answer: what was known of them may have been on the lost disk. */
function noteSeen(turn: Turn, id: string, incarnation: number): void {
  const { state } = turn;
  if (state.seen.has(id)) return;
  state.seen.set(id, incarnation);
  persist(turn, seenRecord(id, incarnation));
}

function considerAnswers(turn: Turn): void {
  const { state, rules } = turn;
  const { answers, incarnation, members } = state;
  const isOther = [...answers.values()].some(({ known }) => known !== incarnation);
  if (state.standing === 'new' && isOther && rules.mustRecover) state.standing = 'recovering';
  if (state.standing === 'recovering') learnTerms(turn);
  if (state.standing === 'new' && answers.size >= majority(state) - 1) begin(turn);
  if (state.standing === 'voter' && isOther && rules.mustRecover) {
    // It is too late to recover from what was not noticed. Loudly out is better than two histories that both look well.
    state.standing = 'disputed';
    follow(turn, state.term, undefined);
  }
  // Any majority that a later incarnation asks has one of these in it.
  const needed = Math.min(members.length - majority(state) + 1, members.length - 1);
  if (state.standing !== 'voter' || answers.size < needed) return;
  raiseStanding(turn, 'known');
  state.joinAtMs = Number.POSITIVE_INFINITY;
  answers.clear();
}

/** From the first start on a member votes. Where nothing ever happened, the first one asks for votes at once. */
function begin(turn: Turn): void {
  const { state } = turn;
  raiseStanding(turn, 'voter');
  if (state.term === 0 && state.members[0] === state.id) askForElection(turn);
  else resetElection(turn);
  for (const [from, request] of state.keptRequests) takeVoteRequest(turn, from, request);
  state.keptRequests.clear();
}

/**
 * One of the others has the term of each candidate that this member may have voted for: that candidate. In the highest
 * of their terms it votes no more.
 */
function learnTerms(turn: Turn): void {
  const { state, rules } = turn;
  const answers = [...state.answers.values()].filter(rules.keepsPromises);
  if (state.knowsTerms || answers.length < state.members.length - 1) return;
  state.knowsTerms = true;
  state.keptRequests.clear();
  const term = rules.termAfterLoss(answers.map((answer) => answer.term));
  if (term < state.term) return;
  state.term = term;
  state.votedFor = FORGOTTEN;
  persist(turn, termRecord(state));
}

/** What a member does without a vote: it keeps requests for it, or, while it recovers, takes what leaders send. */
export function takeWithoutVote(turn: Turn, from: string, message: RaftMessage): void {
  const { state } = turn;
  if (state.standing === 'new' && message.kind === 'vote') state.keptRequests.set(from, message);
  if (!state.knowsTerms) return;
  if (message.kind === 'append') takeAppend(turn, from, message);
  else if (message.kind === 'part') takePart(turn, from, message);
}
