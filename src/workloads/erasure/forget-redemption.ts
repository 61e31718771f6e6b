/**
 * Takes a user out of the documents of a voucher: the page of its report, and the list of those that left its shard. A
 * page keeps the place, with keyed hashes for the user and the request. So a late copy of a redemption, which finds its
 * place taken, writes no name there.
 */

import { type Documents, readOrThrow } from '../../kv/documents.ts';
import { RpcError } from '../../protocol/errors.ts';
import type { PersonalHash } from '../../protocol/personal-hash.ts';
import { pageKey, type ShardRecord, shardKey, shardOf, type VoucherStore, voucherKey } from '../voucher/records.ts';
import type { WalletRecord } from '../voucher/wallets.ts';

/** Where a redemption stands. */
interface Place {
  readonly code: string;
  readonly shard: number;
  readonly place: number;
}

type Entry = WalletRecord['entries'][number];
type ForgetStore = Pick<VoucherStore, 'vouchers' | 'shards' | 'pages' | 'pageLength'>;

/** Whether the redemption is still in its shard. Then its page may lack it, so it cannot be forgotten yet. */
export async function isUnfinished(store: ForgetStore, user: string, entry: Entry): Promise<boolean> {
  const at = await findPlace(store, user, entry);
  if (at === undefined) return false;
  const { content } = await readOrThrow(store.shards, shardKey(at.code, at.shard));
  return content !== undefined && isPending(content, user);
}

/** Rejects with error 11 if it is unfinished, or if it is not proven to be forgotten. */
export async function forgetRedemption(
  store: ForgetStore,
  hash: PersonalHash,
  user: string,
  entry: Entry,
): Promise<void> {
  const at = await findPlace(store, user, entry);
  if (at === undefined) return;
  const { code, shard, place } = at;
  await change(store.shards, shardKey(code, shard), (content) => {
    if (isPending(content, user)) throw unfinished(code);
    const { left, since } = content;
    const own = left.filter(([name]) => name === user).map(([, ver]) => ver);
    // Nodes that know an older version read the wallet again.
    return own.length === 0
      ? undefined
      : { ...content, left: left.filter(([name]) => name !== user), since: Math.max(since, ...own) };
  });
  await change(store.pages, pageKey(code, shard, Math.floor(place / store.pageLength)), (content) => {
    const index = content.entries.findIndex(([number, name]) => number === place && name === user);
    const [number, name, id] = content.entries[index] ?? [];
    if (number === undefined || name === undefined || id === undefined) return undefined;
    return { entries: content.entries.with(index, [number, hash(name), hash(id)]) };
  });
}

export function unfinished(code: string): RpcError {
  return RpcError.of('temporarily-unavailable', `a redemption of ${code} is still being written down`);
}

function isPending({ pending }: ShardRecord, user: string): boolean {
  return pending.some(([name]) => name === user);
}

async function findPlace(store: ForgetStore, user: string, [code, , redemption]: Entry): Promise<Place | undefined> {
  const { content } = await readOrThrow(store.vouchers, voucherKey(code));
  if (content === undefined) return undefined;
  const shardCount = content.granted.length;
  const shard = shardOf(user, shardCount);
  return { code, shard, place: (redemption - 1 - shard) / shardCount };
}

/** Changes a document that is there. */
async function change<Content extends object>(
  documents: Documents<Content>,
  key: string,
  next: (content: Content) => Content | undefined,
): Promise<void> {
  const result = await documents.update(key, (content) => {
    if (content === undefined) throw RpcError.of('abort', `${key} is missing`);
    return next(content);
  });
  if (result.kind !== 'ok') throw result.error;
}
