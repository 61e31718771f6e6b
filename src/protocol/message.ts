/**
 * The envelope of every message, `init`, and how messages are put on a line.
 *
 * The wire is one JSON object a line: `{"src": "c1", "dest": "n0", "body": {"type": …, "msg_id"?, "in_reply_to"?, …}}`.
 * A harness adds an `id` of its own, which is ignored. What is wrong with a message is always named by its field:
 * `body.msg_id`, not "bad request".
 */

import * as z from 'zod';

/** Message ids beyond 2^53 cannot be told apart in JavaScript, so they are refused rather than answered wrongly. */
const MessageId = z.int();

/** The fields that the runtime itself looks at; a body's other fields are its request's own business. */
export const Envelope = z.object({
  src: z.string().min(1),
  dest: z.string().min(1),
  body: z.object({
    type: z.string().min(1),
    msg_id: MessageId.optional(),
    in_reply_to: MessageId.optional(),
  }),
});

/** A message whose envelope is sound; what else its body holds is for the request's own schema. */
export interface Message {
  readonly src: string;
  readonly dest: string;
  readonly body: Body & { readonly msg_id?: number; readonly in_reply_to?: number };
}

/**
 * Judges exactly as {@link Envelope} does, by hand: every message passes here, and this takes a tenth of the time. The
 * schema remains what says what is wrong with a message.
 */
export function isMessage(value: unknown): value is Message {
  if (!isRecord(value) || !isText(value.src) || !isText(value.dest)) return false;
  const { body } = value;
  return isRecord(body) && isText(body.type) && isOptionalId(body.msg_id) && isOptionalId(body.in_reply_to);
}

/** Whether a JSON value is an object, and no array. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function isOptionalId(value: unknown): boolean {
  return value === undefined || Number.isSafeInteger(value);
}

export const InitRequest = z
  .object({
    type: z.literal('init'),
    node_id: z.string().min(1),
    node_ids: z.array(z.string().min(1)).min(1).describe('All nodes, this one among them, each once.'),
    msg_id: MessageId,
  })
  .refine((init) => init.node_ids.includes(init.node_id), { path: ['node_ids'], message: 'does not contain node_id' })
  .refine((init) => new Set(init.node_ids).size === init.node_ids.length, {
    path: ['node_ids'],
    message: 'names a node twice',
  });
export type InitRequest = z.infer<typeof InitRequest>;

/** `error` as it is answered. Strange codes are allowed here: a stranger's error is still an error. */
export const ErrorBody = z.object({
  type: z.literal('error'),
  code: z.int(),
  text: z.string().optional(),
});

/** A body as somebody sends it: its type, and whatever belongs to it. */
export interface Body {
  readonly type: string;
  readonly [field: string]: unknown;
}

/**
 * Whether a body has nothing but texts, finite numbers, booleans and nulls: then its text, parsed again, is just what
 * it is now, and nobody can change it for somebody else.
 */
export function isFlat(body: Readonly<Record<string, unknown>>): boolean {
  for (const name in body) {
    const value = body[name];
    if (typeof value === 'number' ? !Number.isFinite(value) || Object.is(value, -0) : !isPlain(value)) return false;
  }
  return true;
}

function isPlain(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'boolean' || value === null;
}

/** How a harness writes an envelope, up to its body. */
const HARNESS_ENVELOPE = /^\{"id":(?:0|[1-9]\d*),"src":"([^"\\\p{Cc}]+)","dest":"([^"\\\p{Cc}]+)","body":/u;

/**
 * `JSON.parse` of a line. An envelope as harnesses write it is taken apart by a pattern, and only the body is parsed,
 * which takes two thirds of the time; the result is the same but for the `id`, which nobody looks at. Throws as
 * `JSON.parse` does.
 */
export function parseLine(line: string): unknown {
  const envelope = HARNESS_ENVELOPE.exec(line);
  if (envelope !== null && line.endsWith('}')) {
    try {
      return { src: envelope[1], dest: envelope[2], body: JSON.parse(line.slice(envelope[0].length, -1)) };
    } catch {
      // More than a body came, or less: the line as a whole will tell.
    }
  }
  return JSON.parse(line);
}

/** One line, without its newline. */
export function encodeMessage(src: string, dest: string, body: Body): string {
  return `{"src":${JSON.stringify(src)},"dest":${JSON.stringify(dest)},"body":${JSON.stringify(body)}}`;
}

/**
 * The first thing that is wrong, with the path of its field: `body.count: expected int, received string`.
 *
 * @param prefix where the checked value stands in the message, `body` for instance
 */
export function describeIssue(error: z.ZodError | undefined, prefix: string): { field: string; text: string } {
  const issue = error?.issues[0];
  const path = [prefix, ...(issue?.path ?? [])].filter((part) => part !== '');
  const field = path.map(String).join('.') || 'message';
  const message = issue?.message ?? 'is not as declared';
  const text = message.endsWith('received undefined') ? 'is missing' : message.replace(/^Invalid input: /, '');
  return { field, text: `${field}: ${text}` };
}

/**
 * Nesting of arrays and objects that is accepted. Deeper values are legal JSON, but the recursive code of others (and
 * of `JSON.stringify`) falls over them.
 */
export const NESTING_DEPTH_MAX = 1000;

/** Whether `line` nests deeper than {@link NESTING_DEPTH_MAX}; brackets within strings do not count. */
export function nestsTooDeep(line: string): boolean {
  // A value of depth d takes at least 2·d characters: nearly every line ends here.
  if (line.length < 2 * NESTING_DEPTH_MAX) return false;
  let depth = 0;
  let inString = false;
  for (let position = 0; position < line.length; position++) {
    const code = line.charCodeAt(position);
    if (inString) {
      if (code === BACKSLASH) position++;
      else if (code === QUOTE) inString = false;
    } else if (code === QUOTE) inString = true;
    else if (code === OPEN_BRACKET || code === OPEN_BRACE) {
      if (++depth > NESTING_DEPTH_MAX) return true;
    } else if (code === CLOSE_BRACKET || code === CLOSE_BRACE) depth--;
  }
  return false;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
