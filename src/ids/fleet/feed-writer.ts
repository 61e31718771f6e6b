/**
 * The writer of the feeds: for each service, all intentions in one order that never changes. An entry is appended to
 * the last page before its assignment is created, so every assignment has an entry. What became of an entry is decided
 * by its assignment, and readers see to it that it is decided before they pass it (`feed-reader.ts`).
 *
 * A page is created when the one before it was read as closed, and a closed page takes no more entries. So the order is
 * that of pages and positions. The head is a hint where to begin; it may lag behind.
 */

import { NOTHING_STORED, type Stored } from '../../kv/documents.ts';
import type { Keeping } from '../../kv/horizon.ts';
import { storeTimings } from '../../kv/timings.ts';
import { BoundedMap } from '../../protocol/bounded-map.ts';
import type { Clock } from '../../protocol/clock.ts';
import { RpcError } from '../../protocol/errors.ts';
import { type FeedEntry, type FeedPage, type FeedStore, feedKey, feedPageKey } from './feed-records.ts';

/** A page with so many entries takes no more. It has fewer than that and a group, which is not divided. */
export const FEED_PAGE_ENTRIES = 64;

/** Of so many services the last page is remembered. */
const TAILS_MAX = 256;
/** After so many closed pages in a row the head is asked, which may be far ahead. */
const CLOSED_MAX = 2;
/** A page is looked for from the head so often, if it is gone when it should be there. */
const SEARCHES_MAX = 3;

/** `definite`: none of the entries is in the feed, and none will be. */
export type Appended = { readonly kind: 'ok' } | { readonly kind: 'definite' | 'indefinite'; readonly error: RpcError };

interface Tail {
  readonly page: number;
  readonly stored: Stored<FeedPage> | undefined;
  /** When it was stored, by the monotonic clock. */
  readonly atMs: number;
}

/** The page takes no more: the next one does. */
const CLOSED = RpcError.of('abort', 'the page is closed');
/** There is no such page, and it must not be created. */
const GONE = RpcError.of('abort', 'the page is gone');

export interface FeedWriterOptions {
  readonly store: FeedStore;
  readonly clock: Clock;
  /** See {@link FEED_PAGE_ENTRIES}. */
  readonly pageEntries: number;
  readonly retention: Pick<Keeping, 'isCurrent'> | undefined;
}

export class FeedWriter {
  readonly #options: FeedWriterOptions;
  readonly #store: FeedStore;
  readonly #tails = new BoundedMap<string, Tail>(TAILS_MAX);
  /** How long what is remembered of a page is a good guess, ms. What retention may have removed is none. */
  readonly #youngMs: number;

  constructor(options: FeedWriterOptions) {
    const { store, retention } = options;
    this.#options = options;
    this.#store = store;
    this.#youngMs = retention === undefined ? Number.POSITIVE_INFINITY : storeTimings(store.patienceMs).updateMs;
  }

  /** Appends all of the entries, or none. Never rejects with an `RpcError`. */
  async append(service: string, entries: readonly FeedEntry[]): Promise<Appended> {
    const { clock } = this.#options;
    const known = this.#tails.get(service);
    const isYoung = known !== undefined && clock.monotonicMs() - known.atMs < this.#youngMs;
    let tail = known && { page: known.page, stored: isYoung ? known.stored : undefined };
    for (let search = 0; search < SEARCHES_MAX; search++) {
      if (tail === undefined) {
        const head = await this.#store.heads.read(feedKey(service));
        if (head.kind !== 'ok') return head;
        const last = head.stored.content?.last;
        // Without a head it is the first page of all. It may be there: its writer may have come no further.
        tail = last === undefined ? { page: 0, stored: NOTHING_STORED } : { page: last, stored: undefined };
      }
      const appended = await this.#appendFrom(service, tail, entries);
      if (appended !== undefined) return appended;
      tail = undefined;
    }
    const text = `the feed of ${service} has lost its last page`;
    return { kind: 'definite', error: RpcError.of('temporarily-unavailable', text) };
  }

  /**
   * Undefined: the page is gone, so the head has moved.
   *
   * @param tail may be created if the store is said to hold nothing there: the page before it was just read as closed
   */
  async #appendFrom(
    service: string,
    tail: Pick<Tail, 'page' | 'stored'>,
    entries: readonly FeedEntry[],
  ): Promise<Appended | undefined> {
    let { page, stored } = tail;
    for (let closedCount = 1; ; closedCount++) {
      const mayCreate = stored === NOTHING_STORED;
      const result = await this.#store.pages.update(
        feedPageKey(service, page),
        (content) => this.#add(content, entries, mayCreate),
        stored,
      );
      if (result.kind === 'ok') {
        this.#tails.set(service, { page, stored: result.stored, atMs: this.#options.clock.monotonicMs() });
        if (mayCreate) void this.#tellHead(service, page);
        return { kind: 'ok' };
      }
      if (result.kind === 'definite' && result.error === GONE) return undefined;
      if (result.kind !== 'definite' || result.error !== CLOSED) return result;
      page++;
      stored = NOTHING_STORED;
      if (closedCount % CLOSED_MAX !== 0) continue;
      const head = await this.#store.heads.read(feedKey(service));
      if (head.kind !== 'ok') return head;
      const last = head.stored.content?.last ?? 0;
      if (last >= page) [page, stored] = [last, undefined];
    }
  }

  #add(content: FeedPage | undefined, entries: readonly FeedEntry[], mayCreate: boolean): FeedPage | undefined {
    const known = content?.entries ?? [];
    const [id = ''] = entries[0] ?? [];
    // The group is added as a whole.
    if (known.some(([other]) => other === id)) return undefined;
    if (content === undefined && !mayCreate) throw GONE;
    if (content !== undefined && content.state !== 'open') throw CLOSED;
    const { retention, pageEntries } = this.#options;
    for (const [own] of entries) {
      if (retention?.isCurrent(own) === false)
        throw RpcError.of('temporarily-unavailable', `nothing was assigned: ${own} is too old`);
    }
    const all = [...known, ...entries];
    return { entries: all, lost: content?.lost ?? [], state: all.length < pageEntries ? 'open' : 'closed' };
  }

  /** A hint: if it fails, the next page tells it. */
  async #tellHead(service: string, page: number): Promise<void> {
    await this.#store.heads.update(feedKey(service), (head) => {
      if (head !== undefined && head.last >= page) return undefined;
      return { first: head?.first ?? 0, last: page };
    });
  }
}
