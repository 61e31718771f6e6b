/**
 * The messages of the voucher service.
 *
 *     {"type": "voucher_create", "code": C, "limit": 300, "amount": 500}
 *       → {"type": "voucher_create_ok"}
 *     {"type": "redeem", "code": C, "user": U, "request_id": R}
 *       → {"type": "redeem_ok", "outcome": "redeemed", "redemption": 17, "credited": 500}
 *       → {"type": "redeem_ok", "outcome": "already_redeemed"}
 *       → {"type": "redeem_ok", "outcome": "sold_out"}
 *     {"type": "voucher_read", "code": C}
 *       → {"type": "voucher_read_ok", "limit": 300, "amount": 500, "used": 17, "pending": 1}
 *     {"type": "voucher_report", "code": C, "limit": 100, "offset": 0}
 *       → {"type": "voucher_report_ok", "length": 17,
 *          "redemptions": [{"redemption": 1, "user": U, "request_id": R}, …]}
 *     {"type": "wallet_read", "user": U}
 *       → {"type": "wallet_read_ok", "balance": 500,
 *          "entries": [{"code": C, "request_id": R, "redemption": 17, "credited": 500}]}
 *
 * Amounts are integers in minor units. A redemption's number is unique within its voucher. Errors: 20 if the voucher
 * does not exist, 21 if it was created with other parameters, 12 if a request is not as declared.
 */

import * as z from 'zod';
import { defineRpc } from '../../protocol/rpc.ts';

/** UTF-16 code units in a code, the name of a user, a request id. */
const NAME_LENGTH_MAX = 128;
/** Minor units that one redemption may credit. Even thousands of them add up to a safe integer. */
export const AMOUNT_MAX = 1e12;
const LIMIT_MAX = 1e9;
const SHARDS_MAX = 64;
/** Redemptions in one `voucher_report_ok`. */
const REPORT_LENGTH_MAX = 1000;

const Name = z.string().min(1).max(NAME_LENGTH_MAX);

export const VoucherCreate = defineRpc(
  'voucher_create',
  'Creates a voucher that `limit` users can redeem, each once, for `amount`. A repeated request with the same parameters changes nothing; with others: error 21.',
  {
    code: Name,
    limit: z.int().min(1).max(LIMIT_MAX),
    amount: z.int().min(1).max(AMOUNT_MAX),
    shards: z
      .int()
      .min(1)
      .max(SHARDS_MAX)
      .describe('The number of records that hold its rights. More records serve more nodes at once.')
      .exactOptional(),
  },
  {},
);

export const Outcome = z.enum(['redeemed', 'already_redeemed', 'sold_out']);
export type Outcome = z.infer<typeof Outcome>;

export const Redeem = defineRpc(
  'redeem',
  'Redeems a voucher for a user and credits the wallet. A repeated request gets the same answer for ever. Another request of the same user is answered `already_redeemed`. A request id belongs to its code and user: for another user or voucher it is another request.',
  { code: Name, user: Name, request_id: Name },
  {
    outcome: Outcome,
    redemption: z.int().describe('Its number, unique within the voucher.').exactOptional(),
    credited: z.int().describe('In minor units, like every amount.').exactOptional(),
  },
);

export const VoucherRead = defineRpc(
  'voucher_read',
  'The terms of a voucher, how many redemptions there are, and how many of them are not, or not yet known to be, credited.',
  { code: Name },
  { limit: z.int(), amount: z.int(), used: z.int(), pending: z.int() },
);

export const Redemption = z.object({ redemption: z.int(), user: z.string(), request_id: z.string() });
export type Redemption = z.infer<typeof Redemption>;

export const VoucherReport = defineRpc(
  'voucher_report',
  'Lists redemptions. While none is added, their order does not change; `length` is how many there are.',
  { code: Name, limit: z.int().min(1).max(REPORT_LENGTH_MAX), offset: z.int().min(0) },
  { length: z.int(), redemptions: z.array(Redemption) },
);

const WalletEntry = z.object({
  code: z.string(),
  request_id: z.string(),
  redemption: z.int(),
  credited: z.int(),
});

export const WalletRead = defineRpc(
  'wallet_read',
  'The balance of a user, and the redemptions that made it. An unknown user has 0.',
  { user: Name },
  { balance: z.int(), entries: z.array(WalletEntry) },
);
