/**
 * Accounts, and what a transfer does to one of them. `a/<account>` holds the balance and the marks of the sagas that
 * changed it (`saga/marks.ts`). It may be a wallet of vouchers as well.
 */

import * as z from 'zod';
import { keyPart } from '../../kv/key-part.ts';
import type { Participants, StepChange } from '../../saga/participants.ts';
import { Refusal } from '../../saga/plan.ts';
import { Entry } from '../voucher/wallets.ts';
import { BALANCE_MAX } from './messages.ts';

export const Account = z.object({
  /** In minor units. Invariant: never below 0. */
  balance: z.int().min(0),
  /** The first balance. */
  opened: z.int().min(0),
  closed: z.boolean(),
  /** Unique to the request that opened it. So a retry recognises its own work. */
  token: z.string(),
  /**
   * What vouchers have credited, where accounts are wallets (`voucher/account-wallets.ts`). Invariant: opened + Σ
   * credited + Σ of the legs taken here = balance.
   */
  entries: z.array(Entry).exactOptional(),
  /** Stands for the request id that opened it. Only where accounts can be erased (`erasure/`); so do the next three. */
  opener: z.string().exactOptional(),
  /** Stand for the requests that erased accounts of this name. What those did is in `erased/…`. */
  erased: z.array(z.string()).exactOptional(),
  /** Stands for the request by which it is being erased. Invariant: it is closed, and has nothing. */
  erasing: z.string().exactOptional(),
  /** It is erased, and only its name is left for a while. Invariant: it is closed, and has no entries. */
  gone: z.literal(true).exactOptional(),
});
export type Account = z.infer<typeof Account>;

/** An account that no request has opened: a voucher was credited to it. */
export const UNOPENED: Account = { balance: 0, opened: 0, closed: false, token: '' };

/** The account that a credit or an opening makes of one that is being erased, or is gone. */
export function revived({ erasing: _, gone: __, ...kept }: Account): Account {
  return { ...kept, closed: false };
}

/** Whether an account of this name is there for requests. */
export function exists<A extends Account>(account: A | null | undefined): account is A & { readonly gone?: never } {
  return account !== null && account !== undefined && account.gone === undefined;
}

export type Accounts = Participants<Account>;

export function accountKey(account: string): string {
  return `a/${keyPart('account', account)}`;
}

/** Takes money out. It is returned if the transfer is aborted. */
export function debit(amount: number): StepChange<Account> {
  return {
    act: (account) => {
      if (account === undefined || account.closed) return new Refusal('payer closed');
      if (account.balance < amount) return new Refusal('insufficient funds');
      return { ...account, balance: account.balance - amount };
    },
    undo: (account) => ({ ...account, balance: account.balance + amount }),
  };
}

/**
 * The promise of a payee to accept the money: only a mark on the account. While the mark is there, the account cannot
 * be closed. So the credit after the pivot will not be refused.
 */
export const expectCredit: StepChange<Account> = {
  act: (account) => {
    if (account === undefined || account.closed) return new Refusal('payee closed');
    return account.balance > BALANCE_MAX ? new Refusal('payee full') : account;
  },
  undo: (account) => account,
};

export function credit(amount: number): StepChange<Account> {
  return {
    act: (account) =>
      account === undefined ? new Refusal('the payee has vanished') : { ...account, balance: account.balance + amount },
  };
}
