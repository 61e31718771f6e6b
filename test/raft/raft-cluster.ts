/**
 * Members of Raft on a network and on disks that a seed rules: messages are lost, repeated and overtake each other,
 * members stop at any time and lose what was not on the disk. After every step the invariants of Raft are checked
 * (Ongaro and Ousterhout 2014, figure 3).
 */

import { SeededRandom } from '../../src/protocol/random.ts';
import { entryAt, lastIndex, termAt } from '../../src/raft/log.ts';
import type { RaftMessage } from '../../src/raft/messages.ts';
import { memberRecord, readRecords, recordsOf } from '../../src/raft/records.ts';
import { findStandingTrouble } from '../../src/raft/recovery.ts';
import { RAFT_RULES, type RaftRules } from '../../src/raft/rules.ts';
import {
  createState,
  hasVote,
  RAFT_LIMITS,
  type RaftLimits,
  type RaftState,
  type Standing,
} from '../../src/raft/state.ts';
import { type RaftEvent, step, wakeAtMs } from '../../src/raft/step.ts';
import type { Output } from '../../src/raft/turn.ts';

export interface Flight {
  readonly from: string;
  readonly to: string;
  readonly message: RaftMessage;
}

interface Write {
  readonly seq: number;
  /** Undefined: these are all. */
  readonly record: string | undefined;
  readonly all: readonly string[];
}

export class Member {
  state: RaftState;
  /** What is on the disk, and what is under way to it. */
  records: string[] = [];
  writes: Write[] = [];
  /** The state machine: the commands that were applied. */
  applied: string[] = [];
  isUp = true;

  constructor(state: RaftState) {
    this.state = state;
  }
}

export interface ClusterOptions {
  readonly size: number;
  readonly seed: string | number;
  readonly rules?: Partial<RaftRules>;
  readonly limits?: Partial<RaftLimits>;
  /** Whether every record is on the disk at once. Default: false. */
  readonly quickDisks?: boolean;
  /** Whether the members must find out at first that they start for the first time. Default: false. */
  readonly areNew?: boolean;
  /** Whether it ends with {@link UnnoticedLoss} when a member does not notice the loss of its disk. Default: false. */
  readonly noticesLosses?: boolean;
}

/** A member takes the loss of its disk for its first start. What was acknowledged may be undone from here on. */
export class UnnoticedLoss extends Error {
  constructor(id: string) {
    super(`${id} does not notice that it lost its disk`);
  }
}

export class RaftCluster {
  readonly ids: readonly string[];
  readonly members = new Map<string, Member>();
  readonly random: SeededRandom;
  readonly flights: Flight[] = [];
  /** They hear each other, and none of the others. */
  cutOff: readonly string[] = [];
  nowMs = 0;
  /** By index: what was committed, as it must stay. */
  readonly committed: { readonly term: number; readonly command: string }[] = [];
  readonly leaders = new Map<number, string>();
  /** Reads that are open: what was committed when they began. */
  readonly reads = new Map<number, { readonly by: string; readonly least: number }>();
  readCount = 0;
  refusedCount = 0;
  readonly #rules: RaftRules;
  readonly #limits: RaftLimits;
  readonly #quickDisks: boolean;
  readonly #noticesLosses: boolean;
  #nextRead = 0;
  #nextIncarnation = 1;
  /** Members that have, or may have, lost their disks and not recovered. */
  readonly #uncertain = new Set<string>();
  /** Members that have lost a disk. */
  readonly #lost = new Set<string>();
  lossCount = 0;

  constructor({
    size,
    seed,
    rules,
    limits,
    quickDisks = false,
    areNew = false,
    noticesLosses = false,
  }: ClusterOptions) {
    this.ids = Array.from({ length: size }, (_, number) => `n${number}`);
    this.random = new SeededRandom(seed);
    this.#rules = { ...RAFT_RULES, ...rules };
    this.#limits = { ...RAFT_LIMITS, ...limits };
    this.#quickDisks = quickDisks;
    this.#noticesLosses = noticesLosses;
    for (const id of this.ids) {
      const records = this.#newDisk(areNew ? 'new' : 'known');
      this.members.set(id, new Member(this.#start(id, records)));
      this.member(id).records = records;
      if (areNew) this.#uncertain.add(id);
    }
  }

  readonly member = (id: string): Member => this.members.get(id) as Member;

  get leader(): string | undefined {
    const led = this.ids.filter((id) => this.member(id).isUp && this.member(id).state.role === 'leader');
    return led.sort((one, other) => this.member(other).state.term - this.member(one).state.term)[0];
  }

  step(id: string, event: RaftEvent): Output {
    const member = this.member(id);
    const { role, standing } = member.state;
    const out = step(member.state, event, {
      nowMs: this.nowMs,
      random: () => this.random.float(),
      rules: this.#rules,
    });
    for (const { seq, record } of out.persist) member.writes.push({ seq, record, all: recordsOf(member.state) });
    for (const { to, message } of out.messages) this.flights.push({ from: id, to, message: structuredClone(message) });
    if (out.restored !== undefined) member.applied = JSON.parse(out.restored.data) as string[];
    for (const { index, command } of out.committed) this.#apply(id, index, command);
    for (const read of out.reads) this.#answer(id, read);
    for (const read of out.refusedReads) {
      this.refusedCount++;
      this.reads.delete(read);
    }
    if (this.#noticesLosses && standing === 'new' && hasVote(member.state) && this.#lost.has(id))
      throw new UnnoticedLoss(id);
    if (role !== 'leader' && member.state.role === 'leader') this.#checkElected(id);
    if (this.#quickDisks && member.writes.length > 0) this.persist(id, member.writes.length);
    return out;
  }

  /** Puts the first writes of a member on its disk, and tells it. */
  persist(id: string, count: number): void {
    const member = this.member(id);
    const written = this.#write(member, count);
    const last = written.at(-1);
    if (last !== undefined) this.step(id, { kind: 'persisted', seq: last.seq });
  }

  #write(member: Member, count: number): readonly Write[] {
    const written = member.writes.splice(0, count);
    for (const { record, all } of written) {
      if (record === undefined) member.records = [...all];
      else member.records.push(record);
    }
    return written;
  }

  deliver(flight: Flight): void {
    if (this.isCutOff(flight.from) !== this.isCutOff(flight.to)) return;
    if (this.member(flight.to).isUp)
      this.step(flight.to, { kind: 'message', from: flight.from, message: structuredClone(flight.message) });
  }

  isCutOff(id: string): boolean {
    return this.cutOff.includes(id);
  }

  /** Time passes for all. */
  pass(ms: number): void {
    this.nowMs += ms;
    for (const id of this.ids) {
      const { isUp, state } = this.member(id);
      if (isUp && wakeAtMs(state) <= this.nowMs) this.step(id, { kind: 'tick' });
    }
  }

  propose(id: string, command: string): void {
    if (this.member(id).isUp) this.step(id, { kind: 'propose', commands: [command] });
  }

  read(id: string): void {
    if (!this.member(id).isUp) return;
    const read = this.#nextRead++;
    this.reads.set(read, { by: id, least: this.committed.length });
    this.step(id, { kind: 'read', id: read });
  }

  snapshot(id: string): void {
    const { isUp, applied } = this.member(id);
    if (isUp) this.step(id, { kind: 'snapshot', data: JSON.stringify(applied) });
  }

  /** Ends a life. Some of what was under way to the disk may be on it. */
  stop(id: string): void {
    const member = this.member(id);
    member.isUp = false;
    this.#write(member, this.random.integer(member.writes.length + 1));
    member.writes = [];
    for (const [read, { by }] of this.reads) if (by === id) this.reads.delete(read);
  }

  /** Ends a life, and replaces the disk by an empty one. */
  loseDisk(id: string): void {
    if (this.member(id).isUp) this.stop(id);
    this.member(id).records = this.#newDisk('new');
    this.#uncertain.add(id);
    this.#lost.add(id);
    this.lossCount++;
  }

  /** Whether each member has recovered from what it lost, as far as it could be asked. */
  get haveAllRecovered(): boolean {
    for (const id of this.#uncertain) {
      const { isUp, state } = this.member(id);
      if (isUp && findStandingTrouble(state) === undefined) this.#uncertain.delete(id);
    }
    return this.#uncertain.size === 0;
  }

  /** The first record of a life on an empty disk. */
  #newDisk(standing: Standing): string[] {
    return [memberRecord({ incarnation: this.#nextIncarnation++, standing })];
  }

  restart(id: string): void {
    const member = this.member(id);
    member.state = this.#start(id, member.records);
    member.applied = JSON.parse(member.state.snapshot?.data ?? '[]') as string[];
    member.isUp = true;
  }

  /** All is healed, and time passes. */
  calm(ms = 300): void {
    this.cutOff = [];
    for (const untilMs = this.nowMs + ms; this.nowMs < untilMs; this.pass(1)) {
      for (const id of this.ids) this.persist(id, this.member(id).writes.length);
      for (const flight of this.flights.splice(0)) this.deliver(flight);
    }
  }

  #start(id: string, records: readonly string[]): RaftState {
    return createState(id, this.ids, readRecords(records), this.nowMs + 150 * (1 + this.random.float()), this.#limits);
  }

  #apply(id: string, index: number, command: string): void {
    const { state, applied } = this.member(id);
    applied.push(command);
    if (applied.length !== index) throw new Error(`${id} applied entry ${index} as its number ${applied.length}`);
    const term = termAt(state.log, index) as number;
    const known = this.committed[index - 1];
    if (known === undefined) this.committed.push({ term, command });
    else if (known.term !== term || known.command !== command)
      throw new Error(
        `state machine safety: ${id} applied ${command} of term ${term} at ${index}, not ${known.command}`,
      );
    if (this.committed.length < index) throw new Error(`${id} skipped entries before ${index}`);
  }

  #answer(id: string, read: number): void {
    const { least } = this.reads.get(read) as { least: number };
    this.reads.delete(read);
    this.readCount++;
    const { applied } = this.member(id);
    if (applied.length < least) throw new Error(`stale read: ${id} has applied ${applied.length} of ${least} entries`);
  }

  #checkElected(id: string): void {
    const { state } = this.member(id);
    const other = this.leaders.get(state.term);
    if (other !== undefined && other !== id)
      throw new Error(`election safety: ${other} and ${id} both lead in term ${state.term}`);
    this.leaders.set(state.term, id);
    for (const [offset, { term }] of this.committed.entries()) {
      const index = offset + 1;
      if (index > state.log.baseIndex && termAt(state.log, index) !== term)
        throw new Error(`leader completeness: ${id} leads in term ${state.term} without entry ${index}`);
    }
  }

  /** Log matching, of all pairs. */
  checkLogs(): void {
    for (const one of this.members.values()) {
      for (const other of this.members.values()) if (one !== other) checkMatching(one.state, other.state);
    }
  }
}

function checkMatching(one: RaftState, other: RaftState): void {
  const from = Math.max(one.log.baseIndex, other.log.baseIndex) + 1;
  let agree = false;
  for (let index = Math.min(lastIndex(one.log), lastIndex(other.log)); index >= from; index--) {
    const [entry, twin] = [entryAt(one.log, index), entryAt(other.log, index)];
    const isSame = entry?.term === twin?.term;
    if ((agree || isSame) && entry?.command !== twin?.command)
      throw new Error(`log matching: ${one.id} and ${other.id} differ at ${index}`);
    if (agree && !isSame) throw new Error(`log matching: ${one.id} and ${other.id} differ in term at ${index}`);
    agree ||= isSame;
  }
}
