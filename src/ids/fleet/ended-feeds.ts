/**
 * How feeds end: page by page from the first, when all ids of a page are older than the horizon (`kv/retention.ts`).
 * The last page stays, so its number is never used again.
 */

import type { Ending, Remover } from '../../kv/retention.ts';
import { RpcError } from '../../protocol/errors.ts';
import { FEED_PREFIX, FeedHead, FeedPage, type FeedStore, feedPageKeyOf } from './feed-records.ts';

export function endedFeeds({ heads }: FeedStore): Ending {
  return {
    name: 'feed-pages',
    prefix: FEED_PREFIX,
    end: async (key, remover, isOld) => {
      const found = await remover.read(key);
      const head = found.kind === 'found' ? FeedHead.safeParse(found.content) : undefined;
      if (!head?.success) return;
      const { first, last } = head.data;
      let page = first;
      while (page < last && (await isGone(feedPageKeyOf(key, page), remover, isOld))) page++;
      if (page === first) return;
      // If it fails, readers look for the first page themselves, and the next pass tells it.
      await heads.update(key, (current) => {
        if (current === undefined) throw RpcError.of('abort', 'the feed is gone from the store');
        return current.first < page ? { ...current, first: page } : undefined;
      });
    },
  };
}

/** Removes a page if it is old. Resolves to whether it is gone. */
async function isGone(key: string, remover: Remover, isOld: (id: string) => boolean): Promise<boolean> {
  const found = await remover.read(key);
  if (found.kind === 'absent') return true;
  const page = found.kind === 'found' ? FeedPage.safeParse(found.content) : undefined;
  if (found.kind !== 'found' || !page?.success) return false;
  return page.data.entries.every(([id]) => isOld(id)) && (await remover.remove(key, found.token));
}
