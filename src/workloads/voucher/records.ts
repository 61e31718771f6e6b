/**
 * What the store holds of vouchers. Every record is a document (`kv/documents.ts`) and stays small. Data that grows
 * with redemptions is spread over wallets and pages. A shard holds only what is in flight.
 *
 * | key | content |
 * | --- | --- |
 * | `v/<code>` | the voucher: its fixed parameters, and how many rights each shard was granted and returned |
 * | `vs/<code>/<shard>` | a shard: its rights, how many are used, and the unfinished redemptions |
 * | `w/<user>` | a wallet: the balance and the redemptions that made it, in one document (`wallets.ts`) |
 * | `vp/<code>/<shard>/<page>` | a page of the report |
 * | `vn/<member>` | the shards in which a member (`kv/members.ts`) may have left something unfinished |
 */

import * as z from 'zod';
import { Documents, type Stored } from '../../kv/documents.ts';
import { keyPart } from '../../kv/key-part.ts';
import type { LinearizableStore } from '../../kv/store.ts';
import { type StoreTimings, storeTimings } from '../../kv/timings.ts';
import type { NodeContext } from '../../node/context.ts';
import { fnv1a } from '../../protocol/hash.ts';
import { VOUCHER_LIMITS } from './limits.ts';
import { OwnWallets, type Wallets } from './wallets.ts';

const Count = z.int().min(0);

export const VoucherRecord = z.object({
  limit: z.int().min(1),
  amount: z.int().min(1),
  /**
   * All rights that each shard was ever granted, and ever returned. Invariant: Σ granted − Σ returned ≤ limit, and none
   * of these numbers ever falls. So an old version shows too few rights, never too many.
   */
  granted: z.array(Count),
  returned: z.array(Count),
  /** Invariant: once true, the uses of all shards add up to the limit. */
  sold_out: z.boolean(),
});
export type VoucherRecord = z.infer<typeof VoucherRecord>;

/** User, request id, place in the shard (from 0). */
const Pending = z.tuple([z.string(), z.string(), Count]);
export type Pending = z.infer<typeof Pending>;

export const ShardRecord = z.object({
  /** The rights granted by the voucher, as far as they have arrived here. */
  granted: Count,
  returned: Count,
  /** Invariant: used + returned ≤ granted; never falls. It is the place of the next redemption. */
  used: Count,
  /** Invariant: a redemption stays here until its wallet and its page show it. */
  pending: z.array(Pending),
  /**
   * The users that left `pending` recently, each with the version of this record. Complete for all versions after
   * `since`.
   */
  left: z.array(z.tuple([z.string(), Count])),
  since: Count,
  /** How often it was taken out of the index of a dead member. Absent: never. Never falls. */
  epoch: Count.exactOptional(),
});
export type ShardRecord = z.infer<typeof ShardRecord>;

export const PageRecord = z.object({
  /** Place in the shard, user, request id; ascending. */
  entries: z.array(z.tuple([Count, z.string(), z.string()])),
});
export type PageRecord = z.infer<typeof PageRecord>;

export const IndexRecord = z.object({
  /** Code and shard. */
  shards: z.array(z.tuple([z.string(), Count])),
  /** Invariant: once true, it stays true, and there are no shards. */
  closed: z.boolean().exactOptional(),
});
export type IndexRecord = z.infer<typeof IndexRecord>;

export interface VoucherStore {
  readonly vouchers: Documents<VoucherRecord>;
  readonly shards: Documents<ShardRecord>;
  readonly wallets: Wallets;
  readonly pages: Documents<PageRecord>;
  readonly indices: Documents<IndexRecord>;
  readonly timings: StoreTimings;
  /** Redemptions on one page. */
  readonly pageLength: number;
}

export function openVoucherStore(
  context: NodeContext,
  kv: LinearizableStore,
  pageLength = VOUCHER_LIMITS.page,
  wallets: Wallets = new OwnWallets(context, kv),
): VoucherStore {
  return {
    vouchers: new Documents({ kv, context, name: 'voucher', schema: VoucherRecord }),
    shards: new Documents({ kv, context, name: 'shard of a voucher', schema: ShardRecord }),
    wallets,
    pages: new Documents({ kv, context, name: 'page of a report', schema: PageRecord }),
    indices: new Documents({ kv, context, name: 'index of unfinished shards', schema: IndexRecord }),
    timings: storeTimings(kv.patienceMs),
    pageLength,
  };
}

export function voucherKey(code: string): string {
  return `v/${keyPart('code', code)}`;
}

export function shardKey(code: string, shard: number): string {
  return `vs/${keyPart('code', code)}/${shard}`;
}

export function pageKey(code: string, shard: number, page: number): string {
  return `vp/${keyPart('code', code)}/${shard}/${page}`;
}

/** The prefix of the keys of all indices. */
export const INDEX_NAME = 'vn';

export function indexKey(member: string): string {
  return `${INDEX_NAME}/${keyPart('node', member)}`;
}

/** The shard of a user, for ever. So one user can be redeemed in one place only. */
export function shardOf(user: string, shardCount: number): number {
  const hash = fnv1a(user);
  return ((hash ^ (hash >>> 15)) >>> 0) % shardCount;
}

/** The number of the redemption at a place of a shard: unique within the voucher. */
export function redemptionNumber(place: number, shard: number, shardCount: number): number {
  return place * shardCount + shard + 1;
}

/** A shard that was never written. */
const EMPTY: ShardRecord = { granted: 0, returned: 0, used: 0, pending: [], left: [], since: 0 };

export function contentOf({ content }: Pick<Stored<ShardRecord>, 'content'>): ShardRecord {
  return content ?? EMPTY;
}

/** The unused rights of a shard. */
export function rightsIn({ granted, returned, used }: ShardRecord): number {
  return granted - returned - used;
}
