/** The W3C trace context of a request (`traceparent`, level 1): it is continued, or begun if there is none. */

import { createRandomUint32 } from '../system.ts';

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const TRACE_ID_WORDS = 4;
const SPAN_ID_WORDS = 2;
const ZEROS = /^0+$/;

const randomUint32 = createRandomUint32();

function randomHex(words: number): string {
  let text = '';
  for (let word = 0; word < words; word++) text += randomUint32().toString(16).padStart(8, '0');
  return text;
}

/** The `traceparent` of this server's part of the trace. @param incoming the header; an invalid one is ignored */
export function continueTrace(incoming: string | undefined): string {
  const spanId = randomHex(SPAN_ID_WORDS);
  const [, version, traceId = '', parentId = '', flags = '', more] = TRACEPARENT.exec(incoming ?? '') ?? [];
  // A later version may have more fields; this one has none.
  const isValid = version !== undefined && version !== 'ff' && (version !== '00' || more === undefined);
  if (isValid && !ZEROS.test(traceId) && !ZEROS.test(parentId)) return `00-${traceId}-${spanId}-${flags}`;
  return `00-${randomHex(TRACE_ID_WORDS)}-${spanId}-00`;
}

/** @param traceparent one of {@link continueTrace} */
export function traceIdOf(traceparent: string): string {
  return traceparent.split('-')[1] as string;
}
