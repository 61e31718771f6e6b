/**
 * What happens to a redemption after its pivot. Its wallet is credited, it is added to the report, and then it leaves
 * its shard. Any node can repeat every step: each step finds its own mark.
 */

import type { Stored } from '../../kv/documents.ts';
import { groupBy } from '../../kv/group-by.ts';
import type { Keeping } from '../../kv/horizon.ts';
import type { RpcError } from '../../protocol/errors.ts';
import { type PageRecord, type Pending, pageKey, redemptionNumber, type VoucherStore } from './records.ts';
import type { WalletRecord } from './wallets.ts';

/** The parameters of a voucher, which never change. */
export interface Terms {
  readonly code: string;
  readonly limit: number;
  readonly amount: number;
  readonly shardCount: number;
}

/** The entry of a voucher in a wallet; undefined if there is none. */
export function entryOf(
  wallet: WalletRecord | undefined,
  code: string,
): { requestId: string; redemption: number } | undefined {
  const entry = wallet?.entries.find(([own]) => own === code);
  return entry && { requestId: entry[1], redemption: entry[2] };
}

/** Resolves to undefined if the wallet is proven to show the redemption, otherwise to the error. */
export type Credit = (
  store: VoucherStore,
  terms: Terms,
  shard: number,
  redemption: Pending,
  known?: Stored<WalletRecord>,
) => Promise<RpcError | undefined>;

/** Balance and redemption are in one document, so neither exists without the other. */
export const credit: Credit = creditAndForget();

/**
 * The same, and entries forget request ids that have ended. Such a request is refused before its wallet is read; the
 * user has redeemed for ever.
 */
export function creditAndForget(retention?: Pick<Keeping, 'isEnded'>): Credit {
  return async (store, { code, amount, shardCount }, shard, [user, requestId, place], known) => {
    const redemption = redemptionNumber(place, shard, shardCount);
    const result = await store.wallets.update(
      user,
      (wallet) => {
        if (entryOf(wallet, code) !== undefined) return undefined;
        const { balance, entries } = wallet ?? { balance: 0, entries: [] };
        const kept = retention === undefined ? entries : entries.map((entry) => withoutEnded(entry, retention));
        return { balance: balance + amount, entries: [...kept, [code, requestId, redemption, amount]] };
      },
      known,
    );
    return result.kind === 'ok' ? undefined : result.error;
  };
}

type WalletEntry = WalletRecord['entries'][number];

function withoutEnded(entry: WalletEntry, retention: Pick<Keeping, 'isEnded'>): WalletEntry {
  const [code, requestId, redemption, credited] = entry;
  return retention.isEnded(requestId) ? [code, '', redemption, credited] : entry;
}

/** Writes redemptions to the pages of the report. Returns those whose page is proven. */
export type Report = (
  store: VoucherStore,
  code: string,
  shard: number,
  redemptions: readonly Pending[],
) => Promise<readonly Pending[]>;

export const report: Report = async (store, code, shard, redemptions) => {
  const pages = groupBy(redemptions, ([, , place]) => Math.floor(place / store.pageLength));
  const written = await Promise.all(
    [...pages].map(async ([page, members]) => {
      const result = await store.pages.update(pageKey(code, shard, page), (content) => withEntries(content, members));
      return result.kind === 'ok' ? members : [];
    }),
  );
  return written.flat();
};

function withEntries(content: PageRecord | undefined, redemptions: readonly Pending[]): PageRecord | undefined {
  const known = content?.entries ?? [];
  const byPlace = new Map(known.map((entry) => [entry[0], entry]));
  const { size } = byPlace;
  // A redemption that was credited again meanwhile comes twice. An older node listed it twice as well. What is written
  // stays: the user may have been erased since, so that hashes stand there (`erasure/`).
  for (const [user, requestId, place] of redemptions)
    if (!byPlace.has(place)) byPlace.set(place, [place, user, requestId]);
  if (byPlace.size === size) return undefined;
  return { entries: [...byPlace.values()].sort(([one], [other]) => one - other) };
}
