/**
 * How what one node is told reaches all others, in few messages: a star. A node sends its elements to the hub, which
 * gathers for a while and sends what it has gathered to all. That takes two hops, and the messages are shared by all
 * elements of that while.
 *
 * None of these messages is acknowledged. What was lost is found by comparing digests, as in anti-entropy (Demers et
 * al., "Epidemic Algorithms for Replicated Database Maintenance", PODC 1987). The hub announces its digest to all, and
 * every node now and then sends its own to a random one, so that repair needs no hub. Most differences are entries
 * under way. Only one that lasts longer than these take is repaired: who lacks entries pulls them, in parts.
 */

import { Abort } from '../../node/abort.ts';
import type { NodeContext } from '../../node/context.ts';
import type { RequestOf } from '../../protocol/rpc.ts';
import { Differences } from './differences.ts';
import { ANNOUNCE_MS, HubChoice } from './hub-choice.ts';
import { Compare, Spread } from './messages.ts';
import { Outbox, type Outgoing, partsOf } from './outbox.ts';
import type { Count, PartLimits, ReplicatedSet, Run } from './replicated-set.ts';

/** How long entries are gathered before they are sent, ms. Longer waits make fewer messages. */
export interface GossipWaits {
  /** By a node that sends to the hub. */
  readonly leafMs: number;
  /** By the hub. */
  readonly hubMs: number;
}

/** By the name of the preset. */
export const GOSSIP_WAITS = {
  /** Every node has an element after two hops and 200 ms. */
  fast: { leafMs: 0, hubMs: 200 },
  /** Less than half of the messages, three times the latency. */
  frugal: { leafMs: 300, hubMs: 800 },
} as const satisfies Readonly<Record<string, GossipWaits>>;

/** How often a node sends its digest to a random other one, ms, on average. */
const COMPARE_MS = 4000;
/** How often a node looks for differences that last, ms. */
const CHECK_MS = 500;
/** How long a restarted node lets reads wait until it has what it missed, ms. */
const CATCH_UP_MS = 1000;
/** A difference lasts if it is older than the waits and this, ms: two hops, the disks, and some room. */
const HOPS_MS = 1000;

export interface SpreadingOptions extends GossipWaits {
  readonly part: PartLimits;
}

interface SpreadFields {
  readonly runs: readonly Run[];
  readonly known?: readonly Count[];
  readonly relay?: true;
  readonly more?: boolean;
  readonly hub?: true;
}

export class Spreading {
  readonly #context: NodeContext;
  readonly #set: ReplicatedSet;
  readonly #options: SpreadingOptions;
  readonly #others: readonly string[];
  readonly #hub: HubChoice;
  /** Entries to be sent to the hub, and to all. */
  readonly #toHub: Outbox;
  readonly #toAll: Outbox;
  readonly #lacking: Differences;
  /** What the hub lacks of this node's own log: how much of it at least, and since when. */
  #unheard: { readonly upTo: number; readonly sinceMs: number } | undefined;
  /** Those that were asked at the start, and have not told all. */
  readonly #asked = new Set<string>();
  readonly #whenAllTold = new Abort();
  #caughtUp: Promise<unknown> | undefined;
  #announcedMs = Number.NEGATIVE_INFINITY;

  constructor(context: NodeContext, set: ReplicatedSet, options: SpreadingOptions) {
    this.#context = context;
    this.#set = set;
    this.#options = options;
    this.#others = context.nodeIds.filter((nodeId) => nodeId !== context.nodeId);
    this.#hub = new HubChoice(context);
    this.#lacking = new Differences(set, context.clock, this.#lastingMs);
    this.#toHub = new Outbox(context, options.leafMs, (entries) => this.#sendToHub(entries));
    this.#toAll = new Outbox(context, options.hubMs, (entries) => this.#sendToAll(entries));
  }

  get figures(): { lacking: number; waiting: number } {
    return { lacking: this.#lacking.size, waiting: this.#toHub.size + this.#toAll.size };
  }

  /** Begins to repair. A node that restarts asks at once for what it has missed. */
  start(): void {
    if (this.#others.length === 0) return;
    if (this.#set.size > 0) this.#catchUp();
    void this.#repeat(
      () => CHECK_MS,
      () => this.#check(),
    );
    void this.#repeat(
      () => COMPARE_MS / 2 + (this.#context.randomUint32() / 2 ** 32) * COMPARE_MS,
      () => this.#compareWithAny(),
    );
  }

  /** Asks the hub, or its successor if this node is the hub, and a random one. */
  #catchUp(): void {
    for (const peer of [this.#others[0] as string, this.#drawPeer()]) this.#asked.add(peer);
    for (const peer of this.#asked) this.#pull(peer);
    this.#caughtUp = this.#context.sleep(CATCH_UP_MS, this.#whenAllTold).then(() => {
      this.#caughtUp = undefined;
    });
  }

  /** Settles when a node that has just restarted shows what it missed, or does not wait for it longer. */
  get caughtUp(): Promise<unknown> | undefined {
    return this.#caughtUp;
  }

  async #repeat(drawPauseMs: () => number, act: () => void): Promise<void> {
    while (await this.#context.sleep(drawPauseMs())) act();
  }

  /** Spreads an entry of this node's own. */
  spread(run: Run): void {
    const entry = { run, src: this.#context.nodeId };
    if (this.#hub.isOwn) this.#toAll.add([entry]);
    else this.#toHub.add([entry]);
  }

  /** Rejects if the journal fails. */
  async receiveSpread(src: string, { runs, relay, more, hub, known = [] }: RequestOf<typeof Spread>): Promise<void> {
    const fresh = await this.#set.merge(runs);
    // What a hub had to ask for is news to others only if it comes from its origin.
    const isNews = ([origin]: Run) => relay || (this.#hub.isOwn && origin === src);
    this.#toAll.add(fresh.filter(isNews).map((run) => ({ run, src })));
    // A run that begins behind a gap shows that entries before it were lost.
    const ends = runs.map(([origin, epoch, first, values]): Count => [origin, epoch, first + values.length]);
    this.#lacking.note(src, [...ends, ...known]);
    // A copy of the message brings nothing new. It must not make a second row of pulls.
    if (more && fresh.length > 0) this.#pull(src);
    if (more === false && this.#asked.delete(src) && this.#asked.size === 0) this.#whenAllTold.abort();
    if (hub) this.#hearHub(src, known);
  }

  receiveCompare(src: string, { known, pull, hub }: RequestOf<typeof Compare>): void {
    if (pull) this.#answerPull(src, known);
    const isEmpty = this.#set.size === 0;
    this.#lacking.note(src, known);
    // It has just begun, so nothing can be under way to it.
    if (isEmpty && known.length > 0) this.#pull(src);
    if (hub) this.#hearHub(src, known);
  }

  #answerPull(dest: string, known: readonly Count[]): void {
    const { runs, more } = this.#set.missingFrom(known, this.#options.part);
    this.#send(dest, { runs, more, ...(more && { known: this.#set.digest() }) });
  }

  /** Pulls what was lacking for too long, and announces what is known. */
  #check(): void {
    for (const peer of this.#lacking.findLasting()) this.#pull(peer);
    this.#announceIfDue();
  }

  get #lastingMs(): number {
    return this.#options.leafMs + this.#options.hubMs + HOPS_MS;
  }

  #announceIfDue(): void {
    if (!this.#hub.isOwn || this.#set.size === 0 || !this.#isAnnouncementOlderThan(ANNOUNCE_MS)) return;
    // What is about to be sent will tell it.
    if (this.#toAll.size > 0) return;
    this.#announcedMs = this.#nowMs();
    const body = { type: Compare.type, known: this.#set.digest(), hub: true };
    for (const dest of this.#others) this.#context.send(dest, body);
  }

  #isAnnouncementOlderThan(ms: number): boolean {
    return this.#nowMs() - this.#announcedMs >= ms;
  }

  /**
   * When announcements lack own entries for long, the message with them was lost, and nothing else may show it. A hub
   * that succeeds one is sent at once what that one may not have passed on.
   */
  #hearHub(src: string, known: readonly Count[]): void {
    const heard = this.#hub.hear(src);
    const [origin, epoch, count] = this.#set.ownCount();
    if (heard === 'successor') this.#unheard = { upTo: count, sinceMs: Number.NEGATIVE_INFINITY };
    if (heard !== 'ignored' && known.length > 0)
      this.#compareOwn(src, known.find((entry) => entry[0] === origin && entry[1] === epoch)?.[2] ?? 0);
  }

  /** @param heard how many of this node's own entries the hub knows */
  #compareOwn(hub: string, heard: number): void {
    const [origin, epoch, count] = this.#set.ownCount();
    const unheard = this.#unheard;
    if (heard >= count) this.#unheard = undefined;
    else if (unheard === undefined || heard >= unheard.upTo) this.#unheard = { upTo: count, sinceMs: this.#nowMs() };
    else if (this.#nowMs() - unheard.sinceMs >= this.#lastingMs) {
      this.#unheard = { upTo: count, sinceMs: this.#nowMs() };
      const others = this.#set.digest().filter((entry) => entry[0] !== origin || entry[1] !== epoch);
      const { runs, more } = this.#set.missingFrom([...others, [origin, epoch, heard]], this.#options.part);
      this.#send(hub, { runs, relay: true, ...(more && { more }) });
    }
  }

  #compareWithAny(): void {
    // A hub tells all.
    if (this.#set.size === 0 || this.#hub.isOwn) return;
    this.#context.send(this.#drawPeer(), { type: Compare.type, known: this.#set.digest() });
  }

  #drawPeer(): string {
    return this.#others[this.#context.randomUint32() % this.#others.length] as string;
  }

  #pull(peer: string): void {
    if (peer !== this.#context.nodeId)
      this.#context.send(peer, { type: Compare.type, known: this.#set.digest(), pull: true });
  }

  #sendToHub(entries: readonly Outgoing[]): void {
    const { target } = this.#hub;
    if (target === this.#context.nodeId) this.#toAll.add(entries);
    else for (const runs of partsOf(entries, this.#options.part)) this.#send(target, { runs, relay: true });
  }

  #sendToAll(entries: readonly Outgoing[]): void {
    const announcement = this.#announcement();
    for (const dest of this.#others) {
      const news = entries.filter(({ run: [origin], src }) => src !== dest && origin !== dest);
      const parts = partsOf(news, this.#options.part);
      for (const [index, runs] of parts.entries())
        this.#send(dest, { runs, ...(index === parts.length - 1 && announcement) });
      if (parts.length === 0 && announcement.known !== undefined)
        this.#context.send(dest, { type: Compare.type, ...announcement });
    }
  }

  /** A busy hub announces itself with what it sends anyhow. */
  #announcement(): { readonly hub?: true; readonly known?: Count[] } {
    if (!this.#hub.isOwn) return {};
    if (!this.#isAnnouncementOlderThan(ANNOUNCE_MS / 2)) return { hub: true };
    this.#announcedMs = this.#nowMs();
    return { hub: true, known: this.#set.digest() };
  }

  #send(dest: string, fields: SpreadFields): void {
    this.#context.send(dest, { type: Spread.type, ...fields });
  }

  #nowMs(): number {
    return this.#context.clock.monotonicMs();
  }
}
