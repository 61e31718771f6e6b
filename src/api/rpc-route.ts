/**
 * `POST /rpc`: every message of the served workloads, as `workloads/MESSAGES.md` describes them.
 *
 *     {"type": "generate", "count": 2}  → 200 {"type": "generate_ok", "ids": ["…", "…"]}
 *     {"type": "redeem", …}             → 404 {"type": "error", "code": 20, "text": "there is no voucher x"}
 *
 * A request has no `msg_id` and its reply no `in_reply_to`: HTTP ties the two. An error's status is that of its code.
 */

import { Health, Metrics } from '../node/status.ts';
import { RpcError } from '../protocol/errors.ts';
import { excerpt } from '../protocol/excerpt.ts';
import { type Body, describeIssue } from '../protocol/message.ts';
import type { Rpc } from '../protocol/rpc.ts';
import type { Asked, Origin } from './audited.ts';
import { bodyObject, InputError } from './input.ts';
import { DecimalNumber } from './json-text.ts';
import type { NodeReply } from './node-client.ts';
import { statusOfError, type WireError } from './problems.ts';
import type { Scope } from './route.ts';
import { ROUTES } from './routes/routes.ts';
import { type Answer, encodeMembers, JSON_TYPE } from './service.ts';

const TYPE_LENGTH_MAX = 64;

/** The scopes of messages that no route has, or only one that is for profiles alone. */
const OTHER_SCOPES: readonly (readonly [type: string, scope: Scope])[] = [
  ['account_close', 'transfers'],
  ['account_erase', 'transfers'],
];

/** By type. A message that is in no scope needs a token, but no scope. */
const SCOPE_BY_TYPE: ReadonlyMap<string, Scope> = new Map([
  // Profiles are accounts: the scope of a message is that of its first route without a profile.
  ...[...ROUTES].reverse().map(({ rpc, scope }) => [rpc.type, scope] as const),
  ...OTHER_SCOPES,
]);

export type RpcRequest = { readonly body: Body; readonly scope: Scope | undefined } | { readonly answer: Answer };

export class RpcRoute {
  readonly #client: Asked;
  readonly #byType: ReadonlyMap<string, Rpc>;

  /** @param rpcs what the node serves besides `metrics` and `health` */
  constructor(client: Asked, rpcs: readonly Rpc[]) {
    this.#client = client;
    this.#byType = new Map([...rpcs, Metrics, Health].map((rpc) => [rpc.type, rpc]));
  }

  /** Reads the body of a request. What the node would refuse is refused here, so its log has only real trouble. */
  read(text: string): RpcRequest {
    let body: Record<string, unknown>;
    try {
      body = asPlainNumbers(bodyObject(text)) as Record<string, unknown>;
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      return { answer: errorAnswer(RpcError.of('malformed-request', error.message)) };
    }
    const { type, msg_id: _, ...fields } = body;
    const rpc = typeof type === 'string' ? this.#byType.get(type) : undefined;
    const problem = rpc === undefined ? unknownType(type) : findProblem(rpc, body);
    if (problem !== undefined) return { answer: errorAnswer(problem) };
    return { body: { ...fields, type: type as string }, scope: SCOPE_BY_TYPE.get(type as string) };
  }

  /** Never rejects. */
  answer(body: Body, origin: Origin): Answer | Promise<Answer> {
    const reply = this.#client.ask(body, origin);
    return reply instanceof Promise ? reply.then(answerOf) : answerOf(reply);
  }
}

function unknownType(type: unknown): RpcError {
  if (typeof type !== 'string') return RpcError.of('malformed-request', 'body.type: expected the type of a message');
  const text = `body.type: ${excerpt(type, TYPE_LENGTH_MAX)} is not supported by this node`;
  return RpcError.of('not-supported', text);
}

function findProblem(rpc: Rpc, body: Readonly<Record<string, unknown>>): RpcError | undefined {
  if (body.in_reply_to !== undefined) return RpcError.of('malformed-request', 'body.in_reply_to: a request has none');
  const checked = rpc.request.safeParse(body);
  return checked.success ? undefined : RpcError.of('malformed-request', describeIssue(checked.error, 'body').text);
}

function answerOf(reply: NodeReply): Answer {
  if (reply.kind === 'error') return errorAnswer(reply.error);
  return { status: 200, type: JSON_TYPE, body: encodeMembers(reply.body, 'in_reply_to') };
}

function errorAnswer(error: RpcError | WireError): Answer {
  const { code } = error;
  const text = error instanceof RpcError ? error.message : error.text;
  const status = statusOfError(code);
  return {
    status,
    type: JSON_TYPE,
    body: JSON.stringify({ type: 'error', code, text }),
    code,
    ...(status === 503 && { headers: { 'Retry-After': '1' } }),
  };
}

/** As `JSON.parse` reads them: the fields of messages are integers, and `echo` takes any value. */
function asPlainNumbers(value: unknown): unknown {
  if (value instanceof DecimalNumber) return Number(value.text);
  if (typeof value !== 'object' || value === null) return value;
  for (const [name, member] of Object.entries(value)) {
    if (typeof member !== 'object' || member === null) continue;
    const plain = asPlainNumbers(member);
    if (plain !== member)
      Object.defineProperty(value, name, { value: plain, enumerable: true, writable: true, configurable: true });
  }
  return value;
}
