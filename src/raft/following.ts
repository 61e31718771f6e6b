/** How a member takes what its leader sends. */

import { dropThrough, lastIndex, lastPossibleMatch, replaceFrom, termAt } from './log.ts';
import type { Append, SnapshotPart } from './messages.ts';
import { logRecord } from './records.ts';
import { finishRecovery } from './recovery.ts';
import { follow, resetElection } from './roles.ts';
import { applyCommitted, persist, sendDurably, type Turn } from './turn.ts';

export function takeAppend(turn: Turn, from: string, message: Append): void {
  if (!heed(turn, from, message)) return;
  const { state, rules } = turn;
  const { round } = message;
  const { term } = state;
  const { prevIndex, prevTerm, entries } = withoutDropped(turn, message);
  const { log } = state;
  if (termAt(log, prevIndex) !== prevTerm) {
    const hintIndex = lastPossibleMatch(log, prevIndex, prevTerm);
    const hintTerm = termAt(log, hintIndex) ?? 0;
    sendDurably(turn, from, { kind: 'appended', term, round, hintIndex, hintTerm });
    return;
  }
  const at = rules.replaceAt(log, prevIndex + 1, entries);
  if (at !== undefined) {
    const missing = entries.slice(at - prevIndex - 1);
    replaceFrom(log, at, missing);
    persist(turn, logRecord(at, missing));
  }
  const match = prevIndex + entries.length;
  state.commit = Math.max(state.commit, Math.min(message.commit, match));
  applyCommitted(turn);
  acknowledge(turn, from, round, match);
}

/** An append without the entries that a snapshot of this member covers. They are committed, so both logs have them. */
function withoutDropped({ state: { log } }: Turn, message: Append): Pick<Append, 'prevIndex' | 'prevTerm' | 'entries'> {
  if (message.prevIndex >= log.baseIndex) return message;
  const entries = message.entries.slice(log.baseIndex - message.prevIndex);
  return { prevIndex: log.baseIndex, prevTerm: log.baseTerm, entries };
}

export function takePart(turn: Turn, from: string, message: SnapshotPart): void {
  if (!heed(turn, from, message)) return;
  const { state } = turn;
  const { term } = state;
  const { round, index, indexTerm, offset, data, done } = message;
  if (index <= state.commit) {
    acknowledge(turn, from, round, index);
    return;
  }
  if (state.incoming?.index !== index || state.incoming.term !== indexTerm)
    state.incoming = { index, term: indexTerm, text: '' };
  const { incoming } = state;
  const isNext = offset === incoming.text.length;
  if (isNext) incoming.text += data;
  if (!(isNext && done)) {
    sendDurably(turn, from, { kind: 'received', term, round, index, offset: incoming.text.length });
    return;
  }
  install(turn, incoming);
  acknowledge(turn, from, round, index);
}

/** Says up to where it has the leader's log. To a member that recovers, too, that counts: its term is not forgotten. */
function acknowledge(turn: Turn, from: string, round: number, match: number): void {
  const { state } = turn;
  state.matched = Math.max(state.matched, match);
  sendDurably(turn, from, { kind: 'appended', term: state.term, round, match });
  finishRecovery(turn);
}

/** Begins anew from a snapshot. Entries that follow it stay if the log agrees with it. */
function install(turn: Turn, { index, term, text }: { index: number; term: number; text: string }): void {
  const { state, out } = turn;
  state.incoming = undefined;
  state.snapshot = { index, term, data: text };
  if (termAt(state.log, index) === term && index <= lastIndex(state.log)) dropThrough(state.log, index);
  else state.log = { baseIndex: index, baseTerm: term, entries: [] };
  state.commit = index;
  state.applied = index;
  out.restored = state.snapshot;
  persist(turn, undefined);
}

/** Follows the sender, unless its term is over. Then it learns of the later one. */
function heed(turn: Turn, from: string, { term, round, rttMs }: Append | SnapshotPart): boolean {
  const { state, nowMs } = turn;
  if (term < state.term) {
    sendDurably(turn, from, { kind: 'appended', term: state.term, round });
    return false;
  }
  // A member that recovers asks each leader for the end of its log.
  if (state.standing === 'recovering' && from !== state.leader) {
    state.joinAtMs = nowMs;
    state.joinCount = 0;
  }
  follow(turn, term, from);
  state.heardMs = nowMs;
  state.rttMs = rttMs;
  resetElection(turn);
  return true;
}
