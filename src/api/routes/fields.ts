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

export const PhoneNumber = z
  .string()
  .regex(/^\+?\d{1,32}$/, 'expected up to 32 digits, perhaps after a plus sign')
  .describe('Digits, perhaps after a plus sign.');
