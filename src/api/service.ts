/**
 * The service behind the routes: a checked request becomes a message to the node, and its reply becomes an answer. It
 * knows no socket. The host has checked size, token and rate before.
 */

import { RpcError } from '../protocol/errors.ts';
import type { Body } from '../protocol/message.ts';
import { TextList } from '../protocol/text-list.ts';
import type { Asked, Origin } from './audited.ts';
import { type InputCheck, inputCheck, type RawInput } from './input.ts';
import type { NodeReply } from './node-client.ts';
import { encodeProblem, type Problem, problemOfError, type WireError } from './problems.ts';
import type { Route } from './route.ts';
import { REQUEST_ID } from './routes/fields.ts';
import { ROUTES } from './routes/routes.ts';

/** What the host sends. */
export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Of a problem, or of an error on the wire. For the log: it tells nothing about the caller, as a text might. */
  readonly code?: string | number;
}

export const JSON_TYPE = 'application/json';
export const PROBLEM_TYPE = 'application/problem+json';

/** The longest request id that the node takes. A longer one is replaced by its digest. */
const NODE_REQUEST_ID_LENGTH_MAX = 128;

const ALREADY_EXISTS = RpcError.of('key-already-exists').code;

export interface ServiceOptions {
  readonly client: Asked;
  /** A hash for which no two texts with the same value can be found, in letters and digits. */
  readonly digest: (text: string) => string;
  /** A new request id, unique for ever. It tells its time: a UUID of version 7. */
  readonly newRequestId: () => string;
}

export class Service {
  readonly #options: ServiceOptions;
  readonly #checks = new Map<Route, InputCheck>();
  /** Messages that the node has answered once, see `Route.first`. */
  readonly #answeredFirst = new Set<Body>();

  constructor(options: ServiceOptions) {
    this.#options = options;
    for (const route of ROUTES) this.#checks.set(route, inputCheck(route));
  }

  /** Answers a request. Never rejects. @param path as it came, for problems */
  answer(route: Route, raw: RawInput, path: string, origin: Origin): Answer | Promise<Answer> {
    const checked = (this.#checks.get(route) as InputCheck)(raw);
    if (checked.kind === 'problem') return problemAnswer(checked.problem, path);
    const input = checked.value;
    if (route.makesRequestId) input[REQUEST_ID] ??= this.#options.newRequestId();
    const { first } = route;
    if (first !== undefined && !this.#answeredFirst.has(first))
      return this.#askFirst(first, route, input, path, origin);
    return this.#ask(route, input, path, origin);
  }

  async #askFirst(
    first: Body,
    route: Route,
    input: Record<string, unknown>,
    path: string,
    origin: Origin,
  ): Promise<Answer> {
    const reply = await this.#options.client.ask(first, origin);
    // An operator may have opened the house account with another balance.
    if (reply.kind === 'error' && reply.error.code !== ALREADY_EXISTS)
      return failureAnswer(route, input, reply.error, path);
    this.#answeredFirst.add(first);
    return this.#ask(route, input, path, origin);
  }

  #ask(route: Route, input: Record<string, unknown>, path: string, origin: Origin): Answer | Promise<Answer> {
    const asked = route.request(this.#forNode(input) as never);
    const reply = this.#options.client.ask({ ...asked, type: route.rpc.type }, origin);
    if (reply instanceof Promise) return reply.then((late) => answerOf(route, input, late, path));
    return answerOf(route, input, reply, path);
  }

  #forNode(input: Record<string, unknown>): Record<string, unknown> {
    const id = input[REQUEST_ID];
    if (typeof id !== 'string') return input;
    const forNode = requestIdForNode(id, this.#options.digest);
    return forNode === id ? input : { ...input, [REQUEST_ID]: forNode };
  }
}

/** What the node knows a request by. @param digest see {@link ServiceOptions} */
export function requestIdForNode(id: string, digest: ServiceOptions['digest']): string {
  return id.length <= NODE_REQUEST_ID_LENGTH_MAX ? id : digest(id);
}

function answerOf(route: Route, input: Record<string, unknown>, reply: NodeReply, path: string): Answer {
  if (reply.kind === 'error') return failureAnswer(route, input, reply.error, path);
  const answer = route.answer(reply.body as never, input as never);
  if ('problem' in answer) return problemAnswer(answer.problem, path);
  return { status: route.status, type: JSON_TYPE, body: encodeMembers(answer.body) };
}

/** It tells the request id: the client may not know it, and asks again by it. */
function failureAnswer(
  { fields, errors }: Route,
  input: Record<string, unknown>,
  error: WireError,
  path: string,
): Answer {
  const isKeyed = Object.hasOwn(fields, REQUEST_ID);
  const usual = problemOfError(error, isKeyed ? 'with the same request id' : 'with the same request');
  const problem = { ...usual, ...errors[error.code] };
  const members = isKeyed && { members: { [REQUEST_ID]: input[REQUEST_ID] } };
  return problemAnswer({ ...problem, ...members }, path);
}

export function problemAnswer(problem: Problem, path: string): Answer {
  return {
    status: problem.status,
    type: PROBLEM_TYPE,
    body: encodeProblem(problem, path),
    code: problem.code,
    ...(problem.headers && { headers: problem.headers }),
  };
}

/** An object as JSON. A list of texts that is JSON already is not read again. */
export function encodeMembers(members: object, leftOut?: 'in_reply_to'): string {
  let text = '';
  for (const [name, value] of Object.entries(members)) {
    if (value === undefined || name === leftOut) continue;
    const json = value instanceof TextList ? value.json : JSON.stringify(value);
    text += `${text === '' ? '{' : ','}${JSON.stringify(name)}:${json}`;
  }
  return text === '' ? '{}' : `${text}}`;
}
