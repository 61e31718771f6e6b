/**
 * Accounts, transfers and profiles over HTTP. The messages are those of `workloads/saga`.
 *
 * A profile is the account named by its phone number. A transaction moves money between it and one house account, so
 * that the sum of all accounts stays what it was. The house account is opened before the first transaction, with
 * {@link HOUSE_BALANCE}.
 */

import * as z from 'zod';
import {
  AccountErase,
  AccountOpen,
  AMOUNT_MAX,
  Audit,
  BALANCE_MAX,
  Transfer,
  TransferStatus,
} from '../../workloads/saga/messages.ts';
import { AmountText, amountSchema, formatAmount } from '../amounts.ts';
import type { Problem } from '../problems.ts';
import { type Route, route } from '../route.ts';
import { Name, PhoneNumber, RequestId } from './fields.ts';

const HOUSE = 'house';
/** In minor units. Far below the highest balance at which an account may be paid, far above what profiles hold. */
const HOUSE_BALANCE = 1e13;

const Balance = amountSchema({ min: 0, max: BALANCE_MAX }, 'What the account begins with.');
const TransferAmount = amountSchema({ min: 1, max: AMOUNT_MAX }, 'What is moved.');
const TransactionAmount = amountSchema(
  { min: -AMOUNT_MAX, max: AMOUNT_MAX, exceptZero: true },
  'Given to the profile by the house; if it is negative, taken.',
);

/** A transfer that ended without effect, for a reason that does not change by itself. */
function aborted(reason: string, requestId: string): { problem: Problem } {
  const code = reason.replaceAll(/\W+/g, '_') || 'aborted';
  const detail = `the transfer was aborted and moved nothing: ${reason}`;
  return { problem: { status: 422, code, detail, members: { reason, request_id: requestId } } };
}

const ABORTED =
  'The transfer was aborted and moved nothing: `insufficient_funds`, `payer_closed`, `payee_closed`, `payee_full`.';
const OTHER_TRANSFER = 'The request id belongs to another transfer.';
const OTHER_BALANCE = 'It was opened with another balance or by another request id, or is closed.';

const OpeningId = RequestId.describe('Needed where an account of this name was erased before.').exactOptional();

const askBalance = (account: string) => ({ accounts: [account] });
/** The balance of one account that was asked for. */
const balanceIn = ({ balances }: { readonly balances: readonly number[] }) => formatAmount(balances[0] ?? 0);

export const TRANSFER_ROUTES: readonly Route[] = [
  route('POST /api/v1/accounts', 'transfers', 'Opens an account.', {
    fields: { name: Name, balance: Balance, request_id: OpeningId },
    makesRequestId: false,
    rpc: AccountOpen,
    request: ({ name, ...rest }) => ({ account: name, ...rest }),
    status: 201,
    reply: z.object({ name: z.string(), balance: AmountText }),
    answer: (_, { name, balance }) => ({ body: { name, balance: formatAmount(balance) } }),
    failures: { 409: OTHER_BALANCE },
  }),
  route('GET /api/v1/accounts/{name}', 'transfers', 'The balance of an account.', {
    fields: { name: Name },
    rpc: Audit,
    request: ({ name }) => askBalance(name),
    reply: z.object({ name: z.string(), balance: AmountText }),
    answer: (reply, { name }) => ({ body: { name, balance: balanceIn(reply) } }),
    failures: { 404: 'There is no such account.' },
  }),
  route('POST /api/v1/transfers', 'transfers', 'Moves money from one account to another, all of it or nothing.', {
    fields: { request_id: RequestId, from: Name, to: Name, amount: TransferAmount },
    rpc: Transfer,
    request: (input) => input,
    status: 201,
    reply: z.object({ request_id: z.string(), from: z.string(), amount: AmountText, to: z.string() }),
    answer: ({ outcome, reason = '' }, { request_id, from, to, amount }) =>
      outcome === 'committed'
        ? { body: { request_id, from, amount: formatAmount(amount), to } }
        : aborted(reason, request_id),
    failures: { 404: 'There is no such account.', 409: OTHER_TRANSFER, 422: ABORTED },
  }),
  route('GET /api/v1/transfers/{request_id}', 'transfers', 'The state of a transfer, and how it came about.', {
    fields: { request_id: RequestId },
    rpc: TransferStatus,
    request: (input) => input,
    reply: z.object({
      request_id: z.string(),
      state: z.string().describe('`running`, `compensating`, `committing`, `committed` or `aborted`.'),
      reason: z.string().optional(),
      history: z.array(z.object({ state: z.string(), at: z.int(), node: z.string(), time: z.string() })),
    }),
    answer: ({ state, reason, history }, { request_id }) => ({
      body: { request_id, state, ...(reason !== undefined && { reason }), history },
    }),
    failures: { 404: 'There is no such transfer.' },
  }),
  route(
    'POST /api/profiles',
    'wallets',
    'Opens a profile: the account of a phone number. What vouchers credited before stays.',
    {
      fields: {
        phone_number: PhoneNumber,
        balance: Balance.exactOptional(),
        request_id: OpeningId,
      },
      makesRequestId: false,
      rpc: AccountOpen,
      request: ({ phone_number: account, balance = 0, ...id }) => ({ account, balance, ...id }),
      reply: z.object({ phone_number: z.string(), balance: AmountText }),
      answer: (_, { phone_number, balance = 0 }) => ({ body: { phone_number, balance: formatAmount(balance) } }),
      failures: { 409: `${OTHER_BALANCE} Or one was deleted, and the request may be a late copy.` },
    },
  ),
  route('DELETE /api/profiles/{phone_number}', 'wallets', 'Removes an empty profile, and all that names it.', {
    fields: {
      phone_number: PhoneNumber,
      request_id: RequestId.describe('Without one, the service makes one and returns it.').exactOptional(),
    },
    rpc: AccountErase,
    // The service fills in a request id before this is called.
    request: ({ phone_number: account, request_id = '' }) => ({ account, request_id }),
    reply: z.object({ request_id: z.string() }),
    answer: (_, { request_id = '' }) => ({ body: { request_id } }),
    failures: { 404: 'There is no such profile.', 409: 'It is not empty.' },
  }),
  route('GET /api/profiles/{phone_number}', 'wallets', 'The balance of a profile.', {
    fields: { phone_number: PhoneNumber },
    rpc: Audit,
    request: ({ phone_number }) => askBalance(phone_number),
    reply: z.object({ phone_number: z.string(), balance: AmountText }),
    answer: (reply, { phone_number }) => ({ body: { phone_number, balance: balanceIn(reply) } }),
    failures: { 404: 'There is no such profile.' },
  }),
  route('POST /api/transactions', 'wallets', 'Gives money to a profile, or takes it if the amount is negative.', {
    fields: { phone_number: PhoneNumber, amount: TransactionAmount, request_id: RequestId },
    rpc: Transfer,
    request: ({ phone_number, amount, request_id }) =>
      amount > 0
        ? { request_id, from: HOUSE, to: phone_number, amount }
        : { request_id, from: phone_number, to: HOUSE, amount: -amount },
    first: { type: AccountOpen.type, account: HOUSE, balance: HOUSE_BALANCE },
    reply: z.object({ request_id: z.string(), phone_number: z.string(), amount: AmountText }),
    answer: ({ outcome, reason = '' }, { request_id, phone_number, amount }) =>
      outcome === 'committed'
        ? { body: { request_id, phone_number, amount: formatAmount(amount) } }
        : aborted(reason, request_id),
    failures: { 404: 'There is no such profile.', 409: OTHER_TRANSFER, 422: ABORTED },
  }),
];
