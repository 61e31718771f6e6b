/** The W3C trace context of a request (`traceparent`, level 1): it is continued, or begun if there is none. */

import { randomBytes } from 'node:crypto';

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const TRACE_ID_BYTES = 16;
const SPAN_ID_BYTES = 8;
const ZEROS = /^0+$/;

/** The `traceparent` of this server's part of the trace. @param incoming the header; an invalid one is ignored */
export function continueTrace(incoming: string | undefined): string {
  const spanId = randomBytes(SPAN_ID_BYTES).toString('hex');
  const [, version, traceId = '', parentId = '', flags = '', more] = TRACEPARENT.exec(incoming ?? '') ?? [];
  // A later version may have more fields; this one has none.
  const isValid = version !== undefined && version !== 'ff' && (version !== '00' || more === undefined);
  if (isValid && !ZEROS.test(traceId) && !ZEROS.test(parentId)) return `00-${traceId}-${spanId}-${flags}`;
  return `00-${randomBytes(TRACE_ID_BYTES).toString('hex')}-${spanId}-00`;
}
