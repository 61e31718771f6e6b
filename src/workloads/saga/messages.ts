/**
 * The messages of the transfer service.
 *
 *     {"type": "account_open", "account": A, "balance": 1000}                          → {"type": "account_open_ok"}
 *     {"type": "account_close", "account": A}                                          → {"type": "account_close_ok"}
 *     {"type": "transfer", "request_id": R, "from": A, "to": B, "amount": 30}          → {"type": "transfer_ok", "outcome": "committed"}
 *     {"type": "transfer", "request_id": R, "legs": [{"account": A, "amount": -30},
 *                                                    {"account": B, "amount": 20},
 *                                                    {"account": C, "amount": 10}]}    → {"type": "transfer_ok", "outcome": "aborted", "reason": "insufficient funds"}
 *     {"type": "transfer_status", "request_id": R}                                     → {"type": "transfer_status_ok", "state": "committed", "history": [{"state": "running", "at": 0, "node": "n1", "time": "2026-11-21T08:00:00.000Z"}, …]}
 *     {"type": "audit", "accounts": [A, B]}                                            → {"type": "audit_ok", "balances": [970, 1000], "versions": [7, 3], "unfinished": [{"request_id": R, "held": 30}]}
 *
 * Amounts are integers in minor units; a leg with a negative amount takes from its account, one with a positive amount
 * gives to it, and together they are
 * 0. Errors: 20 for an account or a request that does not exist, 21 for an account that was opened with another
 *    balance, 22 for a request id that was used for another transfer and for an account that cannot be closed or opened
 *    in its state, 12 for what is not as declared.
 */

import * as z from 'zod';
import { defineRpc } from '../../protocol/rpc.ts';
import { SagaState, Transition } from '../../saga/record.ts';

/** UTF-16 code units in the name of an account and in a request id. */
export const NAME_LENGTH_MAX = 128;
/** Minor units that one leg may move. */
export const AMOUNT_MAX = 1e12;
/**
 * Minor units that an account may have when more is to come: low enough that whatever is under way to it leaves a safe
 * integer.
 */
export const BALANCE_MAX = 1e15;
export const LEGS_MAX = 16;
/** Accounts in one audit. */
export const AUDIT_LENGTH_MAX = 100;

const Name = z.string().min(1).max(NAME_LENGTH_MAX);

export const AccountOpen = defineRpc(
  'account_open',
  'Opens an account with a balance. Again with the same balance: nothing happens; with another one: error 21. What was closed stays closed (22).',
  { account: Name, balance: z.int().min(0).max(BALANCE_MAX) },
  {},
);

export const AccountClose = defineRpc(
  'account_close',
  'Closes an account that is empty (else 22) and that no transfer is working on (else 11). Closed already: nothing happens.',
  { account: Name },
  {},
);

export const Leg = z.object({
  account: Name,
  amount: z
    .int()
    .min(-AMOUNT_MAX)
    .max(AMOUNT_MAX)
    .describe('In minor units: below 0 it is taken from the account, above 0 given to it. All legs together are 0.'),
});
export type Leg = z.infer<typeof Leg>;

export const TransferOutcome = z.enum(['committed', 'aborted']);
export type TransferOutcome = z.infer<typeof TransferOutcome>;

export const Transfer = defineRpc(
  'transfer',
  'Moves money between accounts, all of it or nothing: from one to another (`from`, `to`, `amount`), or by `legs`. The same request again gets the same answer for ever; another one with its request_id: error 22.',
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
  'How far a transfer is, why it was aborted if it was, and all states that it came through, the oldest first.',
  { request_id: Name },
  { state: SagaState, reason: z.string().exactOptional(), history: z.array(Transition) },
);

export const Unfinished = z.object({
  request_id: z.string(),
  held: z.int().describe('What it took from the audited accounts and has not given to them or back, in minor units.'),
});
export type Unfinished = z.infer<typeof Unfinished>;

export const Audit = defineRpc(
  'audit',
  'What accounts have and in which version, and then what is not finished: on them, or anywhere by the index. Two audits with the same versions saw one moment, and then balances and what the first found held are all the money there is.',
  { accounts: z.array(Name).min(1).max(AUDIT_LENGTH_MAX) },
  {
    balances: z.array(z.int()).describe('In the order in which the accounts were named; so are the versions.'),
    versions: z.array(z.int()),
    unfinished: z.array(Unfinished),
  },
);
