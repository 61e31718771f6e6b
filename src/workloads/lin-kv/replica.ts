/**
 * One member of the group at work: the pure step of `raft/`, joined to the node's clock, network and journal. It keeps
 * the registers as far as the log is committed, and says when they may be read.
 */

import { Journal } from '../../journal/journal.ts';
import { failureOf } from '../../node/assertion.ts';
import type { NodeContext } from '../../node/context.ts';
import type { Folder } from '../../protocol/folder.ts';
import type { RaftMessage } from '../../raft/messages.ts';
import { memberRecord, readRecords, recordsOf } from '../../raft/records.ts';
import { findStandingTrouble } from '../../raft/recovery.ts';
import { RAFT_RULES, type RaftRules } from '../../raft/rules.ts';
import { createState, type Persisted, RAFT_LIMITS, type RaftState } from '../../raft/state.ts';
import { type RaftEvent, step, wakeAtMs } from '../../raft/step.ts';
import { drawElectionMs } from '../../raft/timing.ts';
import type { Output, PersistRequest } from '../../raft/turn.ts';
import { encodeRaft } from '../../raft/wire.ts';
import type { LinKvLimits } from './limits.ts';
import { type Command, type Outcome, Registers, type RequestName } from './registers.ts';

const TWO_TO_32 = 2 ** 32;
/** Of 52 random bits of an incarnation, those of the second draw. */
const TWO_TO_20 = 2 ** 20;
/** A timer that is too early by the node's clock must not be set again for no time at all. */
const SLEEP_MS_MIN = 1;
/** A snapshot is due when the records are so many times as long as the last one. */
const LENGTHS_OF_SNAPSHOT = 2;
/**
 * A disk that has written nothing at so many looks, one after another, hangs. Looks are counted, because the time also
 * passes for a node that was stopped.
 */
const DISK_LOOKS = 10;
const DISK_LOOK_MS = 1000;

/** What a replica tells. Called between two steps. */
export interface ReplicaEvents {
  /** An entry of the log was carried out. */
  readonly onApplied: (command: Command, outcome: Outcome) => void;
  /** A read that was asked for may be answered from the registers, or cannot be answered here. */
  readonly onRead: (id: number, mayAnswer: boolean) => void;
  /** Another leader, or another term, or none any more. */
  readonly onLeader: () => void;
  /** All of one event is done. */
  readonly onSettled: () => void;
}

/** Parts that tests replace by wrong ones. */
export interface ReplicaParts {
  readonly rules?: Partial<RaftRules>;
  readonly wrapJournal?: (journal: JournalLike) => JournalLike;
  readonly registers?: Registers;
}

export type JournalLike = Pick<Journal, 'append' | 'replace' | 'length'>;

export class Replica {
  readonly registers: Registers;
  /** Which disk, and which life of the node with it, from 1: they are on the disk before anything is done. */
  readonly life: Pick<RequestName, 'incarnation' | 'epoch'>;
  readonly #context: NodeContext;
  readonly #journal: JournalLike;
  readonly #state: RaftState;
  readonly #rules: RaftRules;
  readonly #limits: LinKvLimits;
  #events: ReplicaEvents | undefined;
  /** What happened while a step was under way. */
  readonly #waiting: RaftEvent[] = [];
  #isStepping = false;
  #sleepsUntilMs = Number.POSITIVE_INFINITY;
  #replacedLength = 0;
  /** How many records are not on the disk yet, and how many are. */
  #unwritten = 0;
  #written = 0;
  #isWatched = false;
  #isReplacing = false;
  #failure: Error | undefined;
  #isStopped = false;

  static async open(
    context: NodeContext,
    folder: Folder | undefined,
    limits: LinKvLimits,
    { wrapJournal = (journal) => journal, ...parts }: ReplicaParts = {},
  ): Promise<Replica> {
    const { journal, records } = await Journal.open(folder, 'raft');
    const lives = records.filter((record) => record.startsWith(LIFE)).map((record) => JSON.parse(record)[1] as number);
    const epoch = Math.max(0, ...lives) + 1;
    const persisted = readRecords(records.filter((record) => !record.startsWith(LIFE)));
    const incarnation = persisted.incarnation || drawIncarnation(context);
    if (persisted.incarnation === 0)
      void journal.append(memberRecord({ incarnation, standing: 'new' })).catch(() => {});
    await journal.append(lifeRecord(epoch));
    return new Replica(context, wrapJournal(journal), epoch, { ...persisted, incarnation }, limits, parts);
  }

  private constructor(
    context: NodeContext,
    journal: JournalLike,
    epoch: number,
    persisted: Persisted,
    limits: LinKvLimits,
    { rules, registers = new Registers() }: ReplicaParts,
  ) {
    this.#context = context;
    this.#journal = journal;
    this.life = { incarnation: persisted.incarnation, epoch };
    this.#limits = limits;
    this.#rules = { ...RAFT_RULES, ...rules };
    this.registers = registers;
    const { nodeId, nodeIds } = context;
    const raftLimits = {
      ...RAFT_LIMITS,
      batchLengthMax: limits.batch,
      partLengthMax: limits.part,
      entriesKept: limits.kept,
    };
    this.#state = createState(nodeId, nodeIds, persisted, this.#firstElectionMs(persisted.term), raftLimits);
    if (persisted.snapshot !== undefined) this.registers.restore(persisted.snapshot.data);
    context.diagnose('raft', () => this.#failure?.message ?? findStandingTrouble(this.#state));
    context.onStop(() => {
      this.#isStopped = true;
    });
  }

  /** Where nothing ever happened, the first node begins at once. */
  #firstElectionMs(term: number): number {
    const isFirst = term === 0 && this.#context.nodeIds[0] === this.#context.nodeId;
    return this.#nowMs() + (isFirst ? 0 : drawElectionMs({ rttMs: 0 }, this.#random));
  }

  start(events: ReplicaEvents): void {
    this.#events = events;
    this.#sleep();
  }

  get leader(): string | undefined {
    return this.#state.leader;
  }

  get term(): number {
    return this.#state.term;
  }

  get leads(): boolean {
    return this.#state.role === 'leader' && this.#failure === undefined;
  }

  /** The round trip to a majority, ms; 0: not known yet. */
  get rttMs(): number {
    return this.#state.rttMs;
  }

  /** Whether the disk has failed. Then the node knows nothing for certain any more. */
  get hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  receive(from: string, message: RaftMessage): void {
    this.#take({ kind: 'message', from, message });
  }

  /** For a leader: commands for the log. */
  propose(commands: readonly string[]): void {
    this.#take({ kind: 'propose', commands });
  }

  /** Answered by `onRead`. */
  read(id: number): void {
    this.#take({ kind: 'read', id });
  }

  #take(event: RaftEvent): void {
    this.#waiting.push(event);
    if (this.#isStepping) return;
    this.#isStepping = true;
    try {
      for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) this.#step(next);
      this.#isStepping = false;
      this.#events?.onSettled();
      this.#sleep();
    } catch (error) {
      // Half a step was taken. The node must not go on, and must not stand still in silence.
      throw failureOf('a step of Raft', error);
    }
  }

  #step(event: RaftEvent): void {
    if (this.#failure !== undefined || this.#isStopped) return;
    const { leader, term } = this.#state;
    const surroundings = { nowMs: this.#nowMs(), random: this.#random, rules: this.#rules };
    this.#carryOut(step(this.#state, event, surroundings));
    if (leader !== this.#state.leader || term !== this.#state.term) this.#events?.onLeader();
    this.#shorten();
  }

  #carryOut(out: Output): void {
    for (const request of out.persist) this.#persist(request);
    for (const { to, message } of out.messages) this.#context.send(to, encodeRaft(message));
    if (out.restored !== undefined) this.registers.restore(out.restored.data);
    for (const { command: text } of out.committed) {
      if (text === '') continue;
      const { command, outcome } = this.registers.apply(text);
      this.#events?.onApplied(command, outcome);
    }
    for (const id of out.reads) this.#events?.onRead(id, true);
    for (const id of out.refusedReads) this.#events?.onRead(id, false);
  }

  #persist({ seq, record }: PersistRequest): void {
    const written = record === undefined ? this.#replaceRecords() : this.#journal.append(record);
    this.#unwritten++;
    if (!this.#isWatched) void this.#watchDisk();
    written.then(
      () => {
        this.#unwritten--;
        this.#written++;
        if (record === undefined) this.#isReplacing = false;
        this.#take({ kind: 'persisted', seq });
      },
      (error: Error) => this.#fail(error),
    );
  }

  #replaceRecords(): Promise<void> {
    this.#isReplacing = true;
    const written = this.#journal.replace([lifeRecord(this.life.epoch), ...recordsOf(this.#state)]);
    this.#replacedLength = this.#journal.length;
    return written;
  }

  /** A snapshot takes the place of a long log. */
  #shorten(): void {
    const lengthMax = Math.max(this.#limits.log, LENGTHS_OF_SNAPSHOT * this.#replacedLength);
    if (this.#journal.length <= lengthMax || this.#isReplacing) return;
    const { applied, snapshot } = this.#state;
    if (applied > (snapshot?.index ?? 0)) this.#waiting.push({ kind: 'snapshot', data: this.registers.snapshot() });
  }

  /** As long as records are under way to the disk: looks whether any of them arrives. */
  async #watchDisk(): Promise<void> {
    this.#isWatched = true;
    let written = this.#written;
    let silentLooks = 0;
    while (this.#unwritten > 0 && (await this.#context.sleep(DISK_LOOK_MS))) {
      silentLooks = written === this.#written ? silentLooks + 1 : 0;
      written = this.#written;
      if (silentLooks < DISK_LOOKS) continue;
      this.#fail(new Error(`the disk has written nothing for ${(DISK_LOOKS * DISK_LOOK_MS) / 1000} s`));
      return;
    }
    this.#isWatched = false;
  }

  /** What is on the disk is unknown from now on, so nothing may be told that rests on it. */
  #fail(error: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#context.log.error('the disk has failed; this node takes no further part', { reason: error.message });
    this.#events?.onLeader();
  }

  /** Sleeps until the next tick is due, unless an earlier sleep ends before. */
  #sleep(): void {
    const untilMs = wakeAtMs(this.#state);
    if (this.#isStopped || this.#failure !== undefined || untilMs >= this.#sleepsUntilMs) return;
    if (untilMs === Number.POSITIVE_INFINITY) return;
    this.#sleepsUntilMs = untilMs;
    void this.#context.sleep(Math.max(SLEEP_MS_MIN, untilMs - this.#nowMs())).then((passed) => {
      if (!passed) return;
      this.#sleepsUntilMs = Number.POSITIVE_INFINITY;
      if (this.#nowMs() >= wakeAtMs(this.#state)) this.#take({ kind: 'tick' });
      else this.#sleep();
    });
  }

  #nowMs(): number {
    return this.#context.clock.monotonicMs();
  }

  readonly #random = (): number => this.#context.randomUint32() / TWO_TO_32;
}

const LIFE = '["life",';

function lifeRecord(epoch: number): string {
  return `${LIFE}${epoch}]`;
}

/** From 1 to 2^52. */
function drawIncarnation({ randomUint32 }: Pick<NodeContext, 'randomUint32'>): number {
  return randomUint32() * TWO_TO_20 + (randomUint32() % TWO_TO_20) + 1;
}
