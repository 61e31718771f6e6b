/** Vouchers over HTTP. The messages are those of `workloads/voucher`; a user is a phone number. */

import * as z from 'zod';
import {
  AMOUNT_MAX,
  Redeem,
  VoucherCreate,
  VoucherRead,
  VoucherReport,
  WalletRead,
} from '../../workloads/voucher/messages.ts';
import { AmountText, amountSchema, formatAmount } from '../amounts.ts';
import { type Route, route } from '../route.ts';
import { Name, PhoneNumber, RequestId } from './fields.ts';

const REPORT_LENGTH_DEFAULT = 100;

const VoucherAmount = amountSchema({ min: 1, max: AMOUNT_MAX }, 'What a redemption credits.');

export const VOUCHER_ROUTES: readonly Route[] = [
  route('POST /api/vouchers', 'vouchers', 'Creates a voucher that `limit` phone numbers can redeem, each once.', {
    fields: {
      code: Name,
      amount: VoucherAmount,
      limit: VoucherCreate.fields.request.limit,
      shards: VoucherCreate.fields.request.shards,
    },
    rpc: VoucherCreate,
    request: (input) => input,
    status: 201,
    reply: z.object({ code: z.string(), amount: AmountText, limit: z.int() }),
    answer: (_, { code, amount, limit }) => ({ body: { code, amount: formatAmount(amount), limit } }),
    failures: { 409: 'There is a voucher of this code with other parameters.' },
  }),
  route('GET /api/vouchers', 'vouchers', 'A voucher: what it credits, how many may redeem it, and how many have.', {
    fields: { code: Name },
    rpc: VoucherRead,
    request: (input) => input,
    reply: z.object({
      code: z.string(),
      amount: AmountText,
      limit: z.int(),
      used: z.int(),
      left: z.int(),
      pending: z.int().describe('Redeemed, and not or not yet known to be credited.'),
    }),
    answer: ({ amount, limit, used, pending }, { code }) => ({
      body: { code, amount: formatAmount(amount), limit, used, left: limit - used, pending },
    }),
    failures: { 404: 'There is no voucher of this code.' },
  }),
  route('POST /api/vouchers/redeem', 'vouchers', 'Redeems a voucher for a phone number and credits its wallet.', {
    fields: {
      phone_number: PhoneNumber,
      code: Name,
      request_id: RequestId.describe('Without one, the service makes one and returns it.').exactOptional(),
    },
    rpc: Redeem,
    // The service fills in a request id before this is called.
    request: ({ phone_number: user, code, request_id: id = '' }) => ({ code, user, request_id: id }),
    reply: z.object({
      code: z.string(),
      phone_number: z.string(),
      request_id: z.string(),
      redemption: z.int().describe('Its number, unique within the voucher.'),
      amount: AmountText,
    }),
    answer: ({ outcome, redemption = 0, credited = 0 }, { phone_number, code, request_id = '' }) => {
      if (outcome === 'redeemed')
        return { body: { code, phone_number, request_id, redemption, amount: formatAmount(credited) } };
      const members = { request_id };
      if (outcome === 'sold_out')
        return { problem: { status: 410, code: outcome, detail: `voucher ${code} is sold out`, members } };
      const detail = `${phone_number} has redeemed voucher ${code} already, by another request`;
      return { problem: { status: 409, code: outcome, detail, members } };
    },
    failures: {
      404: 'There is no voucher of this code.',
      409: 'This phone number has redeemed it already, by another request.',
      410: 'The voucher is sold out.',
    },
  }),
  route('GET /api/vouchers/report', 'vouchers', 'Who redeemed a voucher, page by page.', {
    fields: {
      code: Name,
      limit: VoucherReport.fields.request.limit.describe(`Default: ${REPORT_LENGTH_DEFAULT}.`).exactOptional(),
      offset: VoucherReport.fields.request.offset.describe('Default: 0.').exactOptional(),
    },
    rpc: VoucherReport,
    request: ({ code, limit = REPORT_LENGTH_DEFAULT, offset = 0 }) => ({ code, limit, offset }),
    reply: z.object({
      code: z.string(),
      length: z.int().describe('Of the whole list.'),
      redemptions: z.array(z.object({ redemption: z.int(), phone_number: z.string(), request_id: z.string() })),
    }),
    answer: ({ length, redemptions }, { code }) => ({
      body: { code, length, redemptions: redemptions.map(({ user, ...rest }) => ({ ...rest, phone_number: user })) },
    }),
    failures: { 404: 'There is no voucher of this code.' },
  }),
  route(
    'GET /api/wallets/{phone_number}',
    'wallets',
    'The balance of a phone number, and what vouchers have credited to it.',
    {
      fields: { phone_number: PhoneNumber },
      rpc: WalletRead,
      request: ({ phone_number: user }) => ({ user }),
      reply: z.object({
        phone_number: z.string(),
        balance: AmountText,
        entries: z.array(
          z.object({ code: z.string(), request_id: z.string(), redemption: z.int(), amount: AmountText }),
        ),
      }),
      answer: ({ balance, entries }, { phone_number }) => ({
        body: {
          phone_number,
          balance: formatAmount(balance),
          entries: entries.map(({ credited, ...rest }) => ({ ...rest, amount: formatAmount(credited) })),
        },
      }),
    },
  ),
];
