/**
 * Wallets that are accounts of transfers (`saga/accounts.ts`): what a voucher credits can be transferred. A credit
 * changes balance and entries of `a/<user>` in one compare-and-set. It keeps what transfers have written there: the
 * rest of the account, and the marks.
 *
 * - A credit makes the account if there is none. It can be opened later, with a balance that is added.
 * - A closed account is refused before the pivot. If it is closed between the pivot and the credit, the credit opens it
 *   again, because a decided redemption must be credited, and its money must stay of use.
 * - The account keeps room for the money of transfers under way too. So the limit is that of a payee. Above it there is
 *   room for a thousand redemptions and all marks of transfers together, with the largest amounts.
 */

import { type Change, Documents, type ReadResult, type Stored, type UpdateResult } from '../../kv/documents.ts';
import { keyPart } from '../../kv/key-part.ts';
import type { LinearizableStore } from '../../kv/store.ts';
import type { NodeContext } from '../../node/context.ts';
import { RpcError } from '../../protocol/errors.ts';
import { type ParticipantRecord, participantSchema } from '../../saga/marks.ts';
import { Account, accountKey, UNOPENED } from '../saga/accounts.ts';
import { BALANCE_MAX } from '../saga/messages.ts';
import { fullWallet, type WalletRecord, type Wallets } from './wallets.ts';

/** Redemptions in an account beyond which it gets no more: every transfer writes them too. */
export const ENTRIES_MAX = 1000;

type AccountRecord = ParticipantRecord<Account>;

const NOTHING: AccountRecord = { content: null, marks: [] };

export class AccountWallets implements Wallets {
  readonly #documents: Documents<AccountRecord>;
  /** The accounts that wallets were read from. */
  readonly #accounts = new WeakMap<Stored<WalletRecord>, Stored<AccountRecord>>();

  constructor(context: NodeContext, kv: LinearizableStore) {
    this.#documents = new Documents({ kv, context, name: 'account', schema: participantSchema(Account) });
  }

  keyOf(user: string): string {
    // So that an error names the field of this request.
    keyPart('user', user);
    return accountKey(user);
  }

  async read(user: string): Promise<ReadResult<WalletRecord>> {
    const read = await this.#documents.read(this.keyOf(user));
    return read.kind === 'ok'
      ? { kind: 'ok', stored: this.#walletOf(read.stored, walletIn(read.stored.content)) }
      : read;
  }

  async update(
    user: string,
    change: Change<WalletRecord>,
    known?: Stored<WalletRecord>,
  ): Promise<UpdateResult<WalletRecord>> {
    const result = await this.#documents.update(
      this.keyOf(user),
      (record = NOTHING) => {
        const wallet = change(walletIn(record));
        return wallet && { ...record, content: { ...(record.content ?? UNOPENED), ...wallet, closed: false } };
      },
      known && this.#accounts.get(known),
    );
    if (result.kind !== 'ok') return result;
    const { stored } = result;
    return { kind: 'ok', stored: this.#walletOf(stored, walletIn(stored.content) as WalletRecord) };
  }

  refusalOf(user: string, stored: Stored<WalletRecord>): RpcError | undefined {
    const known = this.#accounts.get(stored);
    if (known === undefined) throw new Error(`the wallet of ${user} was not read here`);
    const account = known.content?.content;
    if (account?.closed) return RpcError.of('precondition-failed', `the account of ${user} is closed`);
    const { balance = 0, entries = [] } = account ?? {};
    return balance > BALANCE_MAX || entries.length >= ENTRIES_MAX ? fullWallet(user) : undefined;
  }

  #walletOf<Content extends WalletRecord | undefined>(
    account: Stored<AccountRecord>,
    content: Content,
  ): Stored<WalletRecord> & { readonly content: Content } {
    const wallet = { ver: account.ver, content, token: account.token };
    this.#accounts.set(wallet, account);
    return wallet;
  }
}

function walletIn(record: AccountRecord | undefined): WalletRecord | undefined {
  const { content } = record ?? NOTHING;
  return content === null ? undefined : { balance: content.balance, entries: content.entries ?? [] };
}
