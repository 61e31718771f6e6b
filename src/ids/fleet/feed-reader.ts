/**
 * Reads a feed: every assignment of a service, in one order, each of them before anything that is behind it.
 *
 * An entry of a feed is an intention. A reader passes it when it is decided:
 *
 * - Its assignment names its id: it is delivered.
 * - The assignment names another id: it has lost, for ever. That is marked in the page first, so that it stays true
 *   when the other assignment has ended.
 * - There is no assignment: the reader makes it, as the node should have done that wrote the entry. A client has asked
 *   for it, so that does no harm.
 *
 * So nothing becomes visible behind a cursor. When all of a closed page is decided, the page is sealed, and from then
 * on one reading tells all of it.
 */

import type { Stored } from '../../kv/documents.ts';
import { storeTimings } from '../../kv/timings.ts';
import type { NodeContext } from '../../node/context.ts';
import { BoundedMap } from '../../protocol/bounded-map.ts';
import { RpcError } from '../../protocol/errors.ts';
import type { Assignments, Fate, Intention } from './assignments.ts';
import type { Place } from './feed-cursor.ts';
import { type FeedPage, type FeedStore, feedPageKey } from './feed-records.ts';
import { FeedWatch, type SeenPage } from './feed-watch.ts';

/** How long an entry that is not decided is left to the node that wrote it, ms. */
const DECIDING_MS = 25;

/** Sealed pages in memory. They never change. */
const SEALED_MAX = 64;

/** Requests of a node that may wait for new assignments at a time, and their part of all its requests. */
const WAITING_MAX = 1000;
const WAITING_PART = 1 / 2;

export interface FeedItem {
  readonly id: string;
  readonly key: string;
}

/** What was read: nothing only at the end of the feed. */
export interface FeedReading {
  readonly items: readonly FeedItem[];
  /** Behind the last item, and what else was passed. */
  readonly place: Place;
}

export interface FeedQuestion {
  readonly service: string;
  /** Undefined: from the oldest assignment that is kept. */
  readonly from: Place | undefined;
  /** The most assignments in one answer. */
  readonly limit: number;
  /** How long to wait at the end of the feed, ms. */
  readonly waitMs: number;
}

export interface FeedReaderOptions {
  readonly context: Pick<NodeContext, 'clock' | 'sleep' | 'onDrain'>;
  readonly store: FeedStore;
  readonly assignments: Pick<Assignments, 'fateOf' | 'decide' | 'listen'>;
  /** Requests that may wait at a time. */
  readonly waitingMax: number;
}

/** A reading, and where it ended: at the end of the feed if there is a version. */
interface Walk extends FeedReading {
  readonly ver?: number;
}

/** What a reader passes of one page. */
interface Passed {
  readonly items: readonly FeedItem[];
  /** Up to here. */
  readonly position: number;
  /** Positions that have lost and are not marked. */
  readonly lost: readonly number[];
  /** Whether it passed anything that has ended undecided. */
  readonly hasGaps: boolean;
  /** Why it went no further. */
  readonly trouble?: RpcError;
}

/** Where on a page to begin, and how far to go. */
interface Rest {
  readonly position: number;
  readonly limit: number;
  readonly skipsEnded: boolean;
  /** When the page was read, by the monotonic clock. */
  readonly beganMs: number;
}

/**
 * The requests that may wait for new assignments at a time: those that wait must leave places for others. At least one.
 *
 * @param inFlightMax requests that the node takes at a time
 */
export function feedWaitingMax(inFlightMax: number): number {
  return Math.max(1, Math.min(WAITING_MAX, Math.floor(inFlightMax * WAITING_PART)));
}

export class FeedReader {
  readonly #options: FeedReaderOptions;
  readonly #watch: FeedWatch;
  readonly #patienceMs: number;
  /** By the key of the page. */
  readonly #sealed = new BoundedMap<string, Stored<FeedPage>>(SEALED_MAX);

  constructor(options: FeedReaderOptions) {
    const { context, store, assignments, waitingMax } = options;
    this.#options = options;
    this.#patienceMs = storeTimings(store.patienceMs).updateMs;
    this.#watch = new FeedWatch(context, store, waitingMax);
    assignments.listen((service) => this.#watch.notice(service));
  }

  /** The number of requests that wait for new assignments. */
  get waitingCount(): number {
    return this.#watch.count;
  }

  /**
   * Rejects with error 11 if the store gives no answer or too many requests wait, with 22 if what is behind `from` is
   * not kept any more, with 14 if the feed never came so far.
   */
  async read({ service, from, limit, waitMs }: FeedQuestion): Promise<FeedReading> {
    const { clock } = this.#options.context;
    const endMs = clock.monotonicMs() + waitMs;
    let place = from ?? (await this.#beginning(service));
    let skipsEnded = from === undefined;
    let seen: SeenPage | undefined;
    for (;;) {
      const walk = await this.#walk(service, place, limit, skipsEnded, seen);
      const leftMs = endMs - clock.monotonicMs();
      if (walk.items.length > 0 || walk.ver === undefined || leftMs <= 0) return walk;
      ({ place } = walk);
      skipsEnded = false;
      seen = await this.#watch.change(service, place.page, walk.ver, leftMs);
      if (seen === undefined) return walk;
    }
  }

  /** Whether the feed has come this far: no cursor was given for any other place. */
  async reaches(service: string, { page, position }: Place): Promise<boolean> {
    const { content } = await this.#readPage(service, page);
    if (content !== undefined) return position <= content.entries.length;
    // It is behind the last page, or what it was given for has been removed.
    const head = await this.#options.store.head(service);
    if (page < (head?.last ?? 0)) return true;
    if (position > 0 || page === 0) return position === 0;
    const before = (await this.#readPage(service, page - 1)).content;
    return before !== undefined && before.state !== 'open';
  }

  /** The first page that is kept. */
  async #beginning(service: string): Promise<Place> {
    const { first = 0, last = 0 } = (await this.#options.store.head(service)) ?? {};
    let page = first;
    // Pages are removed before the head says so.
    while (page < last && (await this.#readPage(service, page)).content === undefined) page++;
    return { page, position: 0 };
  }

  async #walk(service: string, from: Place, limit: number, skipsEnded: boolean, seen?: SeenPage): Promise<Walk> {
    const { clock } = this.#options.context;
    const endMs = clock.monotonicMs() + this.#patienceMs;
    const items: FeedItem[] = [];
    let place = from;
    for (;;) {
      try {
        const beganMs = clock.monotonicMs();
        const stored = seen?.page === place.page ? seen.stored : await this.#readPage(service, place.page);
        seen = undefined;
        const { content } = stored;
        if (content === undefined) {
          await this.#requireEnd(service, place);
          return { items, place, ver: stored.ver };
        }
        if (place.position > content.entries.length) throw beyond(service);
        const rest = { position: place.position, limit: limit - items.length, skipsEnded, beganMs };
        const passed = await this.#pass(service, place.page, stored as Stored<FeedPage> & { content: FeedPage }, rest);
        items.push(...passed.items);
        place = { page: place.page, position: passed.position };
        if (passed.trouble !== undefined) throw passed.trouble;
        if (place.position < content.entries.length) return { items, place };
        if (content.state === 'open') return { items, place, ver: stored.ver };
        place = { page: place.page + 1, position: 0 };
        if (items.length >= limit || (items.length > 0 && clock.monotonicMs() >= endMs)) return { items, place };
      } catch (error) {
        // What was read is told. The next request finds the trouble, or that it is over.
        if (error instanceof RpcError && items.length > 0) return { items, place };
        throw error;
      }
    }
  }

  /** Passes entries of a page until one is not decided. What has lost is marked before it is passed. */
  async #pass(
    service: string,
    page: number,
    stored: Stored<FeedPage> & { readonly content: FeedPage },
    rest: Rest,
  ): Promise<Passed> {
    const { content } = stored;
    if (content.state === 'sealed') return passSealed(content, rest.position, rest.limit);
    const passed = await this.#decide(service, content, rest);
    const isWhole = content.state === 'closed' && passed.position === content.entries.length && !passed.hasGaps;
    const seals = isWhole && (await this.#allDecided(service, content, rest.position));
    if (passed.lost.length === 0 && !seals) return passed;
    const marked = await this.#options.store.pages.update(
      feedPageKey(service, page),
      (current) => mark(current, passed.lost, seals),
      stored,
    );
    if (marked.kind === 'ok' || passed.lost.length === 0) return passed;
    return cutAt(passed, passed.lost[0] as number, content, unavailable(marked.error));
  }

  async #decide(
    service: string,
    { entries, lost }: FeedPage,
    { position, limit, skipsEnded, beganMs }: Rest,
  ): Promise<Passed> {
    const marked = new Set(lost);
    const fates = this.#fatesFrom(service, entries, marked, position, limit);
    const items: FeedItem[] = [];
    const newlyLost: number[] = [];
    let hasGaps = false;
    let at = position;
    for (; at < entries.length && items.length < limit; at++) {
      if (marked.has(at)) continue;
      const [id, key] = entries[at] as [string, string];
      let fate: Fate | RpcError = (await fates.get(at)) ?? 'undecided';
      // What comes first is what the reader waits for. The rest has time until the next request.
      if (fate === 'undecided' && items.length > 0) break;
      if (fate === 'undecided') fate = await this.#help({ id, service, key }, beganMs);
      if (fate === 'ended' && !skipsEnded) fate = ended(service);
      if (fate instanceof RpcError) return { items, position: at, lost: newlyLost, hasGaps, trouble: fate };
      if (fate === 'assigned') items.push({ id, key });
      else if (fate === 'lost') newlyLost.push(at);
      else hasGaps = true;
    }
    return { items, position: at, lost: newlyLost, hasGaps };
  }

  /** Asks for all at once, as many as may be delivered. */
  #fatesFrom(
    service: string,
    entries: FeedPage['entries'],
    marked: ReadonlySet<number>,
    position: number,
    limit: number,
  ): ReadonlyMap<number, Promise<Fate | RpcError>> {
    const fates = new Map<number, Promise<Fate | RpcError>>();
    for (let at = position; at < entries.length && fates.size < limit; at++) {
      const [id, key] = entries[at] as [string, string];
      if (!marked.has(at)) fates.set(at, this.#options.assignments.fateOf({ id, service, key }).catch(asError));
    }
    return fates;
  }

  /** Decides an entry, which its node had a little time to decide. */
  async #help(intention: Intention, beganMs: number): Promise<Fate | RpcError> {
    const { context, assignments } = this.#options;
    try {
      await context.sleep(DECIDING_MS);
      const fate = await assignments.fateOf(intention);
      return fate === 'undecided' ? await assignments.decide(intention, beganMs + this.#patienceMs) : fate;
    } catch (error) {
      return asError(error);
    }
  }

  /** Whether what was passed before is assigned or marked, too: only then the page may say so. */
  async #allDecided(service: string, { entries, lost }: FeedPage, before: number): Promise<boolean> {
    const fates = this.#fatesFrom(service, entries.slice(0, before), new Set(lost), 0, before);
    return (await Promise.all(fates.values())).every((fate) => fate === 'assigned');
  }

  /** There is no such page. Throws unless nothing was ever behind the place. */
  async #requireEnd(service: string, { page, position }: Place): Promise<void> {
    const head = await this.#options.store.head(service);
    if (head !== undefined && page < head.last) throw ended(service);
    if (position > 0) throw beyond(service);
    if (page === 0) return;
    const { content } = await this.#readPage(service, page - 1);
    // If it is open or never was, this place cannot have been reached.
    if (content === undefined || content.state === 'open') throw beyond(service);
  }

  async #readPage(service: string, page: number): Promise<Stored<FeedPage>> {
    const key = feedPageKey(service, page);
    const known = this.#sealed.get(key);
    if (known !== undefined) return known;
    const stored = await this.#options.store.page(service, page);
    if (stored.content?.state === 'sealed') this.#sealed.set(key, stored);
    return stored;
  }
}

function passSealed({ entries, lost }: FeedPage, from: number, limit: number): Passed {
  const marked = new Set(lost);
  const items: FeedItem[] = [];
  let position = from;
  for (; position < entries.length && items.length < limit; position++) {
    const [id, key] = entries[position] as [string, string];
    if (!marked.has(position)) items.push({ id, key });
  }
  return { items, position, lost: [], hasGaps: false };
}

/** Undefined: the page says so already. */
function mark(current: FeedPage | undefined, lost: readonly number[], seals: boolean): FeedPage | undefined {
  if (current === undefined) throw RpcError.of('abort', 'the page is gone');
  const all = [...new Set([...current.lost, ...lost])].sort((one, other) => one - other);
  const state = seals ? 'sealed' : current.state;
  if (all.length === current.lost.length && state === current.state) return undefined;
  return { ...current, lost: all, state };
}

/** Only what is before `end`. */
function cutAt(passed: Passed, end: number, { entries }: FeedPage, trouble: RpcError): Passed {
  const ids = new Set(entries.slice(0, end).map(([id]) => id));
  const items = passed.items.filter(({ id }) => ids.has(id));
  return { items, position: end, lost: [], hasGaps: passed.hasGaps, trouble };
}

function asError(error: unknown): RpcError {
  if (!(error instanceof RpcError)) throw error;
  return unavailable(error);
}

/** Reading changes nothing that was not asked for, so it is never unknown whether it happened. */
function unavailable({ message }: RpcError): RpcError {
  return RpcError.of('temporarily-unavailable', message);
}

function ended(service: string): RpcError {
  const text = `what follows this cursor in the feed of ${service} is older than what is kept: some of it is gone; without a cursor the feed is read from what is kept`;
  return RpcError.of('precondition-failed', text);
}

function beyond(service: string): RpcError {
  const text = `this cursor is behind the end of the feed of ${service}: the store has lost what was read, or is another one`;
  return RpcError.of('abort', text);
}
