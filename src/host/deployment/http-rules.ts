/**
 * What the client of an HTTP service knows when a request has ended: whether it happened. The rules are rows, and the
 * first that fits counts. They err on one side only: a doubt is an indefinite error. A rule that promised too much
 * would blame the service for what a connection did.
 *
 * They hold for an instance that is asked directly, or through proxies that send no request a second time by
 * themselves.
 */

import { PROBLEM_NAMES } from '../../api/problems.ts';
import { PROBLEM_TYPE } from '../../api/service.ts';
import { type ErrorName, RpcError } from '../../protocol/errors.ts';
import { excerpt } from '../../protocol/excerpt.ts';
import { escapeToOneLine } from '../../protocol/invisible.ts';
import { isRecord } from '../../protocol/message.ts';

/** How a request ended at the client's end. */
export type Seen =
  /** `unsent`: no connection came about. `broken`: it did, and no whole answer came on it. `why` is for people. */
  { readonly kind: 'unsent' | 'broken'; readonly why: string } | { readonly kind: 'silent' } | Answered;

interface Answered {
  readonly kind: 'answered';
  readonly status: number;
  /** As it came, without white space around it. */
  readonly body: string;
  /** The body, if it is a JSON object. */
  readonly json: Readonly<Record<string, unknown>> | undefined;
  /** The code of a problem which `snowstorm serve` answers itself, before its node is asked. */
  readonly problem: string | undefined;
}

export interface HttpRule {
  readonly fits: (seen: Seen) => boolean;
  /** An error makes the same promise in the terms of the protocol. */
  readonly gives: ErrorName | 'the body' | 'nothing';
}

/** The problems of a request that will never be served. */
const DENIALS: readonly number[] = [401, 403, 404, 405, 413, 415];

export const HTTP_RULES: readonly HttpRule[] = [
  { fits: ({ kind }) => kind === 'unsent', gives: 'temporarily-unavailable' },
  { fits: ({ kind }) => kind === 'broken', gives: 'crash' },
  { fits: ({ kind }) => kind === 'silent', gives: 'nothing' },
  { fits: isReply, gives: 'the body' },
  // It is starting, or too many requests are in flight.
  { fits: (seen) => isProblem(seen, [503], 'temporarily_unavailable'), gives: 'temporarily-unavailable' },
  { fits: (seen) => isProblem(seen, [429]), gives: 'temporarily-unavailable' },
  { fits: isDenied, gives: 'not-supported' },
  { fits: () => true, gives: 'crash' },
];

/**
 * The body of the reply to a request that ended like this, as the text of a JSON object with a `type` and no
 * `in_reply_to`. Undefined: there is no reply.
 */
export function replyTo(seen: Seen, rules: readonly HttpRule[]): string | undefined {
  const gives = rules.find(({ fits }) => fits(seen))?.gives ?? 'crash';
  if (gives === 'nothing') return undefined;
  if (gives === 'the body' && seen.kind === 'answered') return seen.body;
  const { code } = RpcError.of(gives === 'the body' ? 'crash' : gives);
  return JSON.stringify({ type: 'error', code, text: describe(seen) });
}

const EXCERPT_LENGTH = 120;

/** @param body undefined if it is not UTF-8 */
export function seeAnswer(status: number, contentType: string | undefined, body: string | undefined): Seen {
  const text = body?.trim() ?? '(bytes that are not UTF-8)';
  const json = readObject(text);
  const mediaType = contentType?.split(';', 1)[0]?.trim().toLowerCase();
  const type = mediaType === PROBLEM_TYPE && json?.status === status ? json.type : undefined;
  const isOurs = typeof type === 'string' && type.startsWith(PROBLEM_NAMES);
  return { kind: 'answered', status, body: text, json, problem: isOurs ? type.slice(PROBLEM_NAMES.length) : undefined };
}

function readObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** A node's own: what it answers with 200, and its errors with any status. */
function isReply(seen: Seen): boolean {
  if (seen.kind !== 'answered') return false;
  const { type, code, in_reply_to: inReplyTo } = seen.json ?? {};
  if (typeof type !== 'string' || inReplyTo !== undefined) return false;
  return seen.status === 200 || (type === 'error' && Number.isInteger(code));
}

/** A request like this will never be served. */
export function isDenied(seen: Seen): boolean {
  return isProblem(seen, DENIALS);
}

function isProblem(seen: Seen, statuses: readonly number[], code?: string): boolean {
  if (seen.kind !== 'answered' || seen.problem === undefined) return false;
  return statuses.includes(seen.status) && (code === undefined || seen.problem === code);
}

function describe(seen: Seen): string {
  switch (seen.kind) {
    case 'unsent':
      return `no connection: ${seen.why}`;
    case 'broken':
      return `the connection broke: ${seen.why}`;
    case 'silent':
      return 'no answer in time';
    case 'answered': {
      const { status, problem, json, body } = seen;
      if (problem !== undefined) return `HTTP ${status} ${problem}: ${json?.detail}`;
      return `HTTP ${status}, not from the node: ${excerpt(escapeToOneLine(body), EXCERPT_LENGTH)}`;
    }
  }
}
