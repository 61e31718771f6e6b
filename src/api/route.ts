/**
 * A route as data: what is asked, which message it becomes, and what the reply becomes. `routes/` has the table. The
 * reference in the README, `/openapi.json` and the page are made from it.
 */

import type * as z from 'zod';
import type { Fields } from '../protocol/field-check.ts';
import type { Body } from '../protocol/message.ts';
import type { ReplyOf, RequestInputOf, Rpc } from '../protocol/rpc.ts';
import type { Problem } from './problems.ts';
import { REQUEST_ID } from './routes/fields.ts';

/** What a token may be allowed to do: one scope for each group of routes and messages. */
export const SCOPES = ['ids', 'vouchers', 'wallets', 'transfers', 'audit'] as const;
export type Scope = (typeof SCOPES)[number];

export type Method = 'GET' | 'POST' | 'DELETE';

/** The body of a success, or why the request failed although the node answered. */
export type RouteAnswer = { readonly body: object } | { readonly problem: Problem };

export type ErrorMeaning = Pick<Problem, 'status' | 'code'>;

/** What is told of a route. */
export interface RouteDescription {
  readonly method: Method;
  /** Names in braces are fields: `/guid/status/{guid}`. */
  readonly path: string;
  readonly summary: string;
  readonly scope: Scope;
  /** All fields of the request, wherever they stand: in the path, the query or the body. */
  readonly fields: Fields;
  /** Fields that a POST may have in its query. Other methods may have all of them there, or in a body. */
  readonly query: readonly string[];
  readonly status: 200 | 201;
  readonly reply: z.ZodObject;
  /** Failures that the answer of the node means, by status, for people. */
  readonly failures: Readonly<Record<number, string>>;
}

export interface Route extends RouteDescription {
  readonly rpc: Rpc;
  /** The fields of the message. @param input checked by `fields` */
  readonly request: (input: never) => object;
  readonly answer: (reply: never, input: never) => RouteAnswer;
  /** By the code of an error of the node: what it means here, if not what it usually does. */
  readonly errors: Readonly<Record<number, ErrorMeaning>>;
  /** A message that the node must have answered once before the first request of this route. */
  readonly first?: Body;
  /** Whether a request without a request id is given a new one. */
  readonly makesRequestId: boolean;
}

type Input<F extends Fields> = z.output<z.ZodObject<F>>;

interface RouteOptions<F extends Fields, R extends Rpc, Reply extends z.ZodObject> {
  readonly fields: F;
  readonly rpc: R;
  readonly request: (input: Input<F>) => RequestInputOf<R>;
  readonly reply: Reply;
  readonly answer: (reply: ReplyOf<R>, input: Input<F>) => { body: z.input<Reply> } | { problem: Problem };
  readonly status?: 200 | 201;
  readonly query?: readonly (keyof F & string)[];
  readonly failures?: Readonly<Record<number, string>>;
  readonly errors?: Readonly<Record<number, ErrorMeaning>>;
  readonly first?: Body;
  readonly makesRequestId?: boolean;
}

/** Ties the functions of a route to its declarations. @param head method and path: `GET /guid/status/{guid}` */
export function route<F extends Fields, R extends Rpc, Reply extends z.ZodObject>(
  head: `${Method} /${string}`,
  scope: Scope,
  summary: string,
  { status = 200, query = [], failures = {}, errors = {}, first, ...options }: RouteOptions<F, R, Reply>,
): Route {
  const [method, path] = head.split(' ') as [Method, string];
  return {
    ...(options as Pick<Route, 'fields' | 'rpc' | 'request' | 'reply' | 'answer'>),
    method,
    path,
    scope,
    summary,
    status,
    query,
    failures,
    errors,
    makesRequestId: options.makesRequestId ?? Object.hasOwn(options.fields, REQUEST_ID),
    ...(first && { first }),
  };
}

/** The names in the braces of a path. */
export function namesIn(path: string): string[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name as string);
}
