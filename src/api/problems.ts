/**
 * What went wrong, as RFC 9457 problem details:
 *
 *     {"type": "urn:snowstorm:problem:amount_invalid", "title": "Bad Request", "status": 400,
 *      "detail": "amount: expected …", "instance": "/api/v1/transfers", "code": "amount_invalid",
 *      "message": "amount: expected …"}
 *
 * `code` is a stable word for programs. `message` repeats `detail` for clients of the systems that this one replaces.
 * If the node refused, `error` has its code and text as on the wire.
 */

import { errorByCode } from '../protocol/errors.ts';

/** Statuses that this service answers, with their titles from the registry of HTTP. */
export const STATUS_TITLES: Readonly<Record<number, string>> = {
  200: 'OK',
  201: 'Created',
  204: 'No Content',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  409: 'Conflict',
  410: 'Gone',
  413: 'Content Too Large',
  414: 'URI Too Long',
  415: 'Unsupported Media Type',
  417: 'Expectation Failed',
  422: 'Unprocessable Content',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
};

/** An error as on the wire. */
export interface WireError {
  readonly code: number;
  readonly text: string;
}

export interface Problem {
  readonly status: number;
  /** A stable word: letters, digits, `_`. */
  readonly code: string;
  readonly detail: string;
  /** What the node answered, if it was asked. */
  readonly error?: WireError;
  /** Further members, such as the request id. */
  readonly members?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The statuses of the node's errors, by code. Every other code is 500: nothing is known about what happened. */
const STATUS_BY_CODE: ReadonlyMap<number, number> = new Map([
  [0, 504],
  [1, 503],
  [10, 404],
  [11, 503],
  [12, 400],
  [13, 500],
  [14, 409],
  [20, 404],
  [21, 409],
  [22, 409],
  [30, 409],
]);

/** How long a client waits before it asks again, in s. */
const RETRY_AFTER_S = '1';

/** The code of a problem after which it is unknown whether the request happened. */
export const OUTCOME_UNKNOWN = 'outcome_unknown';

/** @param repeat how a request is asked again safely: `with the same request id` */
export function problemOfError(error: WireError, repeat: string): Problem {
  const definition = errorByCode(error.code);
  const status = statusOfError(error.code);
  const doubt = definition?.definite ? '' : ` It may have happened: ask again ${repeat} to learn the outcome.`;
  return {
    status,
    code: definition?.definite ? definition.name.replaceAll('-', '_') : OUTCOME_UNKNOWN,
    detail: `${error.text.replace(/^body\./, '')}${doubt === '' || /[.!?]$/.test(error.text) ? '' : '.'}${doubt}`,
    error,
    ...(status === 503 && { headers: { 'Retry-After': RETRY_AFTER_S } }),
  };
}

/** All statuses that the node's errors may have. */
export function statusesOfErrors(): number[] {
  return [...new Set([...STATUS_BY_CODE.values(), 500])];
}

export function statusOfError(code: number): number {
  return STATUS_BY_CODE.get(code) ?? 500;
}

/** The service cannot answer now. Nothing has happened. */
export function unavailable(detail: string): Problem {
  return { status: 503, code: 'temporarily_unavailable', detail, headers: { 'Retry-After': RETRY_AFTER_S } };
}

/** What the types of problems of this service begin with, before the code. A proxy may answer with problems, too. */
export const PROBLEM_NAMES = 'urn:snowstorm:problem:';

/** @param instance the path of the request */
export function encodeProblem({ status, code, detail, error, members }: Problem, instance: string): string {
  return JSON.stringify({
    type: `${PROBLEM_NAMES}${code}`,
    title: STATUS_TITLES[status],
    status,
    detail,
    instance,
    code,
    message: detail,
    ...(error && { error }),
    ...members,
  });
}
