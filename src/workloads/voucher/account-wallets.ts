/**
 * Wallets that are accounts of transfers (`saga/accounts.ts`): what a voucher credits can be transferred. A credit
 * changes balance and entries of `a/<user>` in one compare-and-set. It keeps what transfers have written there: the
 * rest of the account, and the marks.
 *
 * - A credit makes the account if there is none. It can be opened later, with a balance that is added.
 * - A closed account is refused before the pivot. If it is closed between the pivot and the credit, the credit opens it
 *   again, because a decided redemption must be credited, and its money must stay of use.
 * - Where accounts can be erased (`erasure/`), a user without an account may have redeemed all the same. That is in the
 *   record of erased accounts, and a wallet has it as entries that have credited nothing.
 * - The account keeps room for the money of transfers under way too. So the limit is that of a payee. Above it there is
 *   room for a thousand redemptions and all marks of transfers together, with the largest amounts.
 */

import { type Change, Documents, type ReadResult, type Stored, type UpdateResult } from '../../kv/documents.ts';
import { keyPart } from '../../kv/key-part.ts';
import type { LinearizableStore } from '../../kv/store.ts';
import type { NodeContext } from '../../node/context.ts';
import { RpcError } from '../../protocol/errors.ts';
import { type ParticipantRecord, participantSchema } from '../../saga/marks.ts';
import type { ErasedAccounts, ErasedRecord } from '../erasure/erased.ts';
import { Account, accountKey, exists, revived, UNOPENED } from '../saga/accounts.ts';
import { BALANCE_MAX } from '../saga/messages.ts';
import { fullWallet, ownEntries, type WalletRecord, type Wallets } from './wallets.ts';

/** Redemptions in an account beyond which it gets no more: every transfer writes them too. */
export const ENTRIES_MAX = 1000;

type AccountRecord = ParticipantRecord<Account>;

const NOTHING: AccountRecord = { content: null, marks: [] };

/** How a change ends that must know of erased accounts first. */
const ASK_FIRST = RpcError.of('temporarily-unavailable', 'an account of this user was erased just now');
/** How often it is asked, in case the user is erased again and again. */
const ASKED_MAX = 3;
/** How a change ends that changes nothing, where there is no account. */
const NOTHING_TO_DO = RpcError.of('abort', 'nothing is to be credited');

/** What a wallet was read from. */
interface Source {
  readonly account: Stored<AccountRecord>;
  readonly erased: ErasedRecord | undefined;
}

export class AccountWallets implements Wallets {
  readonly #documents: Documents<AccountRecord>;
  readonly #erased: ErasedAccounts | undefined;
  readonly #sources = new WeakMap<Stored<WalletRecord>, Source>();

  /** @param erased absent: no account is ever erased */
  constructor(context: NodeContext, kv: LinearizableStore, erased?: ErasedAccounts) {
    this.#documents = new Documents({ kv, context, name: 'account', schema: participantSchema(Account) });
    this.#erased = erased;
  }

  keyOf(user: string): string {
    // So that an error names the field of this request.
    keyPart('user', user);
    return accountKey(user);
  }

  async read(user: string): Promise<ReadResult<WalletRecord>> {
    const read = await this.#documents.read(this.keyOf(user));
    if (read.kind !== 'ok') return read;
    const account = read.stored;
    try {
      const erased = await this.#readErased(user, account.content);
      return { kind: 'ok', stored: this.#walletOf({ account, erased }, walletIn(account.content, erased)) };
    } catch (error) {
      return { kind: 'definite', error: error as RpcError };
    }
  }

  async update(
    user: string,
    change: Change<WalletRecord>,
    known?: Stored<WalletRecord>,
  ): Promise<UpdateResult<WalletRecord>> {
    let source = known && this.#sources.get(known);
    for (let attempt = 0; ; attempt++) {
      const result = await this.#tryUpdate(user, change, source);
      if (result.kind !== 'definite' || result.error !== ASK_FIRST || attempt === ASKED_MAX) return result;
      const read = await this.read(user);
      if (read.kind !== 'ok') return read;
      source = this.#sources.get(read.stored);
    }
  }

  /** Ends with {@link ASK_FIRST} if accounts of the user may have been erased that `source` does not know of. */
  async #tryUpdate(
    user: string,
    change: Change<WalletRecord>,
    source: Source | undefined,
  ): Promise<UpdateResult<WalletRecord>> {
    const erased = source?.erased;
    const isAsked = source !== undefined && mayBeErased(source.account.content);
    const result = await this.#documents.update(
      this.keyOf(user),
      (record) => {
        const { content, marks } = record ?? NOTHING;
        const times = content?.erased?.length ?? 0;
        if (this.#erased !== undefined && mayBeErased(record) && (!isAsked || times > (erased?.times ?? 0)))
          throw ASK_FIRST;
        const wallet = change(walletIn(record, erased));
        if (wallet === undefined) {
          if (record === undefined) throw NOTHING_TO_DO;
          return undefined;
        }
        const { requests } = erased ?? {};
        const before = content ?? { ...UNOPENED, ...(requests && { erased: requests }) };
        return { marks, content: { ...revived(before), balance: wallet.balance, entries: ownEntries(wallet) } };
      },
      source?.account,
    );
    if (result.kind === 'definite' && result.error === NOTHING_TO_DO && source !== undefined) {
      const account = source.account;
      return { kind: 'ok', stored: this.#walletOf({ account, erased }, walletIn(NOTHING, erased) ?? EMPTY) };
    }
    if (result.kind !== 'ok') return result;
    const { stored } = result;
    return {
      kind: 'ok',
      stored: this.#walletOf({ account: stored, erased }, walletIn(stored.content, erased) ?? EMPTY),
    };
  }

  refusalOf(user: string, stored: Stored<WalletRecord>): RpcError | undefined {
    const known = this.#sources.get(stored)?.account;
    if (known === undefined) throw new Error(`the wallet of ${user} was not read here`);
    const account = known.content?.content;
    if (account?.erasing !== undefined)
      return RpcError.of('temporarily-unavailable', `the account of ${user} is being erased`);
    if (account?.closed && exists(account))
      return RpcError.of('precondition-failed', `the account of ${user} is closed`);
    const { balance = 0, entries = [] } = account ?? {};
    return balance > BALANCE_MAX || entries.length >= ENTRIES_MAX ? fullWallet(user) : undefined;
  }

  /** What accounts did that were erased before this version. */
  async #readErased(user: string, record: AccountRecord | undefined): Promise<ErasedRecord | undefined> {
    if (!mayBeErased(record)) return undefined;
    return record?.content?.erased === undefined ? this.#erased?.readMissing(user) : this.#erased?.read(user);
  }

  isSameRequest(kept: string, requestId: string): boolean {
    return kept === requestId || (this.#erased !== undefined && kept === this.#erased.hash(requestId));
  }

  #walletOf<Content extends WalletRecord | undefined>(
    source: Source,
    content: Content,
  ): Stored<WalletRecord> & { readonly content: Content } {
    const { ver, token } = source.account;
    const wallet = { ver, content, token };
    this.#sources.set(wallet, source);
    return wallet;
  }
}

const EMPTY: WalletRecord = { balance: 0, entries: [] };

/** Where there is no account, or one that knows of others before it. */
function mayBeErased(record: AccountRecord | undefined): boolean {
  const content = record?.content ?? null;
  return content === null || content.erased !== undefined;
}

/** Undefined: nothing was ever credited, and there is no account. */
function walletIn(
  record: AccountRecord | undefined,
  erased: Pick<ErasedRecord, 'redeemed'> | undefined,
): WalletRecord | undefined {
  const { content } = record ?? NOTHING;
  if (content === null && erased === undefined) return undefined;
  const { balance = 0, entries = [] } = content ?? {};
  // They have credited nothing to this one.
  const earlier = (erased?.redeemed ?? []).map((redemption): WalletRecord['entries'][number] => [...redemption, 0]);
  return { balance, entries: [...earlier, ...entries] };
}
