/** What is wrong with a request before anything of its meaning is looked at: its address and its headers. */

import type { IncomingMessage } from 'node:http';
import type { Problem } from '../../api/problems.ts';
import type { HttpLimits } from './limits.ts';

export interface Address {
  /** As it came, without the query. */
  readonly path: string;
  /** Without the question mark. */
  readonly query: string;
}

/** Headers that decide what a request means. Node takes the first of two, and a proxy perhaps the last. */
const SINGLE: ReadonlySet<string> = new Set([
  'authorization',
  'content-encoding',
  'content-length',
  'content-type',
  'host',
  'idempotency-key',
  'transfer-encoding',
]);

const ABSOLUTE = /^https?:\/\/[^/?#]*/i;
const UNPRINTABLE = /[^!-~]/;

/** Path and query of the address; a problem if it is too long or not an address. */
export function addressOf({ url = '' }: IncomingMessage, limits: HttpLimits): Address | Problem {
  // A request to a proxy names the whole address. RFC 9112 has every server accept it.
  const address = url.startsWith('/') ? url : url.replace(ABSOLUTE, '');
  const question = address.indexOf('?');
  const path = question < 0 ? address : address.slice(0, question);
  const query = question < 0 ? '' : address.slice(question + 1);
  if (path.length > limits.pathLengthMax) return tooLong('path', path.length, limits.pathLengthMax);
  if (query.length > limits.queryLengthMax) return tooLong('query', query.length, limits.queryLengthMax);
  if (!path.startsWith('/') && path !== '*' && url !== '')
    return { status: 400, code: 'address_invalid', detail: 'the address of a request begins with a slash' };
  if (UNPRINTABLE.test(address) || address.includes('#'))
    return { status: 400, code: 'address_invalid', detail: 'the address has a character that must be escaped' };
  return { path, query };
}

function tooLong(what: string, length: number, max: number): Problem {
  return { status: 414, code: `${what}_too_long`, detail: `the ${what} has ${length} characters, more than ${max}` };
}

/** What is wrong with the headers; undefined if nothing is. */
export function findHeaderProblem(request: IncomingMessage, { headersMax }: HttpLimits): Problem | undefined {
  const { rawHeaders, headers, httpVersion } = request;
  if (rawHeaders.length > 2 * headersMax)
    return { status: 431, code: 'too_many_headers', detail: `the request has more than ${headersMax} headers` };
  let seen: Set<string> | undefined;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] as string).toLowerCase();
    if (!SINGLE.has(name)) continue;
    seen ??= new Set();
    if (seen.has(name)) return { status: 400, code: 'header_twice', detail: `the header ${name} occurs twice` };
    seen.add(name);
  }
  if (headers.host === undefined && httpVersion === '1.1')
    return { status: 400, code: 'host_missing', detail: 'the header host is missing' };
  if (headers.expect !== undefined && headers.expect.toLowerCase() !== '100-continue')
    return { status: 417, code: 'expectation_failed', detail: 'no other expectation than 100-continue is met' };
  return undefined;
}

/** Whether a body follows the headers. */
export function hasBody({ headers }: IncomingMessage): boolean {
  const length = headers['content-length'];
  return headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0');
}

/** Whether the rest of a body is longer than what is read to keep a connection. */
export function mayNotEnd({ headers }: IncomingMessage, { bodyBytesMax }: HttpLimits): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > bodyBytesMax;
}

const JSON_TYPE = /^application\/(?:[\w.+-]+\+)?json\s*(?:;\s*charset\s*=\s*"?utf-8"?\s*)?$/i;

/** What is wrong with the headers of a body. */
export function findBodyProblem({ headers }: IncomingMessage, { bodyBytesMax }: HttpLimits): Problem | undefined {
  const length = Number(headers['content-length'] ?? 0);
  if (length > bodyBytesMax) return bodyTooLarge(bodyBytesMax);
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity')
    return { status: 415, code: 'encoding_unsupported', detail: 'the body must not be compressed' };
  const type = headers['content-type'];
  if (type === undefined || !JSON_TYPE.test(type)) {
    const detail = 'the body must be JSON in UTF-8, with the header Content-Type: application/json';
    return { status: 415, code: 'type_unsupported', detail };
  }
  return undefined;
}

export function bodyTooLarge(bodyBytesMax: number): Problem {
  return { status: 413, code: 'body_too_large', detail: `the body has more than ${bodyBytesMax} bytes` };
}
