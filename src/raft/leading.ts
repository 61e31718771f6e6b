/** How a leader replicates, commits and serves reads. */

import { lastIndex, lastPossibleMatch, replaceFrom } from './log.ts';
import type { Appended, PartReceived } from './messages.ts';
import { logRecord } from './records.ts';
import { follow } from './roles.ts';
import { sendAgainIfLost, sendIfNeeded, sendToIdle } from './sending.ts';
import { majority, type Progress } from './state.ts';
import { electionMs, withSample } from './timing.ts';
import { applyCommitted, persist, sendDurably, type Turn } from './turn.ts';

/** Silence of so many election times from a majority ends a leader: the others may have another by then. */
const SILENT_ELECTIONS = 2;

/** Begins to lead with an entry of its own term, which commits all before it. */
export function lead(turn: Turn): void {
  const { state, nowMs } = turn;
  state.role = 'leader';
  state.leader = state.id;
  state.votes.clear();
  const next = lastIndex(state.log) + 1;
  state.progress = new Map(state.members.map((id) => [id, createProgress(next, nowMs)]));
  state.termStart = next;
  append(turn, ['']);
}

function createProgress(next: number, nowMs: number): Progress {
  return {
    match: 0,
    matchRound: 0,
    forgottenRound: 0,
    next,
    inFlight: [],
    snapshot: undefined,
    sentRound: 0,
    answeredRound: 0,
    heardMs: nowMs,
    heartbeatAtMs: nowMs,
    rttMs: undefined,
  };
}

/** Adds commands to the log. They go to the others and to the own disk side by side (Ongaro 2014, 10.2.1). */
export function append(turn: Turn, commands: readonly string[]): void {
  const { state } = turn;
  const { term } = state;
  const from = lastIndex(state.log) + 1;
  const entries = commands.map((command) => ({ term, command }));
  replaceFrom(state.log, from, entries);
  persist(turn, logRecord(from, entries));
  sendDurably(turn, state.id, { kind: 'appended', term, round: 0, match: lastIndex(state.log) });
  sendToIdle(turn);
}

export function takeAppended(turn: Turn, from: string, message: Appended): void {
  const progress = progressOf(turn, from, message);
  if (progress === undefined) return;
  const { state } = turn;
  const { match, hintIndex, hintTerm, round } = message;
  const answersLast = settle(turn, progress, round);
  if (match !== undefined) noteMatch(progress, round, match);
  else if (hasForgotten(turn, progress, message)) {
    Object.assign(progress, { match: 0, forgottenRound: round, next: 1, inFlight: [], snapshot: undefined });
  } else if (answersLast && hintIndex !== undefined && hintTerm !== undefined) {
    // An older refusal says nothing of what was sent since.
    const possible = lastPossibleMatch(state.log, hintIndex, hintTerm);
    progress.next = Math.max(progress.match, Math.min(possible, progress.next - 2)) + 1;
  }
  advanceCommit(turn);
  answerReads(turn);
  sendAgainIfLost(turn, from, progress, round);
  sendIfNeeded(turn, from, progress);
}

export function takeReceived(turn: Turn, from: string, message: PartReceived): void {
  const progress = progressOf(turn, from, message);
  if (progress === undefined) return;
  settle(turn, progress, message.round);
  const { snapshot } = progress;
  if (snapshot !== undefined && snapshot.snapshot.index === message.index) snapshot.offset = message.offset;
  answerReads(turn);
  sendIfNeeded(turn, from, progress);
}

function noteMatch(progress: Progress, round: number, match: number): void {
  // From before the member lost its disk.
  if (round < progress.forgottenRound) return;
  progress.matchRound = Math.max(progress.matchRound, round);
  progress.match = Math.max(progress.match, match);
  progress.next = Math.max(progress.next, match + 1);
  if (progress.snapshot !== undefined && progress.match >= progress.snapshot.snapshot.index)
    progress.snapshot = undefined;
}

/**
 * Whether a member lacks what it acknowledged earlier in this term: it lost its disk. Rounds say what was earlier. A
 * late append can look the same, and then some entries are sent once more.
 */
function hasForgotten({ rules }: Turn, progress: Progress, { round, hintIndex }: Appended): boolean {
  if (hintIndex === undefined || !rules.heedsForgetting) return false;
  return round > progress.matchRound && hintIndex < progress.match;
}

/** The member that answered; undefined if the answer is not for the term of this leader. */
function progressOf(turn: Turn, from: string, { term }: Appended | PartReceived): Progress | undefined {
  const { state, nowMs } = turn;
  if (term > state.term) follow(turn, term, undefined);
  if (term !== state.term || state.role !== 'leader') return undefined;
  const progress = state.progress.get(from);
  if (progress !== undefined) progress.heardMs = nowMs;
  return progress;
}

/** Notes an answered round. True if it is one of the message with content that was under way. */
function settle({ nowMs }: Turn, progress: Progress, round: number): boolean {
  progress.answeredRound = Math.max(progress.answeredRound, round);
  const sent = progress.inFlight.find((send) => send.round === round);
  if (sent === undefined) return false;
  progress.rttMs = withSample(progress.rttMs, nowMs - sent.sentMs);
  progress.inFlight = [];
  return true;
}

/** Commits what enough members have on their disks. */
function advanceCommit(turn: Turn): void {
  const { state, rules } = turn;
  const matches = [...state.progress.values()].map(({ match }) => match).sort((one, other) => other - one);
  const index = matches[rules.commitQuorum(state) - 1] as number;
  if (index <= state.commit || !rules.mayCommit(state, index)) return;
  state.commit = index;
  applyCommitted(turn);
}

/** ReadIndex (Ongaro 2014, 6.4): a read needs no entry, only proof that no later leader was there when it came. */
export function read(turn: Turn, id: number): void {
  const { state, rules } = turn;
  const round = rules.readsNeedRound ? state.round + 1 : 0;
  state.reads.push({ id, index: rules.readIndex(state), round });
  sendToIdle(turn);
  answerReads(turn);
}

export function answerReads({ state, out }: Turn): void {
  if (state.reads.length === 0) return;
  const round = majorityRound(state);
  const isReady = ({ index, round: needed }: { index: number; round: number }) =>
    round >= needed && state.applied >= index;
  let count = 0;
  while (count < state.reads.length && isReady(state.reads[count] as { index: number; round: number })) count++;
  for (const { id } of state.reads.splice(0, count)) out.reads.push(id);
}

/** The last round that a majority has answered. */
function majorityRound(state: Turn['state']): number {
  const rounds = [...state.progress].map(([id, { answeredRound }]) =>
    id === state.id ? Number.POSITIVE_INFINITY : answeredRound,
  );
  return rounds.sort((one, other) => other - one)[majority(state) - 1] as number;
}

/** Steps down if a majority has been silent for long (check-quorum: Ongaro 2014, 6.2). */
export function checkQuorum(turn: Turn): void {
  const { state, nowMs } = turn;
  const sinceMs = nowMs - SILENT_ELECTIONS * electionMs(state);
  let heard = 0;
  for (const [id, { heardMs }] of state.progress) if (id === state.id || heardMs >= sinceMs) heard++;
  if (heard < majority(state)) follow(turn, state.term, undefined);
}
