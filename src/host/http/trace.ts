/** The W3C trace context of a request (`traceparent`, level 1): it is continued, or begun if there is none. */

import { randomBytes } from 'node:crypto';

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const ZEROS = /^0+$/;

const TRACE_ID_DIGITS = 32;
const SPAN_ID_DIGITS = 16;

/** Made for many requests at once. */
const RANDOM_BYTES = 2048;
let randomDigits = '';

function randomHex(count: number): string {
  if (randomDigits.length < count) randomDigits = randomBytes(RANDOM_BYTES).toString('hex');
  const digits = randomDigits.slice(0, count);
  randomDigits = randomDigits.slice(count);
  return digits;
}

/** The `traceparent` of this server's part of the trace. @param incoming the header; an invalid one is ignored */
export function continueTrace(incoming: string | undefined): string {
  const spanId = randomHex(SPAN_ID_DIGITS);
  const [, version, traceId = '', parentId = '', flags = '', more] = (incoming && TRACEPARENT.exec(incoming)) || [];
  // A later version may have more fields; this one has none.
  const isValid = version !== undefined && version !== 'ff' && (version !== '00' || more === undefined);
  if (isValid && !ZEROS.test(traceId) && !ZEROS.test(parentId)) return `00-${traceId}-${spanId}-${flags}`;
  return `00-${randomHex(TRACE_ID_DIGITS)}-${spanId}-00`;
}

/** @param traceparent one of {@link continueTrace} */
export function traceIdOf(traceparent: string): string {
  return traceparent.split('-', 2)[1] as string;
}
