/** Fields that several routes have. */

import * as z from 'zod';

/** Characters of an `Idempotency-Key`, as with Stripe. */
export const REQUEST_ID_LENGTH_MAX = 255;
const NAME_LENGTH_MAX = 128;

/** By this name the header `Idempotency-Key` may give the field. */
export const REQUEST_ID = 'request_id';

export const RequestId = z
  .string()
  .min(1)
  .max(REQUEST_ID_LENGTH_MAX)
  .describe('Names the request. A repeated request with the same id has no further effect and gets the same answer.');

export const Name = z.string().min(1).max(NAME_LENGTH_MAX);

const PHONE_NUMBER = /^\+?\d{1,32}$/;

export const PhoneNumber = z
  .string()
  .regex(PHONE_NUMBER, 'expected up to 32 digits, perhaps after a plus sign')
  .describe('Digits, perhaps after a plus sign.');

/** With the plus sign; E.164 has up to 15 digits. Longer numbers are ids, such as snowflakes. */
const REAL_LENGTH_MAX = 16;

const INTERNATIONAL = /\+\d{6}/;

/** Whether a text that need not be one may be a phone number all the same, or have one in it, from the plus sign on. */
export function mayBePhoneNumber(text: string): boolean {
  return (text.length <= REAL_LENGTH_MAX && PHONE_NUMBER.test(text)) || INTERNATIONAL.test(text);
}
