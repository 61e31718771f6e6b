/**
 * Brings transactions to the other nodes. Each node sends its own to each other node, many in a message, until that
 * node says that they are on its disk. Every message tells what its sender has seen, so it is enough to send what the
 * other lacks: no message is ever missed for good.
 *
 * A transaction that another node still lacks after a while is sent on by each node that has it: its own may be dead,
 * or cut off from that one (anti-entropy; Demers et al., PODC 1987). A node that lacks what is no longer kept gets the
 * whole state.
 */

import type { NodeContext } from '../../node/context.ts';
import { pauseUpTo } from '../../node/pause.ts';
import { stringifyExact } from '../../protocol/exact-json.ts';
import type { ReplyOf } from '../../protocol/rpc.ts';
import type { RegisterDatabase } from './database.ts';
import { BATCH_LENGTH_MAX, type RegisterLimits } from './limits.ts';
import { type Committed, Replicate, Restore } from './messages.ts';
import { pagesOf } from './register-journal.ts';
import type { Seen } from './registers.ts';

/** After so long the transactions of others are sent on, ms. */
const RELAY_MS = 2000;
/** Longest pause after the first failure, and after many in a row, ms. */
const PAUSE_MS = 50;
const PAUSE_MS_MAX = 1000;
/** How often a part of the state is sent in vain before all parts are sent anew. */
const PART_ATTEMPTS = 8;

/** Another node, as far as this one knows. */
interface Peer {
  readonly nodeId: string;
  /** Undefined: it was not heard of yet. */
  origin: string | undefined;
  seen: Seen;
  /** When it last said what it has seen, ms of the monotonic clock. */
  heardMs: number;
  /** Origins that it had before: a late message may name them. */
  readonly former: Set<string>;
  isServed: boolean;
}

export interface ReplicationOptions {
  readonly context: NodeContext;
  readonly database: RegisterDatabase;
  readonly limits: RegisterLimits;
}

export class Replication {
  readonly #options: ReplicationOptions;
  readonly #peers: readonly Peer[];
  /** What this node had seen {@link RELAY_MS} ago, and when that was. */
  #settled: { readonly seen: Seen; readonly atMs: number } = { seen: new Map(), atMs: 0 };
  #isSettling = false;
  #sent = 0;

  constructor(options: ReplicationOptions) {
    this.#options = options;
    const { nodeIds, nodeId } = options.context;
    this.#peers = nodeIds
      .filter((other) => other !== nodeId)
      .map((other) => ({
        nodeId: other,
        origin: undefined,
        seen: new Map(),
        heardMs: Number.NEGATIVE_INFINITY,
        former: new Set(),
        isServed: false,
      }));
    options.database.onDurable(() => this.#wake());
  }

  get sent(): number {
    return this.#sent;
  }

  /** Asks all other nodes what they have seen, so that they hear what this one has. */
  start(): void {
    this.#wake();
  }

  /** What this node says of itself. */
  get sender(): ReplyOf<typeof Replicate> {
    const { origin, durable } = this.#options.database;
    return { origin, seen: Object.fromEntries(durable) };
  }

  /** Another node has said what it has seen. */
  hear(nodeId: string, { origin, seen }: ReplyOf<typeof Replicate>): void {
    const peer = this.#peers.find((own) => own.nodeId === nodeId);
    if (peer === undefined || peer.former.has(origin)) return;
    const told = new Map(Object.entries(seen));
    if (peer.origin === origin) {
      // Messages overtake each other, and what is on a disk stays there.
      for (const [other, number] of peer.seen) told.set(other, Math.max(number, told.get(other) ?? 0));
    } else if (peer.origin !== undefined) peer.former.add(peer.origin);
    peer.origin = origin;
    peer.seen = told;
    peer.heardMs = this.#options.context.clock.monotonicMs();
    if (this.#peers.every((own) => own.origin !== undefined))
      this.#options.database.kept.drop(this.#peers.map((own) => own.seen));
    this.#serve(peer);
  }

  #wake(): void {
    for (const peer of this.#peers) this.#serve(peer);
    void this.#settle();
  }

  #serve(peer: Peer): void {
    if (peer.isServed || !this.#hasWork(peer)) return;
    peer.isServed = true;
    void this.#run(peer).finally(() => {
      peer.isServed = false;
    });
  }

  async #run(peer: Peer): Promise<void> {
    const { context, limits } = this.#options;
    for (let failures = 0; this.#hasWork(peer); ) {
      if (!(await context.sleep(limits.gather))) return;
      const { seen, origin } = peer;
      const isAnswered = await this.#send(peer);
      const isBetter =
        origin !== peer.origin || [...peer.seen].some(([other, number]) => number > (seen.get(other) ?? 0));
      failures = isAnswered && isBetter ? 0 : failures + 1;
      if (failures === 0) continue;
      if (!(await pauseUpTo(context, Math.min(PAUSE_MS * 2 ** (failures - 1), PAUSE_MS_MAX)))) return;
    }
  }

  #hasWork(peer: Peer): boolean {
    if (peer.origin === undefined) return true;
    return [...this.#due()].some(([origin, number]) => (peer.seen.get(origin) ?? 0) < number);
  }

  /** What every other node should have seen by now. */
  #due(): Seen {
    const { origin, durable } = this.#options.database;
    const own = durable.get(origin);
    return own === undefined ? this.#settled.seen : new Map([...this.#settled.seen, [origin, own]]);
  }

  /** Sends some of what the other lacks. Resolves to whether it was answered. */
  async #send(peer: Peer): Promise<boolean> {
    const { database, limits } = this.#options;
    const lacked = peer.origin === undefined ? [] : database.kept.lackedBy(peer.seen, this.#due());
    // It may have heard of the transactions of others since.
    const isForOthers = lacked === undefined || lacked.some(({ origin }) => origin !== database.origin);
    if (isForOthers && peer.heardMs < this.#settled.atMs) return this.#replicate(peer, []);
    return lacked === undefined ? this.#restore(peer) : this.#replicate(peer, shortBatch(lacked, limits.batch));
  }

  async #replicate(peer: Peer, committed: Committed[]): Promise<boolean> {
    this.#sent += committed.length;
    const result = await this.#options.context.rpc(peer.nodeId, Replicate, { ...this.sender, committed });
    if (result.kind === 'ok') this.hear(peer.nodeId, result.reply);
    return result.kind === 'ok';
  }

  async #restore(peer: Peer): Promise<boolean> {
    const { context, database, limits } = this.#options;
    const { seen, stamp, registers } = await database.snapshot();
    const pages = pagesOf(registers, limits.registers);
    const snapshot = context.randomUint32();
    const state = Object.fromEntries(seen);
    for (const [part, entries] of pages.entries()) {
      const request = { ...this.sender, snapshot, part, parts: pages.length, state, stamp, registers: entries };
      for (let attempt = 1; ; attempt++) {
        const result = await context.rpc(peer.nodeId, Restore, request);
        if (result.kind === 'ok') this.hear(peer.nodeId, result.reply);
        if (result.kind === 'ok') break;
        if (attempt === PART_ATTEMPTS || !(await pauseUpTo(context, PAUSE_MS * attempt))) return false;
      }
    }
    return true;
  }

  /** Notes after a while what all others should have seen, as long as there is anything new. */
  async #settle(): Promise<void> {
    const { context, database } = this.#options;
    if (this.#isSettling || this.#peers.length === 0) return;
    this.#isSettling = true;
    while (database.durable !== this.#settled.seen) {
      const seen = database.durable;
      if (!(await context.sleep(RELAY_MS))) return;
      this.#settled = { seen, atMs: context.clock.monotonicMs() };
      for (const peer of this.#peers) this.#serve(peer);
    }
    this.#isSettling = false;
  }
}

/** The first of them, and more as long as they fit into a message. */
function shortBatch(committed: readonly Committed[], max: number): Committed[] {
  let length = 0;
  const end = committed.findIndex((one, index) => {
    length += stringifyExact(one).length;
    return index > 0 && length > BATCH_LENGTH_MAX;
  });
  return committed.slice(0, Math.min(max, end < 0 ? max : end));
}
