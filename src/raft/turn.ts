/** One step of a member: its state, what the world gives to the step, and what the step wants done. */

import type { RaftMessage } from './messages.ts';
import type { RaftRules } from './rules.ts';
import type { RaftState, Snapshot } from './state.ts';

/** What a step may use beside state and event. */
export interface Surroundings {
  /** A clock that only goes forward. No promise rests on it. */
  readonly nowMs: number;
  /** From 0 up to 1. */
  readonly random: () => number;
  readonly rules: RaftRules;
}

/** Something to put on the disk. Its number is told to the member when it is there, and all before it. */
export interface PersistRequest {
  readonly seq: number;
  /** A record after all others. Undefined: all records are replaced by those of the state (`recordsOf`). */
  readonly record: string | undefined;
}

/** What a step wants done, in this order. All of it may be done at once: nothing here rests on `persist`. */
export interface Output {
  readonly persist: PersistRequest[];
  readonly messages: { readonly to: string; readonly message: RaftMessage }[];
  /** The state machine begins anew from here. */
  restored: Snapshot | undefined;
  /** To be applied, in this order. */
  readonly committed: { readonly index: number; readonly command: string }[];
  /** Reads that may now be answered from the state machine. */
  readonly reads: number[];
  /** Reads that this member cannot answer, since it does not lead. */
  readonly refusedReads: number[];
}

export interface Turn extends Surroundings {
  readonly state: RaftState;
  readonly out: Output;
}

export function createOutput(): Output {
  return { persist: [], messages: [], restored: undefined, committed: [], reads: [], refusedReads: [] };
}

export function persist({ state, out }: Turn, record: string | undefined): void {
  out.persist.push({ seq: ++state.seq, record });
}

/** Sends a message that rests on no record that is under way. */
export function sendNow({ out }: Turn, to: string, message: RaftMessage): void {
  out.messages.push({ to, message });
}

/** Sends a message as soon as all records up to now are on the disk. */
export function sendDurably({ state, out }: Turn, to: string, message: RaftMessage): void {
  if (to !== state.id && state.durableSeq === state.seq) out.messages.push({ to, message });
  else state.held.push({ seq: state.seq, to, message });
}

/** Passes what is committed to the state machine. */
export function applyCommitted({ state, out }: Turn): void {
  while (state.applied < state.commit) {
    const index = ++state.applied;
    const { command } = state.log.entries[index - state.log.baseIndex - 1] as { command: string };
    out.committed.push({ index, command });
  }
}
