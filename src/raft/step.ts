/**
 * Raft (Ongaro and Ousterhout, USENIX ATC 2014; Ongaro's dissertation, 2014), as a function: what one member does with
 * one event. It knows no clock, disk or network. The caller carries out what the step returns, and tells when records
 * are on the disk. The division into steps and outputs is that of etcd-io/raft.
 */

import { askForElection, takeVoteReply, takeVoteRequest } from './election.ts';
import { takeAppend, takePart } from './following.ts';
import { askToJoin, takeJoin, takeJoined, takeWithoutVote } from './joining.ts';
import { answerReads, append, checkQuorum, read, takeAppended, takeReceived } from './leading.ts';
import { dropThrough, termAt } from './log.ts';
import type { RaftMessage } from './messages.ts';
import { sendWhenDue } from './sending.ts';
import { hasVote, type RaftState } from './state.ts';
import { createOutput, type Output, persist, type Surroundings, type Turn } from './turn.ts';

export type RaftEvent =
  /** Time has passed. Due at {@link wakeAtMs}; at other times it does nothing. */
  | { readonly kind: 'tick' }
  | { readonly kind: 'message'; readonly from: string; readonly message: RaftMessage }
  /** For a leader: commands for the log. Another member ignores them. */
  | { readonly kind: 'propose'; readonly commands: readonly string[] }
  /** For a leader: a read. It is answered in `reads` or `refusedReads` of this or a later output. */
  | { readonly kind: 'read'; readonly id: number }
  /** All records up to this one are on the disk. */
  | { readonly kind: 'persisted'; readonly seq: number }
  /** The state machine, with all applied that was in the outputs so far. */
  | { readonly kind: 'snapshot'; readonly data: string };

/** Changes the state in place. The same state, event and surroundings always give the same. */
export function step(state: RaftState, event: RaftEvent, surroundings: Surroundings): Output {
  const turn: Turn = { ...surroundings, state, out: createOutput() };
  switch (event.kind) {
    case 'tick':
      passTime(turn);
      break;
    case 'message':
      takeMessage(turn, event.from, event.message);
      break;
    case 'propose':
      if (state.role === 'leader') append(turn, event.commands);
      break;
    case 'read':
      if (state.role === 'leader') read(turn, event.id);
      else turn.out.refusedReads.push(event.id);
      break;
    case 'persisted':
      state.durableSeq = Math.max(state.durableSeq, event.seq);
      break;
    case 'snapshot':
      takeSnapshot(turn, event.data);
      break;
  }
  releaseHeld(turn);
  return turn.out;
}

/** When the next tick is due. */
export function wakeAtMs(state: RaftState): number {
  let wakeMs = state.joinAtMs;
  if (!hasVote(state)) return wakeMs;
  if (state.role !== 'leader') return Math.min(wakeMs, state.electionAtMs);
  for (const [id, { heartbeatAtMs }] of state.progress) if (id !== state.id) wakeMs = Math.min(wakeMs, heartbeatAtMs);
  return wakeMs;
}

function passTime(turn: Turn): void {
  const { state, nowMs } = turn;
  if (nowMs >= state.joinAtMs) askToJoin(turn);
  if (!hasVote(state)) return;
  if (state.role === 'leader') {
    checkQuorum(turn);
    if (state.role === 'leader') sendWhenDue(turn);
  } else if (nowMs >= state.electionAtMs) askForElection(turn);
}

function takeMessage(turn: Turn, from: string, message: RaftMessage): void {
  if (message.kind === 'join') takeJoin(turn, from, message);
  else if (message.kind === 'joined') takeJoined(turn, from, message);
  else if (!hasVote(turn.state)) takeWithoutVote(turn, from, message);
  else if (message.kind === 'vote') takeVoteRequest(turn, from, message);
  else if (message.kind === 'voted') takeVoteReply(turn, from, message);
  else if (message.kind === 'append') takeAppend(turn, from, message);
  else if (message.kind === 'appended') takeAppended(turn, from, message);
  else if (message.kind === 'part') takePart(turn, from, message);
  else takeReceived(turn, from, message);
}

/** Drops what the snapshot covers, but for a few entries. */
function takeSnapshot(turn: Turn, data: string): void {
  const { state } = turn;
  const index = state.applied;
  if (index <= (state.snapshot?.index ?? 0)) return;
  state.snapshot = { index, term: termAt(state.log, index) as number, data };
  dropThrough(state.log, Math.max(state.log.baseIndex, index - state.limits.entriesKept));
  persist(turn, undefined);
}

/** Sends what waited for the disk. What a member owes itself, a vote or its own entries, counts from here on. */
function releaseHeld(turn: Turn): void {
  const { state, out } = turn;
  for (let first = state.held[0]; first !== undefined && first.seq <= state.durableSeq; first = state.held[0]) {
    state.held.shift();
    if (first.to === state.id) takeMessage(turn, state.id, first.message);
    else out.messages.push({ to: first.to, message: first.message });
  }
  answerReads(turn);
}
