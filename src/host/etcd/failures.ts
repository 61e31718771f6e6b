/**
 * What a failed try proves. The rule: a request is taken for not done only by a row of the table that says so.
 * Everything else may have been done, or may be done later.
 *
 * Status and code do not tell enough: code 14 is "no leader" (nothing was proposed) and "request timed out" (it was);
 * code 8 is a message too large (nothing) and "database space exceeded", after which a few of the keys were there. So
 * codes 14 and 8 are told apart by their text. Measured with etcd 3.4.23; the texts are those of its `rpctypes`.
 */

import { excerpt } from '../../protocol/excerpt.ts';

/** How one try failed. */
export type Failure =
  /** Nothing was sent: there was no connection, or no token to send. */
  | { readonly kind: 'not-sent'; readonly reason: string; readonly code?: string }
  /** The connection broke before the whole answer was there. */
  | { readonly kind: 'broken'; readonly reason: string; readonly code?: string }
  /** No answer within `timeoutMs`. */
  | { readonly kind: 'timeout'; readonly timeoutMs: number }
  /** An answer of etcd, with a gRPC code. */
  | { readonly kind: 'error'; readonly status: number; readonly code: number; readonly text: string }
  /** An answer that etcd does not give. */
  | { readonly kind: 'foreign'; readonly status: number; readonly text: string };

/**
 * What may help within the same call. `member`: another member. `token`: a new token. `nothing`: every member would
 * say the same.
 */
export type Remedy = 'member' | 'token' | 'nothing';

export interface FailureRow {
  readonly name: string;
  readonly matches: (failure: Failure) => boolean;
  /** Whether it proves that nothing was done and that this request can never take effect. */
  readonly provesNotDone: boolean;
  readonly remedy: Remedy;
}

const INVALID_ARGUMENT = 3;
const PERMISSION_DENIED = 7;
const RESOURCE_EXHAUSTED = 8;
const FAILED_PRECONDITION = 9;
const OUT_OF_RANGE = 11;
const UNAVAILABLE = 14;
const UNAUTHENTICATED = 16;

function answers(code: number, text = /(?:)/): FailureRow['matches'] {
  return (failure) => failure.kind === 'error' && failure.code === code && text.test(failure.text);
}

/** In order: the first row that matches counts. */
export const FAILURES: readonly FailureRow[] = [
  { name: 'not sent', matches: ({ kind }) => kind === 'not-sent', provesNotDone: true, remedy: 'member' },
  // Only said where the request's header `hasleader` asks for it: before the request is looked at.
  { name: 'no leader', matches: answers(UNAVAILABLE, /: no leader$/), provesNotDone: true, remedy: 'member' },
  { name: 'bad token', matches: answers(UNAUTHENTICATED), provesNotDone: true, remedy: 'token' },
  {
    name: 'outdated token',
    matches: answers(INVALID_ARGUMENT, /user name is empty|revision of auth store is old/),
    provesNotDone: true,
    remedy: 'token',
  },
  { name: 'not permitted', matches: answers(PERMISSION_DENIED), provesNotDone: true, remedy: 'nothing' },
  { name: 'malformed or too large', matches: answers(INVALID_ARGUMENT), provesNotDone: true, remedy: 'nothing' },
  {
    name: 'message too large',
    matches: answers(RESOURCE_EXHAUSTED, /message larger than max/),
    provesNotDone: true,
    remedy: 'nothing',
  },
  // Looks like a rate limit, and is none: of 263 such creates 3 were there afterwards.
  {
    name: 'database space exceeded',
    matches: answers(RESOURCE_EXHAUSTED, /database space exceeded/),
    provesNotDone: false,
    remedy: 'nothing',
  },
  // Said before the request is looked at, to all but serializable reads. Before etcd 3.6 the code was 14.
  {
    name: 'a learner',
    matches: (failure) =>
      [FAILED_PRECONDITION, UNAVAILABLE].some((code) => answers(code, /: rpc not supported for learner$/)(failure)),
    provesNotDone: true,
    remedy: 'member',
  },
  // Users that are not enabled, history that another instance has compacted: every member says so.
  {
    name: 'not as things are',
    matches: (failure) => answers(FAILED_PRECONDITION)(failure) || answers(OUT_OF_RANGE)(failure),
    provesNotDone: false,
    remedy: 'nothing',
  },
  { name: 'anything else', matches: () => true, provesNotDone: false, remedy: 'member' },
];

/** The row of the table for a failed try. */
export function classifyFailure(failure: Failure): FailureRow {
  return FAILURES.find(({ matches }) => matches(failure)) as FailureRow;
}

const ANSWER_LENGTH_MAX = 200;

/** In words, for people: `no answer within 1000 ms`. */
export function describeFailure(failure: Failure): string {
  switch (failure.kind) {
    case 'not-sent':
    case 'broken':
      return failure.reason;
    case 'timeout':
      return `no answer within ${Math.round(failure.timeoutMs)} ms`;
    case 'error':
      return `${excerpt(failure.text, ANSWER_LENGTH_MAX)} (HTTP ${failure.status}, code ${failure.code})`;
    case 'foreign':
      return `HTTP ${failure.status} with an answer that is not etcd's: "${excerpt(failure.text.trim(), ANSWER_LENGTH_MAX)}"`;
  }
}
