/**
 * A message pair, declared once: the fields of request and reply, as zod schemas. Servers validate and answer by it,
 * clients ask and check by it, and both get their types from it.
 *
 * Replies are *closed* in Maelstrom: one undeclared field voids the client's operation. So a reply is written field by
 * field from its declaration. That is also several times faster than `JSON.stringify` of the whole object.
 */

import type * as z from 'zod';
import { isExactInteger, stringifyText } from './exact-json.ts';

import { checkFields, type FieldCheck, type Fields } from './field-check.ts';
import { type Body, describeIssue } from './message.ts';
import { TextList } from './text-list.ts';

type FieldsInput<F extends Fields> = z.input<z.ZodObject<F>>;
type FieldsOutput<F extends Fields> = z.output<z.ZodObject<F>>;

/** A request and its reply: `echo` is answered by `echo_ok`. */
export interface Rpc<Request extends Fields = Fields, Reply extends Fields = Fields> {
  /** The `type` of a request on the wire. */
  readonly type: string;
  /** The `type` of a reply. */
  readonly replyType: string;
  /** What it does, for people. The wire reference is made from this text and the fields. */
  readonly text: string;
  /** As they were declared. */
  readonly fields: { readonly request: Request; readonly reply: Reply };
  /** Checks a whole body. Undeclared fields are dropped, so that newer senders can talk to older nodes. */
  readonly request: FieldCheck<FieldsOutput<Request>>;
  /** Checks the fields of a reply, without `type` and `in_reply_to`. */
  readonly reply: FieldCheck<FieldsOutput<Reply>>;
  /** Whether an undeclared field makes a reply wrong: in Maelstrom for every reply but `init_ok`. */
  readonly closed: boolean;
  /** What a reply begins with, up to its `in_reply_to`. */
  readonly replyStart: string;
  /** The reply's fields in the order of writing, each with the text before its value. */
  readonly replyFields: readonly { readonly name: string; readonly prefix: string }[];
}

/** The fields of a request, checked. */
export type RequestOf<R extends Rpc> = R extends Rpc<infer Request, Fields> ? FieldsOutput<Request> : never;
/** The fields of a request, as a caller gives them. */
export type RequestInputOf<R extends Rpc> = R extends Rpc<infer Request, Fields> ? FieldsInput<Request> : never;
/** The fields of a reply, checked. */
export type ReplyOf<R extends Rpc> = R extends Rpc<Fields, infer Reply> ? FieldsOutput<Reply> : never;

/**
 * Declares a request and its reply.
 *
 * @param type the request's `type` on the wire; the reply's is `<type>_ok`
 * @param text what it does, in a sentence
 * @param request the fields of a request, as zod schemas by their names
 * @param reply the fields of a reply
 */
export function defineRpc<Request extends Fields, Reply extends Fields>(
  type: string,
  text: string,
  request: Request,
  reply: Reply,
  { closed = true } = {},
): Rpc<Request, Reply> {
  const replyType = `${type}_ok`;
  return {
    type,
    replyType,
    text,
    fields: { request, reply },
    request: checkFields<FieldsOutput<Request>>(request),
    reply: checkFields<FieldsOutput<Reply>>(reply),
    closed,
    replyStart: `{"type":${JSON.stringify(replyType)},"in_reply_to":`,
    replyFields: Object.keys(reply).map((name) => ({ name, prefix: `,${JSON.stringify(name)}:` })),
  };
}

/** The body of a reply as JSON text. Undefined fields are left out. */
export function encodeReplyBody(rpc: Rpc, inReplyTo: number, reply: Readonly<Record<string, unknown>>): string {
  let text = rpc.replyStart + inReplyTo;
  for (const { name, prefix } of rpc.replyFields) {
    const value = reply[name];
    const valueText = encodeValue(value);
    if (valueText !== undefined) text += prefix + valueText;
  }
  return `${text}}`;
}

function encodeValue(value: unknown): string | undefined {
  if (typeof value === 'string') return stringifyText(value);
  return value instanceof TextList ? value.json : JSON.stringify(value);
}

/** The same body as a value. */
export function replyBody(rpc: Rpc, inReplyTo: number, reply: Readonly<Record<string, unknown>>): Body {
  const body: Record<string, unknown> & { type: string } = { type: rpc.replyType, in_reply_to: inReplyTo };
  for (const { name } of rpc.replyFields) if (reply[name] !== undefined) body[name] = reply[name];
  return body;
}

/**
 * Checks a reply body as Maelstrom's clients do: the declared type and fields, `in_reply_to`, an optional integer
 * `msg_id`, nothing else.
 *
 * @returns what is wrong with it, or undefined
 */
export function findReplyProblem(rpc: Rpc, body: Readonly<Record<string, unknown>>): string | undefined {
  if (body.type !== rpc.replyType) return `type: expected ${rpc.replyType}, received ${JSON.stringify(body.type)}`;
  const wrong = rpc.reply.findError(body);
  if (wrong !== undefined) return describeIssue(wrong, '').text;
  if (body.msg_id !== undefined && !isExactInteger(body.msg_id)) return 'msg_id: expected an integer';
  if (!rpc.closed) return undefined;
  for (const key in body) {
    if (key !== 'type' && key !== 'in_reply_to' && key !== 'msg_id' && !Object.hasOwn(rpc.fields.reply, key))
      return `${key}: a field that ${rpc.replyType} does not have`;
  }
  return undefined;
}
