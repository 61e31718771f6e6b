/**
 * What a leader sends. To each member one message with content is under way at a time. What comes meanwhile goes with
 * the next, so there are fewer messages the more there is to do. Content without an answer is sent once more. Then the
 * member is taken for silent, and gets only heartbeats, until an answer to one shows that it is there again.
 */

import { entriesFrom, termAt } from './log.ts';
import type { Progress } from './state.ts';
import { heartbeatMs, majorityRttMs, resendMs } from './timing.ts';
import { sendNow, type Turn } from './turn.ts';

/** Answers to older sends are not recognised. */
const SENDS_KNOWN_MAX = 32;
/** So often content is sent to a member that gives no sign. */
const SENDS_TO_SILENT = 2;

/** Sends what is new to every member that has answered. */
export function sendToIdle(turn: Turn): void {
  for (const [id, progress] of turn.state.progress) sendIfNeeded(turn, id, progress);
}

/** Sends if there is something new: entries, or a read that waits for a round. */
export function sendIfNeeded(turn: Turn, id: string, progress: Progress): void {
  const { state } = turn;
  if (id === state.id || progress.inFlight.length > 0) return;
  const hasEntries = progress.next <= state.log.baseIndex + state.log.entries.length;
  const hasReads = (state.reads.at(-1)?.round ?? 0) > progress.sentRound;
  if (hasEntries || hasReads) sendContent(turn, id, progress);
}

/** Sends every member for which it is time a heartbeat, or once more what was not answered. */
export function sendWhenDue(turn: Turn): void {
  const { state, nowMs } = turn;
  for (const [id, progress] of state.progress) {
    if (id === state.id || nowMs < progress.heartbeatAtMs) continue;
    const { inFlight } = progress;
    const isIdle = inFlight.length === 0;
    if (isIdle || (inFlight.length < SENDS_TO_SILENT && isOverdue(turn, progress))) sendContent(turn, id, progress);
    else sendHeartbeat(turn, id, progress);
  }
}

/** Sends content again to a member that has answered what left later. */
export function sendAgainIfLost(turn: Turn, id: string, progress: Progress, answeredRound: number): void {
  const lastSent = progress.inFlight.at(-1);
  if (lastSent !== undefined && answeredRound > lastSent.round && isOverdue(turn, progress))
    sendContent(turn, id, progress);
}

function isOverdue({ state, nowMs }: Turn, { inFlight }: Progress): boolean {
  return nowMs - (inFlight.at(-1)?.sentMs ?? nowMs) >= resendMs(state);
}

function sendContent(turn: Turn, id: string, progress: Progress): void {
  const { state, nowMs } = turn;
  if (progress.snapshot !== undefined || progress.next <= state.log.baseIndex) sendPart(turn, id, progress);
  else sendEntries(turn, id, progress, progress.next - 1, state.limits.batchLengthMax);
  progress.inFlight.push({ round: state.round, sentMs: nowMs });
  if (progress.inFlight.length > SENDS_KNOWN_MAX) progress.inFlight.shift();
}

/** Shows that the leader is there, in front of what is under way. */
function sendHeartbeat(turn: Turn, id: string, progress: Progress): void {
  const { state } = turn;
  // What all logs agree on: the beginning, if the log does not reach back to what the member has.
  const prevIndex = progress.match < state.log.baseIndex ? 0 : progress.match;
  sendEntries(turn, id, progress, prevIndex, undefined);
}

/** @param lengthMax undefined: no entries */
function sendEntries(turn: Turn, id: string, progress: Progress, prevIndex: number, lengthMax?: number): void {
  const { state } = turn;
  sendNow(turn, id, {
    kind: 'append',
    term: state.term,
    prevIndex,
    prevTerm: prevIndex === 0 ? 0 : (termAt(state.log, prevIndex) as number),
    entries: lengthMax === undefined ? [] : entriesFrom(state.log, prevIndex + 1, lengthMax),
    commit: state.commit,
    ...begin(turn, progress),
  });
}

function sendPart(turn: Turn, id: string, progress: Progress): void {
  const { state } = turn;
  // Once begun it is sent to its end, although the leader may have a newer one by then.
  progress.snapshot ??= state.snapshot && { snapshot: state.snapshot, offset: 0 };
  if (progress.snapshot === undefined) return;
  const { snapshot, offset } = progress.snapshot;
  const data = snapshot.data.slice(offset, offset + state.limits.partLengthMax);
  sendNow(turn, id, {
    kind: 'part',
    term: state.term,
    index: snapshot.index,
    indexTerm: snapshot.term,
    offset,
    data,
    done: offset + data.length === snapshot.data.length,
    ...begin(turn, progress),
  });
}

/** Counts a message to a member. */
function begin({ state, nowMs }: Turn, progress: Progress): { round: number; rttMs: number } {
  state.rttMs = majorityRttMs(state);
  progress.sentRound = ++state.round;
  progress.heartbeatAtMs = nowMs + heartbeatMs(state);
  return { round: state.round, rttMs: state.rttMs };
}
