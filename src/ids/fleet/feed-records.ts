/** What the store holds of a feed: a head, and pages of intentions. `feed-writer.ts` says what a feed is. */

import * as z from 'zod';
import { Documents, readOrThrow, type Stored } from '../../kv/documents.ts';
import { keyPart } from '../../kv/key-part.ts';
import type { LinearizableStore } from '../../kv/store.ts';
import type { NodeContext } from '../../node/context.ts';

const PageNumber = z.int().min(0);

/** Where a feed begins and about where it ends. Only retention raises `first`. */
export const FeedHead = z.object({
  /** Pages before it have been removed. */
  first: PageNumber,
  /** A page that exists. Later ones may exist as well. */
  last: PageNumber,
});
export type FeedHead = z.infer<typeof FeedHead>;

/** An id and the key that it is meant for. */
export const FeedEntry = z.tuple([z.string(), z.string()]);
export type FeedEntry = z.infer<typeof FeedEntry>;

export const FeedPage = z.object({
  /** In the order of the feed, for ever. */
  entries: z.array(FeedEntry),
  /** Positions of entries whose key has another id, ascending. */
  lost: z.array(z.int().min(0)),
  /** `closed`: takes no more entries. `sealed`: closed, and every entry that is not lost is assigned. */
  state: z.enum(['open', 'closed', 'sealed']),
});
export type FeedPage = z.infer<typeof FeedPage>;

export const FEED_PREFIX = 'feed/';

export function feedKey(service: string): string {
  return `${FEED_PREFIX}${keyPart('service', service)}`;
}

export function feedPageKey(service: string, page: number): string {
  return feedPageKeyOf(feedKey(service), page);
}

/** @param headKey of its feed */
export function feedPageKeyOf(headKey: string, page: number): string {
  return `feed-page/${headKey.slice(FEED_PREFIX.length)}/${page}`;
}

export class FeedStore {
  readonly heads: Documents<FeedHead>;
  readonly pages: Documents<FeedPage>;
  readonly patienceMs: number | undefined;

  constructor(context: Pick<NodeContext, 'clock' | 'sleep' | 'randomUint32'>, kv: LinearizableStore) {
    this.patienceMs = kv.patienceMs;
    this.heads = new Documents({ kv, context, name: 'feed of assignments', schema: FeedHead });
    this.pages = new Documents({ kv, context, name: 'page of a feed', schema: FeedPage });
  }

  /** Throws error 11 if the store gives no answer. */
  async head(service: string): Promise<FeedHead | undefined> {
    return (await readOrThrow(this.heads, feedKey(service))).content;
  }

  /** Throws error 11 if the store gives no answer. */
  page(service: string, page: number): Promise<Stored<FeedPage>> {
    return readOrThrow(this.pages, feedPageKey(service, page));
  }
}
