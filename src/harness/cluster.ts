/**
 * The nodes of a run on their network. Starts them, sends `init`, kills, restarts and pauses them. Every line that a
 * node prints is judged here. A node may answer each request once for each copy that it received, and nothing else.
 */

import type { Violation } from '../checkers/violations.ts';
import { isClient } from '../protocol/client-id.ts';
import { describeErrorCode } from '../protocol/errors.ts';
import { stringifyExact, stringifyName, stringifyRecord } from '../protocol/exact-json.ts';
import { isFlat } from '../protocol/message.ts';
import type { Scheduler } from '../protocol/scheduler.ts';
import type { Bed, Engine, HeldOutput, NodeHandle } from './bed.ts';
import { Client, type ClientResult } from './client.ts';
import { type ClockFault, type DiskDamage, type GrudgeRecord, grudgePairs, NODES_OF_LOSS_MIN } from './fault.ts';
import { Init } from './init.ts';
import type { FaultTarget } from './nemesis.ts';
import type { Network, NetworkMessage } from './network.ts';
import { judgeLine, type NodeMessage } from './node-output.ts';
import { Unanswered } from './unanswered.ts';

/** Output that waits longer for its newline, ms, is not a line that is still being written. */
const HELD_OUTPUT_MS_MIN = 1000;
/** Enough time to read the output that has arrived, ms. */
const REREAD_MS = 100;
/** A restarted node may take as long as the faults last, ms. Whether it serves again is judged after the healing. */
const RESTART_TIMEOUT_MS = 1e9;

export interface ClusterOptions {
  readonly nodes: readonly string[];
  readonly bed: Bed;
  readonly network: Network;
  readonly scheduler: Scheduler;
  /** How long a node may take to answer its first `init`, ms. */
  readonly initTimeoutMs: number;
  /** Whether a reply to a closed client is no violation. */
  readonly latenessExcused: boolean;
  /** Whether disks are lost one at a time only, each when all nodes have recovered. */
  readonly losesOneDisk: boolean;
  readonly violate: (violation: Violation) => void;
  /** Called after a node exited and the exit was reported. */
  readonly onExit: () => void;
  /** Called when a life of a node has answered `init`. */
  readonly onReady: () => void;
}

/** A node in all its lives. */
interface Member {
  readonly id: string;
  /** Whether a life is running. */
  up: boolean;
  handle: NodeHandle | undefined;
  paused: boolean;
  /** The number of this life, from 1. */
  life: number;
  /** When this life started, by the scheduler's clock. */
  startedMs: number;
  /** When this life answered `init`; undefined until then. */
  readyMs: number | undefined;
  /** Sends `init` to this life; undefined once that is answered. */
  initClient: Client | undefined;
  /** Resolves when nothing of the last life is left. */
  ended: Promise<void>;
  /** Requests of this life whose replies have not arrived. */
  readonly sent: Unanswered;
  /** The same for earlier lives. */
  readonly sentBefore: Unanswered;
  /** Whether all that it lost with a disk is known to have been recovered. Of a new node it is not known. */
  recovered: boolean;
  /** Whether it has printed any message yet, in any life. */
  hasSpoken: boolean;
  /** Whether this life closed its output. */
  closedOutput: boolean;
}

export class Cluster implements FaultTarget {
  readonly #options: ClusterOptions;
  readonly #members = new Map<string, Member>();
  /**
   * Requests that reached a node and are not answered. All nodes share them: a node may answer a request that another
   * node passed on.
   */
  readonly #asked = new Unanswered();
  readonly #restarting = new Set<Promise<void>>();
  #listening = true;

  constructor(options: ClusterOptions) {
    this.#options = options;
  }

  /** Starts every node and sends `init`. Resolves to false if one of them did not become ready. */
  async start(): Promise<boolean> {
    const { nodes, network } = this.#options;
    for (const id of nodes) {
      if (!this.#listening) return false;
      const member: Member = {
        id,
        up: false,
        handle: undefined,
        paused: false,
        life: 0,
        startedMs: 0,
        readyMs: undefined,
        initClient: undefined,
        ended: Promise.resolve(),
        sent: new Unanswered(),
        sentBefore: new Unanswered(),
        recovered: false,
        hasSpoken: false,
        closedOutput: false,
      };
      this.#members.set(id, member);
      network.addEndpoint(id, (message) => this.#deliver(member, message));
      this.#begin(member);
    }
    if (!this.#listening) return false;
    return (await Promise.all([...this.#members.values()].map((member) => this.#init(member)))).every((ready) => ready);
  }

  /** Whether every node is up, has answered `init` and is not paused. */
  get isReady(): boolean {
    for (const { readyMs, paused } of this.#members.values()) if (readyMs === undefined || paused) return false;
    return true;
  }

  /** From now on nothing that a node does is judged, e.g. its output while it is killed. */
  ignore(): void {
    this.#listening = false;
    for (const { initClient } of this.#members.values()) initClient?.close();
  }

  /** Reports output that never got its newline. */
  async judgeHeldOutput(): Promise<void> {
    if (this.#stuckOutputs().length === 0) return;
    // If this process was stopped, the rest of a line may have arrived but not been read.
    await new Promise<void>((resolve) => this.#options.scheduler.schedule(REREAD_MS, resolve));
    for (const { id, held } of this.#stuckOutputs()) {
      const text = `${id} left ${describeBytes(held)} on its stdout without a newline; every message must end with one`;
      this.#violate(id, 'no-newline', text, held.beginning);
    }
  }

  /**
   * How long the start of a node has held it up since `sinceMs`, by the scheduler's clock: until it was ready, or until
   * now, but for `--init-timeout` at most.
   */
  startMsSince(id: string, sinceMs: number): number {
    const member = this.#members.get(id);
    if (member === undefined || !member.up) return 0;
    const endMs = member.readyMs ?? this.#options.scheduler.now();
    const durationMs = Math.max(0, endMs - Math.max(sinceMs, member.startedMs));
    return Math.min(durationMs, this.#options.initTimeoutMs);
  }

  /**
   * Reports every node that was started again and has not answered `init` yet. One that clients reach by another way
   * may have served all the same.
   */
  judgeUnready(hasServed: (id: string) => boolean): void {
    if (!this.#listening) return;
    for (const member of this.#members.values()) {
      if (!member.up || member.readyMs !== undefined || member.life === 1) continue;
      if (this.#isAsked && hasServed(member.id)) continue;
      const held = member.handle?.heldOutput?.();
      const seconds = (this.#options.scheduler.now() - member.startedMs) / 1000;
      const text = `${member.id} was started again and did not answer init within ${Math.floor(seconds)} s`;
      this.#violate(member.id, 'init', `${text}${describeSilence(member, held)}`, held?.beginning);
    }
  }

  /** Ends every node; resolves when nothing of them is left. */
  async stop(): Promise<void> {
    this.ignore();
    await Promise.all([...this.#members.values()].map((member) => this.#end(member)));
  }

  get engine(): Engine | undefined {
    return this.#options.bed.engine;
  }

  cut(grudge: GrudgeRecord): void {
    for (const { src, dest } of grudgePairs(grudge)) this.#carrierOf(src, dest).cut(src, dest);
  }

  mend(grudge: GrudgeRecord): void {
    for (const { src, dest } of grudgePairs(grudge)) this.#carrierOf(src, dest).mend(src, dest);
  }

  /** What carries messages from `src` to `dest`. */
  #carrierOf(src: string, dest: string): Pick<Engine, 'cut' | 'mend'> {
    const { engine } = this;
    return engine?.members.some((member) => member === src || member === dest) ? engine : this.#options.network;
  }

  kill(nodes: readonly string[], damage: DiskDamage | undefined): readonly string[] {
    return this.#hit(nodes, (member) => {
      if (damage === 'lost' && this.#options.losesOneDisk && !this.#mayLoseDisk()) return false;
      const hit = member.up;
      void this.#end(member);
      if (damage === 'lost') member.recovered = false;
      // The power may also fail while the node is down.
      if (damage !== undefined) this.#options.bed.machines?.damageDisk(member.id, damage);
      return hit;
    });
  }

  #mayLoseDisk(): boolean {
    const { nodes } = this.#options;
    return nodes.length >= NODES_OF_LOSS_MIN && nodes.every((id) => this.hasRecovered(id));
  }

  /** Whether a node has recovered from the loss of its disk, as far as it could be asked. */
  hasRecovered(id: string): boolean {
    const member = this.#members.get(id);
    if (member === undefined) return false;
    if (!member.recovered && member.readyMs !== undefined)
      member.recovered = member.handle?.findSickness?.() === undefined;
    return member.recovered;
  }

  /** Resolves when every pending restart has started its node. */
  async restarted(): Promise<void> {
    await Promise.all(this.#restarting);
  }

  restart(nodes: readonly string[]): void {
    for (const id of nodes) {
      const member = this.#members.get(id);
      if (member === undefined || !this.#listening) continue;
      const begun = member.ended.then(() => {
        this.#restarting.delete(begun);
        if (!this.#listening || member.up) return;
        this.#begin(member);
        void this.#init(member);
      });
      this.#restarting.add(begun);
    }
  }

  pause(nodes: readonly string[]): readonly string[] {
    return this.#hit(nodes, (member) => {
      if (!member.up || member.paused) return false;
      member.paused = true;
      member.handle?.pause();
      return true;
    });
  }

  resume(nodes: readonly string[]): void {
    this.#hit(nodes, (member) => {
      member.paused = false;
      member.handle?.resume();
      return true;
    });
  }

  disturbClock(nodes: readonly string[], fault: ClockFault): () => void {
    const undo = nodes.map((id) => this.#options.bed.machines?.disturbClock(id, fault));
    return () => {
      for (const undoOne of undo) undoOne?.();
    };
  }

  /** Sets every clock right. */
  setClocks(): void {
    for (const id of this.#options.nodes) this.#options.bed.machines?.setClock(id);
  }

  #stuckOutputs(): { id: string; held: HeldOutput }[] {
    return [...this.#members.values()].flatMap(({ id, up, paused, handle }) => {
      const held = this.#listening && up && !paused ? handle?.heldOutput?.() : undefined;
      return held !== undefined && held.waitedMs >= HELD_OUTPUT_MS_MIN ? { id, held } : [];
    });
  }

  #hit(nodes: readonly string[], act: (member: Member) => boolean): readonly string[] {
    return nodes.filter((id) => {
      const member = this.#members.get(id);
      return member !== undefined && act(member);
    });
  }

  #begin(member: Member): void {
    const { bed } = this.#options;
    const { id } = member;
    const life = ++member.life;
    member.startedMs = this.#options.scheduler.now();
    const whileAlive =
      <Args extends unknown[]>(listener: (...args: Args) => void) =>
      (...args: Args) => {
        if (this.#listening && member.life === life && member.up) listener(...args);
      };
    member.up = true;
    member.closedOutput = false;
    const handle = bed.startNode(id, {
      onLine: whileAlive((line) => this.#receiveLine(member, line)),
      onMessage: whileAlive((message) => this.#receive(member, message)),
      onUnreadable: whileAlive((reason, beginning) =>
        this.#violate(id, 'unreadable', `${id} printed output that cannot be read: ${reason}`, beginning),
      ),
      onOutputClosed: whileAlive(() => {
        member.closedOutput = true;
        this.#violate(id, 'stdout-closed', `${id} closed its stdout but still runs, so it can send no more messages`);
      }),
      onExit: whileAlive((how) => this.#exited(member, how)),
    });
    if (member.up) member.handle = handle;
    // It ended within the call.
    else member.ended = handle.kill();
  }

  #end(member: Member): Promise<void> {
    const { handle } = member;
    if (!member.up) return member.ended;
    // Nothing can be asked of it from now on.
    this.hasRecovered(member.id);
    member.up = false;
    member.readyMs = undefined;
    member.handle = undefined;
    member.paused = false;
    member.sent.moveTo(member.sentBefore);
    member.initClient?.close();
    if (!this.#isAsked) this.#options.network.setDown(member.id);
    if (handle !== undefined) member.ended = handle.kill();
    return member.ended;
  }

  async #init(member: Member): Promise<boolean> {
    const { network, scheduler, nodes, initTimeoutMs } = this.#options;
    const { id, life } = member;
    const client = new Client({ network, scheduler, nodeId: id, onMalformed: () => {}, exempt: true });
    member.initClient = client;
    if (!this.#isAsked)
      network.admit(id, {
        client: client.id,
        expects: ({ src, body }) =>
          member.life === life && typeof body.in_reply_to === 'number' && member.sent.has(src, body.in_reply_to),
      });
    const timeoutMs = life === 1 ? initTimeoutMs : RESTART_TIMEOUT_MS;
    const result = await client.rpc(Init, { node_id: id, node_ids: [...nodes] }, timeoutMs);
    client.close();
    if (member.initClient === client) member.initClient = undefined;
    if (result.kind === 'ok') {
      if (member.life === life && member.up) {
        member.readyMs = scheduler.now();
        if (!this.#isAsked) network.open(id);
        this.#options.onReady();
      }
      return true;
    }
    // This life of the node is over, or no longer judged. An exit has been reported already, with the last output.
    if (!this.#listening || member.life !== life || !member.up) return false;
    const held = result.kind === 'timeout' ? member.handle?.heldOutput?.() : undefined;
    const hint = result.kind === 'timeout' ? describeSilence(member, held) : '';
    this.#violate(id, 'init', `${id} ${describeInitFailure(result, timeoutMs)}${hint}`, held?.beginning);
    return false;
  }

  /** Whether clients reach nodes by another way than the network of the run, which cannot hold their requests then. */
  get #isAsked(): boolean {
    return this.#options.bed.ask !== undefined;
  }

  #deliver(member: Member, { id, src, dest, body }: NetworkMessage): void {
    const { msg_id: messageId, in_reply_to: inReplyTo } = body;
    if (typeof inReplyTo === 'number') {
      member.sent.take(src, inReplyTo);
      member.sentBefore.take(src, inReplyTo);
    } else if (typeof messageId === 'number') this.#asked.add(src, messageId);
    const { handle } = member;
    const { bed } = this.#options;
    if (bed.ask !== undefined && body.type !== Init.type) {
      const { msg_id: _, ...request } = body;
      bed.ask(member.id, request, (reply) => this.#receiveReply(member, src, messageId as number, reply));
      return;
    }
    if (handle?.deliverMessage !== undefined && isFlat(body)) handle.deliverMessage({ src, dest, body });
    else
      handle?.deliver(
        `{"id":${id},"src":${stringifyName(src)},"dest":${stringifyName(dest)},"body":${stringifyRecord(body)}}`,
      );
  }

  /** The body of a reply has no `in_reply_to`: the connection that it came on says which request it answers. */
  #receiveReply(member: Member, client: string, messageId: number, body: string): void {
    // A client that has given up has closed its connection.
    if (!this.#listening || !this.#options.network.has(client)) return;
    const ends = `"src":${stringifyName(member.id)},"dest":${stringifyName(client)}`;
    this.#receiveLine(member, `{${ends},"body":${body.slice(0, -1)},"in_reply_to":${messageId}}}`);
  }

  #receiveLine(member: Member, line: string): void {
    const judged = judgeLine(member.id, line);
    if (!('message' in judged)) {
      this.#violate(member.id, judged.rule, judged.text, line);
      return;
    }
    this.#receive(member, judged.message, line);
  }

  #receive(member: Member, { src, dest, body }: NodeMessage, knownLine?: string): void {
    const excerpt = () => knownLine ?? stringifyExact({ src, dest, body });
    const { msg_id: messageId, in_reply_to: inReplyTo } = body;
    member.hasSpoken = true;
    if (typeof inReplyTo !== 'number' && isClient(dest) && this.#options.network.has(dest)) {
      // A client only takes replies, so it would drop this message in silence.
      const what =
        inReplyTo === undefined ? 'without in_reply_to' : `with the in_reply_to ${stringifyExact(inReplyTo)}`;
      const text = `${src} sent ${dest} a message ${what}, which answers nothing: in_reply_to is the msg_id of the request, a number`;
      this.#violate(src, 'answers-nothing', text, excerpt());
    }
    if (typeof inReplyTo === 'number') {
      if (!this.#asked.take(dest, inReplyTo) && this.#options.network.has(dest)) {
        const text = `${src} answered ${dest}, who had not asked that, or was answered already (in_reply_to ${inReplyTo})`;
        this.#violate(src, 'unasked-reply', text, excerpt());
      }
    } else if (typeof messageId === 'number') {
      member.sent.add(dest, messageId);
      if (member.sentBefore.has(dest, messageId) && this.#surelyAnswers(dest)) {
        const text = `${src} asked ${dest} under the msg_id ${messageId} of a request of an earlier life; a late reply to the old request would pass for the reply to this one`;
        this.#violate(src, 'msg-id-reuse', text, excerpt());
      }
    }
    const { bed, network, latenessExcused } = this.#options;
    if (bed.findFlaw !== undefined && this.#members.has(dest)) {
      const flaw = bed.findFlaw({ src, dest, body });
      if (flaw !== undefined)
        this.#violate(src, 'schema', `${src} sent ${dest} a message that is not as declared: ${flaw}`, excerpt());
    }
    if (network.send(src, dest, body)) return;
    if (network.hadClient(dest)) {
      if (latenessExcused) return;
      const text = `${src} sent a message to the client ${JSON.stringify(dest)}, which is closed: it answered twice, or later than the client waits`;
      this.#violate(src, 'unknown-dest', text, excerpt());
    } else
      this.#violate(
        src,
        'unknown-dest',
        `${src} sent a message to ${JSON.stringify(dest)}, which does not exist`,
        excerpt(),
      );
  }

  /**
   * Whether a message to `dest` with a `msg_id` is surely a request. Nodes that are not ours may number messages that
   * need no answer.
   */
  #surelyAnswers(dest: string): boolean {
    return this.#options.bed.findFlaw !== undefined || !this.#members.has(dest);
  }

  #exited(member: Member, how: string): void {
    this.#violate(member.id, 'exit', `${member.id} ended by itself: ${how}`);
    void this.#end(member);
    this.#options.onExit();
  }

  #violate(node: string, rule: string, text: string, line?: string): void {
    this.#options.violate(line === undefined ? { node, rule, text } : { node, rule, text, line });
  }
}

function describeInitFailure(result: Exclude<ClientResult, { kind: 'ok' }>, timeoutMs: number): string {
  switch (result.kind) {
    case 'timeout':
      return `did not answer init within ${timeoutMs / 1000} s`;
    case 'error':
      return `answered init with ${describeErrorCode(result.code)}${describeErrorText(result.text)}`;
    case 'malformed':
      return `answered init with something else: ${result.text}`;
  }
}

/** The likely cause of a missing answer, as the end of a sentence. */
function describeSilence({ hasSpoken, closedOutput, handle }: Member, held: HeldOutput | undefined): string {
  if (handle?.findTrouble !== undefined) {
    const trouble = handle.findTrouble();
    return trouble === undefined ? '' : `: ${trouble}`;
  }
  if (held !== undefined)
    return `; it printed ${describeBytes(held)} without a newline, and every message must end with one`;
  if (closedOutput) return '';
  const moreTime = ' (--init-timeout allows more)';
  return hasSpoken ? moreTime : `${moreTime}, nor did it print any message: does it flush its stdout?`;
}

function describeBytes({ bytes }: HeldOutput): string {
  return bytes === 1 ? '1 byte' : `${bytes} bytes`;
}

function describeErrorText(text: unknown): string {
  if (text === undefined) return '';
  return `: ${typeof text === 'string' ? text : stringifyExact(text)}`;
}
