/**
 * The messages of the transfer service.
 *
 *     {"type": "account_open", "account": A, "balance": 1000}
 *       → {"type": "account_open_ok"}
 *     {"type": "account_close", "account": A}
 *       → {"type": "account_close_ok"}
 *     {"type": "account_erase", "account": A, "request_id": R}
 *       → {"type": "account_erase_ok"}
 *     {"type": "transfer", "request_id": R, "from": A, "to": B, "amount": 30}
 *       → {"type": "transfer_ok", "outcome": "committed"}
 *     {"type": "transfer", "request_id": R, "legs": [{"account": A, "amount": -30}, {"account": B, "amount": 30}]}
 *       → {"type": "transfer_ok", "outcome": "aborted", "reason": "insufficient funds"}
 *     {"type": "transfer_status", "request_id": R}
 *       → {"type": "transfer_status_ok", "state": "committed", "history": [{"state": "running", "at": 0, …}, …]}
 *     {"type": "audit", "accounts": [A, B]}
 *       → {"type": "audit_ok", "balances": [970, 0], "versions": [7, 3], "unfinished": [{"request_id": R, "held": 30}]}
 *
 * Amounts are integers in minor units. A negative amount of a leg is taken from its account, a positive one is given to
 * it. The amounts of all legs add up to 0.
 *
 * Errors: 20 for an unknown account or request; 21 for an account that was opened with another balance; 22 for a
 * request id of another transfer, and for an account that cannot be opened, closed or erased in its state; 12 if a
 * request is not as declared.
 */

import * as z from 'zod';
import { defineRpc } from '../../protocol/rpc.ts';
import { SagaState, Transition } from '../../saga/record.ts';

/** UTF-16 code units in the name of an account and in a request id. */
const NAME_LENGTH_MAX = 128;
/** Minor units that one leg may move. */
export const AMOUNT_MAX = 1e12;
/**
 * The highest balance at which an account may be paid, in minor units. Even with all the money under way to it, the
 * balance stays a safe integer.
 */
export const BALANCE_MAX = 1e15;
export const LEGS_MAX = 16;
/** Accounts in one audit. */
export const AUDIT_LENGTH_MAX = 100;

const Name = z.string().min(1).max(NAME_LENGTH_MAX);

export const AccountOpen = defineRpc(
  'account_open',
  'Opens an account with a balance. A repeated request with the same balance changes nothing; with another balance: error 21, and with another `request_id` too, where accounts can be erased. A closed account stays closed (error 22). Where an account of this name was erased, only a new `request_id` opens another (error 22).',
  { account: Name, balance: z.int().min(0).max(BALANCE_MAX), request_id: Name.exactOptional() },
  {},
);

export const AccountClose = defineRpc(
  'account_close',
  'Closes an account. Error 22 if it is not empty, error 11 if a transfer is working on it. A repeated request changes nothing.',
  { account: Name },
  {},
);

export const AccountErase = defineRpc(
  'account_erase',
  'Closes an account and removes everything that names it. Error 22 if it is not empty, 20 if there is none, 11 if something is working on it. A repeated request changes nothing. Only where the host can erase (error 10).',
  { account: Name, request_id: Name },
  {},
);

export const Leg = z.object({
  account: Name,
  amount: z
    .int()
    .min(-AMOUNT_MAX)
    .max(AMOUNT_MAX)
    .describe(
      'In minor units: a negative amount is taken from the account, a positive one is given to it. The sum of all legs is 0.',
    ),
});
export type Leg = z.infer<typeof Leg>;

export const TransferOutcome = z.enum(['committed', 'aborted']);
export type TransferOutcome = z.infer<typeof TransferOutcome>;

export const Transfer = defineRpc(
  'transfer',
  'Moves money between accounts, all of it or nothing: from one to another (`from`, `to`, `amount`), or by `legs`. A repeated request gets the same answer for ever. Error 22 for another transfer with the same request_id.',
  {
    request_id: Name,
    from: Name.exactOptional(),
    to: Name.exactOptional(),
    amount: z.int().min(1).max(AMOUNT_MAX).exactOptional(),
    legs: z.array(Leg).min(2).max(LEGS_MAX).exactOptional(),
  },
  { outcome: TransferOutcome, reason: z.string().exactOptional() },
);

export const TransferStatus = defineRpc(
  'transfer_status',
  'The state of a transfer, why it was aborted if it was, and all its states so far, oldest first.',
  { request_id: Name },
  { state: SagaState, reason: z.string().exactOptional(), history: z.array(Transition) },
);

const Unfinished = z.object({
  request_id: z.string(),
  held: z.int().describe('Taken from the audited accounts and not yet given to them or returned, in minor units.'),
});

export const Audit = defineRpc(
  'audit',
  'Balances and versions of accounts, then the unfinished transfers that touch them or are in an index. If two audits in a row show the same versions, the balances and the held amounts of the first are all the money there is, as of one moment.',
  { accounts: z.array(Name).min(1).max(AUDIT_LENGTH_MAX) },
  {
    balances: z.array(z.int()).describe('In the order of the accounts in the request; so are the versions.'),
    versions: z.array(z.int()),
    unfinished: z.array(Unfinished),
  },
);
