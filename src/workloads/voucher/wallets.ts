/**
 * Where the redemptions of users are credited. A wallet holds the balance and the redemptions in one document. So a
 * credit is one compare-and-set, and the entry is its mark. Two kinds of document can be wallets: documents of their
 * own, which only redemptions change, and accounts (`account-wallets.ts`).
 */

import * as z from 'zod';
import { type Change, Documents, type ReadResult, type Stored, type UpdateResult } from '../../kv/documents.ts';
import { keyPart } from '../../kv/key-part.ts';
import type { LinearizableStore } from '../../kv/store.ts';
import type { NodeContext } from '../../node/context.ts';
import { RpcError } from '../../protocol/errors.ts';
import { AMOUNT_MAX } from './messages.ts';

/** Code, request id, number of the redemption, minor units credited. */
export const Entry = z.tuple([z.string(), z.string(), z.int().min(1), z.int().min(1)]);

export const WalletRecord = z.object({
  /** Invariant: where only redemptions change it, the sum of what the entries credited. */
  balance: z.int().min(0),
  entries: z.array(Entry),
});
export type WalletRecord = z.infer<typeof WalletRecord>;

/**
 * The most redemptions of one user in progress at once. A wallet keeps room for them, because a decided redemption must
 * be credited.
 */
const CREDITS_AT_ONCE_MAX = 1000;
const BALANCE_MAX = Number.MAX_SAFE_INTEGER - CREDITS_AT_ONCE_MAX * AMOUNT_MAX;

export interface Wallets {
  /** The key of a user's wallet. Throws error 12 if the name is not well-formed text. */
  keyOf(user: string): string;
  /** The wallet as it is now. Its content is undefined if there is none. */
  read(user: string): Promise<ReadResult<WalletRecord>>;
  /**
   * Changes a wallet as `Documents` change a document. A change adds entries, and their value to the balance.
   *
   * @param known the wallet as last read here, which saves reading it
   */
  update(user: string, change: Change<WalletRecord>, known?: Stored<WalletRecord>): Promise<UpdateResult<WalletRecord>>;
  /**
   * Why no redemption may be credited to this wallet; undefined if one may. A definite error. It is asked before the
   * pivot; after it a refusal would be too late.
   */
  refusalOf(user: string, stored: Stored<WalletRecord>): RpcError | undefined;
  /** Whether the request id of an entry is this one. It may be kept as a hash. */
  isSameRequest(kept: string, requestId: string): boolean;
}

/**
 * The entries of a wallet itself. The others are redemptions of before it was erased: they have credited nothing, and
 * are not stored in it.
 */
export function ownEntries({ entries }: WalletRecord): WalletRecord['entries'] {
  return entries.filter(([, , , credited]) => credited > 0);
}

/** `w/<user>`: documents that only redemptions change. */
export class OwnWallets implements Wallets {
  readonly documents: Documents<WalletRecord>;

  constructor(context: NodeContext, kv: LinearizableStore) {
    this.documents = new Documents({ kv, context, name: 'wallet', schema: WalletRecord });
  }

  keyOf(user: string): string {
    return walletKey(user);
  }

  read(user: string): Promise<ReadResult<WalletRecord>> {
    return this.documents.read(walletKey(user));
  }

  update(...[user, change, known]: Parameters<Wallets['update']>): Promise<UpdateResult<WalletRecord>> {
    return this.documents.update(walletKey(user), change, known);
  }

  refusalOf(user: string, { content }: Stored<WalletRecord>): RpcError | undefined {
    return (content?.balance ?? 0) > BALANCE_MAX ? fullWallet(user) : undefined;
  }

  isSameRequest(kept: string, requestId: string): boolean {
    return kept === requestId;
  }
}

export function walletKey(user: string): string {
  return `w/${keyPart('user', user)}`;
}

export function fullWallet(user: string): RpcError {
  return RpcError.of('abort', `the wallet of ${user} is full`);
}
