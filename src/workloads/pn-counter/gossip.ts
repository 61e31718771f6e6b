/**
 * How nodes tell each other their slots: in the background, in batches, so that no add waits for another node. Every
 * interval a node asks one other, which it does not know to have all that it has, and each gets what it lacks
 * (push-pull, Demers et al., "Epidemic algorithms for replicated database maintenance", PODC 1987). So it costs at most
 * two messages a node and interval, at any rate of adds.
 *
 * A slot counts as delivered when the other node says so, after it is durable there; a lost message is sent again. What
 * a node says of others' knowledge may be wrong after a lost disk. So it asks from time to time although it has no
 * news. If then neither has any and their digests differ, both begin anew from nothing.
 */

import type { NodeContext } from '../../node/context.ts';
import { RpcError } from '../../protocol/errors.ts';
import type { ReplyOf, RequestOf } from '../../protocol/rpc.ts';
import type { DurableCounter } from './durable-counter.ts';
import { CounterGossip } from './messages.ts';
import type { Page } from './slots.ts';

/** How much the time between two ticks varies, so that nodes do not ask each other in step. */
const SPREAD = 0.2;
/** Without news, a node asks once in so many intervals. */
const QUIET_TICKS = 4;
/** How long a reply is waited for, ms. */
const DEADLINE_MS = 2000;

export interface GossipOptions {
  readonly context: NodeContext;
  readonly counter: DurableCounter;
  /** Of this life; see `DurableCounter`. */
  readonly epoch: string;
  /** Average time between two ticks, ms. */
  readonly intervalMs: number;
  /** The most slots of a message. */
  readonly page: number;
}

/** Another node. */
interface Peer {
  readonly id: string;
  /** It has all that this node had after this change. */
  delivered: number;
  /** How far this node has what the other one has: the other's cursor. */
  heard: string | undefined;
  /** Whether a reply is awaited. */
  isAsked: boolean;
}

export class Gossip {
  readonly #options: GossipOptions;
  readonly #peers: ReadonlyMap<string, Peer>;
  /** Whose turn it is, the one that was asked longest ago first. Each node begins with an order of its own. */
  readonly #turns: Peer[];
  #quietTicks = 0;
  #exchanges = 0;
  #repairs = 0;

  constructor(options: GossipOptions) {
    this.#options = options;
    const { nodeId, nodeIds } = options.context;
    const others = nodeIds.filter((id) => id !== nodeId);
    this.#peers = new Map(others.map((id) => [id, { id, delivered: 0, heard: undefined, isAsked: false }]));
    this.#turns = shuffled([...this.#peers.values()], options.context.randomUint32);
  }

  /** Exchanges with a reply, and those that found a difference that no news explained. */
  get figures(): { readonly exchanges: number; readonly repairs: number } {
    return { exchanges: this.#exchanges, repairs: this.#repairs };
  }

  /** Asks until the node stops. */
  async run(): Promise<void> {
    const { context, intervalMs } = this.#options;
    const draw = () => context.randomUint32() / 2 ** 32;
    let pauseMs = intervalMs * draw();
    while (await context.sleep(pauseMs)) {
      const peer = this.#next();
      if (peer !== undefined) void this.#ask(peer);
      pauseMs = intervalMs * (1 - SPREAD + 2 * SPREAD * draw());
    }
  }

  /** Answers another node. Rejects with an {@link RpcError}: code 22 if `src` is none, code 13 if the disk fails. */
  async answer(request: RequestOf<typeof CounterGossip>, src: string): Promise<ReplyOf<typeof CounterGossip>> {
    const { counter, page } = this.#options;
    const { slots } = counter;
    const peer = this.#peers.get(src);
    if (peer === undefined) throw RpcError.of('precondition-failed', 'only another node of the cluster may ask this');
    await counter.learn(request.slots, src);
    const isSame = request.digest === slots.digest;
    const since = isSame ? slots.version : this.#changeOf(request.since);
    let news = isSame ? this.#nothing() : slots.changedAfter(since, since > 0 ? src : undefined, page);
    // Neither has any news, so they should have the same.
    const differs = !isSame && request.slots.length === 0 && news.slots.length === 0;
    if (differs) {
      this.#repairs++;
      news = slots.changedAfter(0, undefined, page);
    }
    peer.delivered = differs ? 0 : since;
    // It left out what it had told an earlier life, which may have had another disk.
    const isForThisLife = request.since === undefined || this.#isOwn(request.since);
    peer.heard = isForThisLife && !differs ? request.cursor : undefined;
    return { ...this.#pageFields(news), ...(differs && { differs }) };
  }

  /** The next in turn that lacks something. If none does, now and then the next in turn. */
  #next(): Peer | undefined {
    const free = this.#turns.filter(({ isAsked }) => !isAsked);
    const lacking = free.find((peer) => this.#newsFor(peer).slots.length > 0);
    this.#quietTicks = lacking === undefined ? this.#quietTicks + 1 : 0;
    const next = lacking ?? (this.#quietTicks % QUIET_TICKS === 0 ? free[0] : undefined);
    if (next !== undefined) this.#turns.push(...this.#turns.splice(this.#turns.indexOf(next), 1));
    return next;
  }

  /** Never rejects. */
  async #ask(peer: Peer): Promise<void> {
    const { context, counter } = this.#options;
    peer.isAsked = true;
    try {
      for (let more = true; more; ) {
        const news = this.#newsFor(peer);
        const { digest } = counter.slots;
        const { heard: since } = peer;
        const request = { ...this.#pageFields(news), digest, ...(since !== undefined && { since }) };
        const result = await context.rpc(peer.id, CounterGossip, request, { deadlineMs: DEADLINE_MS });
        if (result.kind !== 'ok') return;
        const { reply } = result;
        await counter.learn(reply.slots, peer.id);
        this.#exchanges++;
        const isSameLife = since === undefined || epochOf(since) === epochOf(reply.cursor);
        peer.heard = reply.cursor;
        peer.delivered = isSameLife && !reply.differs ? Math.max(peer.delivered, news.upTo) : 0;
        more = news.more || reply.more === true;
      }
    } catch {
      // The disk failed, and the counter says so itself. The other node may have news that this one did not take.
    } finally {
      peer.isAsked = false;
    }
  }

  /** In a peer's first exchange it is told what it told itself, in case that it has lost it. */
  #newsFor({ id, delivered }: Peer): Page {
    return this.#options.counter.slots.changedAfter(delivered, delivered > 0 ? id : undefined, this.#options.page);
  }

  #nothing(): Page {
    return { slots: [], upTo: this.#options.counter.slots.version, more: false };
  }

  #pageFields({ slots, upTo, more }: Page): Pick<RequestOf<typeof CounterGossip>, 'cursor' | 'slots' | 'more'> {
    return { cursor: `${this.#options.epoch} ${upTo}`, slots: [...slots], ...(more && { more }) };
  }

  /** The change that a cursor stands for; 0 if it is of another life. */
  #changeOf(cursor: string | undefined): number {
    return cursor !== undefined && this.#isOwn(cursor) ? Number(cursor.split(' ')[1]) || 0 : 0;
  }

  #isOwn(cursor: string): boolean {
    return epochOf(cursor) === this.#options.epoch;
  }
}

function epochOf(cursor: string): string | undefined {
  return cursor.split(' ')[0];
}

function shuffled<Item>(items: readonly Item[], randomUint32: () => number): Item[] {
  const order = [...items];
  for (let last = order.length - 1; last > 0; last--) {
    const other = randomUint32() % (last + 1);
    [order[last], order[other]] = [order[other] as Item, order[last] as Item];
  }
  return order;
}
