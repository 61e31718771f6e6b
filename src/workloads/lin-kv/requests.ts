/**
 * The requests of this node's clients on their way to the leader and back, and those of other nodes while this one
 * leads.
 *
 * A request that was sent to a leader may be in its log, even if that leader is gone. So it is asked again, under its
 * number, until its outcome is known; it is never refused as if it had not happened.
 */

import type { NodeContext } from '../../node/context.ts';
import { RpcError } from '../../protocol/errors.ts';
import { stringifyExact } from '../../protocol/exact-json.ts';
import type { RequestOf } from '../../protocol/rpc.ts';
import type { LinKvLimits } from './limits.ts';
import { Forward, Results } from './messages.ts';
import {
  type Command,
  encodeCommand,
  NOT_FOUND,
  OK,
  OTHER_VALUE,
  type Outcome,
  type RequestName,
} from './registers.ts';
import type { Replica } from './replica.ts';

export interface Operation {
  readonly f: 'read' | 'write' | 'cas';
  /** The key, and what comes with it. */
  readonly args: readonly unknown[];
}

/** A request of a client of this node. */
interface Pending extends Operation {
  readonly seq: number;
  readonly sinceMs: number;
  /** To which leader of which term it was sent; undefined: to none, so it cannot have happened. */
  sentTo: string | undefined;
  sentMs: number;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: RpcError) => void;
}

/** A read that this node, as leader, has to answer. */
interface LedRead extends RequestName {
  readonly key: unknown;
}

/** Which disk and which life of a node. */
type Life = Pick<RequestName, 'incarnation' | 'epoch'>;
type ForwardRequest = RequestOf<typeof Forward>['requests'][number];
type ForwardResult = RequestOf<typeof Results>['results'][number];

/** A request is asked again after this time, or after some round trips. */
const RETRY_MS = 100;
const RTTS_OF_RETRY = 6;
/** A client has given up by then: Maelstrom's waits for ten latencies, and one second at least. */
const GIVE_UP_MS = 2000;
const RTTS_OF_GIVING_UP = 20;
/** Requests that come within this time of a forward wait for the next, ms, or a share of a round trip. */
const WINDOW_MS_MAX = 5;
const RTT_OF_WINDOW = 1 / 4;

/** Parts that tests replace by wrong ones. */
export interface RequestsParts {
  /** Called when a leader is lost: what to answer to requests that were sent to it. Undefined: nothing yet. */
  readonly onLost?: () => RpcError | undefined;
}

export class Requests {
  readonly #context: NodeContext;
  readonly #replica: Replica;
  readonly #limits: LinKvLimits;
  readonly #parts: RequestsParts;
  /** By number, the oldest first. */
  readonly #pending = new Map<number, Pending>();
  #nextSeq = 1;
  #isRetrying = false;
  #isStopped = false;
  #forwardedMs = Number.NEGATIVE_INFINITY;
  #isForwardDue = false;

  // Of a leader.
  /** Changes that are in the log and not yet carried out. */
  readonly #led = new Set<string>();
  readonly #ledReads = new Map<number, LedRead>();
  #nextRead = 1;
  readonly #results = new Map<string, Life & { results: ForwardResult[] }>();

  constructor(context: NodeContext, replica: Replica, limits: LinKvLimits, parts: RequestsParts = {}) {
    this.#context = context;
    this.#replica = replica;
    this.#limits = limits;
    this.#parts = parts;
    context.report('lin-kv', () => ({ 'in-flight': this.#pending.size, term: replica.term }));
    context.onStop(() => this.#stop());
    replica.start({
      onApplied: (command, outcome) => this.#onApplied(command, outcome),
      onRead: (id, mayAnswer) => this.#onRead(id, mayAnswer),
      onLeader: () => this.#onLeader(),
      onSettled: () => this.#sendResults(),
    });
  }

  /** Resolves to the value of a read; rejects with an RpcError that tells what is known. */
  ask({ f, args }: Operation): Promise<unknown> {
    const refusal = this.#findRefusal();
    if (refusal !== undefined) return Promise.reject(RpcError.of('temporarily-unavailable', refusal));
    return new Promise((resolve, reject) => {
      const seq = this.#nextSeq++;
      const sinceMs = this.#nowMs();
      this.#pending.set(seq, { f, args, seq, sinceMs, sentTo: undefined, sentMs: sinceMs, resolve, reject });
      this.#send();
      if (!this.#isRetrying) void this.#retry();
    });
  }

  #findRefusal(): string | undefined {
    if (this.#replica.hasFailed) return 'the disk of this node has failed';
    if (this.#isStopped) return 'this node is about to end';
    return this.#pending.size < this.#limits.pending ? undefined : `${this.#pending.size} requests wait already`;
  }

  /** Takes what another node forwards. A node that does not lead ignores it: the other one will ask again. */
  take(node: string, { incarnation, epoch, low, requests }: RequestOf<typeof Forward>): void {
    if (!this.#replica.leads) return;
    const commands: string[] = [];
    for (const [seq, f, ...args] of requests) {
      if (f === 'read') this.#lead({ node, incarnation, epoch, seq, key: args[0] });
      else this.#collect({ node, incarnation, epoch, seq, low, f, args }, commands);
    }
    if (commands.length > 0) this.#replica.propose(commands);
    this.#sendResults();
  }

  takeResults({ results, ...life }: RequestOf<typeof Results>): void {
    if (!isSameLife(life, this.#replica.life)) return;
    for (const [seq, code, value] of results) this.#settle(seq, code, value);
  }

  #lead(read: LedRead): void {
    const id = this.#nextRead++;
    this.#ledReads.set(id, read);
    this.#replica.read(id);
  }

  /** Adds a change to those for the log, unless it is there already or was carried out. */
  #collect(command: Command, commands: string[]): void {
    const outcome = this.#replica.registers.outcomeOf(command);
    if (typeof outcome === 'number') this.#addResult(command, [command.seq, outcome]);
    if (outcome !== 'unknown' || this.#led.has(nameOf(command))) return;
    this.#led.add(nameOf(command));
    commands.push(encodeCommand(command));
  }

  /** A committed change is known on every node, so that of the client needs no message. */
  #onApplied(command: Command, outcome: Outcome): void {
    const isLed = this.#led.delete(nameOf(command));
    if (typeof outcome !== 'number') return;
    if (isLed || this.#isOwn(command)) this.#addResult(command, [command.seq, outcome]);
  }

  #onRead(id: number, mayAnswer: boolean): void {
    const read = this.#ledReads.get(id);
    this.#ledReads.delete(id);
    if (read === undefined || !mayAnswer) return;
    const { code, value } = this.#replica.registers.read(read.key);
    this.#addResult(read, code === OK ? [read.seq, code, value] : [read.seq, code]);
  }

  #isOwn(of: Omit<RequestName, 'seq'>): boolean {
    return of.node === this.#context.nodeId && isSameLife(of, this.#replica.life);
  }

  #addResult(of: Omit<RequestName, 'seq'>, result: ForwardResult): void {
    if (this.#isOwn(of)) {
      this.#settle(...(result as [number, number, unknown]));
      return;
    }
    const { node, incarnation, epoch } = of;
    const known = this.#results.get(node);
    if (known !== undefined && isSameLife(known, of)) known.results.push(result);
    else this.#results.set(node, { incarnation, epoch, results: [result] });
  }

  #sendResults(): void {
    if (this.#results.size === 0) return;
    for (const [node, { results, ...life }] of this.#results) {
      for (const batch of inBatches(results, this.#limits.batch))
        this.#context.send(node, { type: Results.type, ...life, results: batch });
    }
    this.#results.clear();
  }

  #settle(seq: number, code: number, value: unknown): void {
    const pending = this.#pending.get(seq);
    if (pending === undefined) return;
    this.#pending.delete(seq);
    if (code === OK) pending.resolve(value ?? null);
    else if (code === NOT_FOUND) pending.reject(RpcError.of('key-does-not-exist'));
    else if (code === OTHER_VALUE) pending.reject(RpcError.of('precondition-failed'));
    else pending.reject(RpcError.of('crash', `the leader answered with the code ${code}`));
  }

  #onLeader(): void {
    if (!this.#replica.leads) {
      this.#led.clear();
      this.#ledReads.clear();
    }
    for (const pending of [...this.#pending.values()]) {
      const error = pending.sentTo === undefined ? undefined : this.#parts.onLost?.();
      if (error === undefined && !this.#replica.hasFailed) continue;
      this.#pending.delete(pending.seq);
      pending.reject(error ?? this.#unknownOutcome(pending));
    }
    this.#send();
  }

  /** Sends the leader what it was not sent in its term. */
  #send(): void {
    const { leads, leader, term, life } = this.#replica;
    if (leader === undefined || this.#pending.size === 0 || this.#replica.hasFailed) return;
    if (!leads && this.#waitsForWindow()) return;
    const to = `${term} ${leader}`;
    const requests: ForwardRequest[] = [];
    for (const pending of this.#pending.values()) {
      if (pending.sentTo === to) continue;
      pending.sentTo = to;
      pending.sentMs = this.#nowMs();
      requests.push([pending.seq, pending.f, ...pending.args]);
    }
    if (requests.length === 0) return;
    const low = this.#pending.keys().next().value as number;
    if (leads) this.take(this.#context.nodeId, { ...life, low, requests });
    else
      for (const batch of inBatches(requests, this.#limits.batch))
        this.#context.send(leader, { type: Forward.type, ...life, low, requests: batch });
  }

  /** True if the last forward was only just sent. Then the next is sent when its time has come. */
  #waitsForWindow(): boolean {
    const windowMs = Math.min(WINDOW_MS_MAX, this.#replica.rttMs * RTT_OF_WINDOW);
    const waitMs = this.#forwardedMs + windowMs - this.#nowMs();
    if (this.#isForwardDue) return true;
    if (waitMs <= 0) {
      this.#forwardedMs = this.#nowMs();
      return false;
    }
    this.#isForwardDue = true;
    void this.#context.sleep(waitMs).then(() => {
      this.#isForwardDue = false;
      this.#forwardedMs = Number.NEGATIVE_INFINITY;
      if (!this.#isStopped) this.#send();
    });
    return true;
  }

  /** As long as a request is open: asks again what got no answer, and gives up what is too old. */
  async #retry(): Promise<void> {
    this.#isRetrying = true;
    while (this.#pending.size > 0) {
      const retryMs = Math.max(RETRY_MS, RTTS_OF_RETRY * this.#replica.rttMs);
      if (!(await this.#context.sleep(retryMs))) break;
      const nowMs = this.#nowMs();
      const giveUpMs = Math.max(GIVE_UP_MS, RTTS_OF_GIVING_UP * this.#replica.rttMs);
      for (const pending of [...this.#pending.values()]) {
        if (nowMs - pending.sinceMs >= giveUpMs) this.#giveUp(pending);
        else if (nowMs - pending.sentMs >= retryMs && pending.sentTo !== undefined) pending.sentTo = 'again';
      }
      this.#send();
    }
    this.#isRetrying = false;
  }

  #giveUp(pending: Pending): void {
    this.#pending.delete(pending.seq);
    pending.reject(this.#unknownOutcome(pending));
  }

  /** Definite only where nothing can have happened: a read, or what was never sent. */
  #unknownOutcome({ f, sentTo }: Pending): RpcError {
    if (f === 'read' || sentTo === undefined)
      return RpcError.of('temporarily-unavailable', 'no leader with a majority answered in time');
    return RpcError.of('crash', 'the leader did not answer in time, and the request may be in its log');
  }

  #stop(): void {
    this.#isStopped = true;
    for (const pending of [...this.#pending.values()]) this.#giveUp(pending);
  }

  #nowMs(): number {
    return this.#context.clock.monotonicMs();
  }
}

/** The same items in lists of up to so many characters, and of one item at least. */
function* inBatches<Item>(items: readonly Item[], lengthMax: number): Generator<Item[]> {
  let batch: Item[] = [];
  let length = 0;
  for (const item of items) {
    length += stringifyExact(item).length;
    if (batch.length > 0 && length > lengthMax) {
      yield batch;
      [batch, length] = [[], 0];
    }
    batch.push(item);
  }
  yield batch;
}

function isSameLife(one: Life, other: Life): boolean {
  return one.incarnation === other.incarnation && one.epoch === other.epoch;
}

function nameOf({ node, incarnation, epoch, seq }: RequestName): string {
  return `${seq} ${epoch} ${incarnation} ${node}`;
}
