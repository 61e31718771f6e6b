/**
 * The envelope of every message, `init`, and how messages are put on a line.
 *
 * The wire is one JSON object a line: `{"src": "c1", "dest": "n0", "body": {"type": …, "msg_id"?, "in_reply_to"?, …}}`.
 * A harness adds its own `id`, which is ignored. An error always names the field: `body.msg_id`, not "bad request".
 */

import * as z from 'zod';

/** JavaScript cannot tell message ids beyond 2^53 apart, so they are refused rather than answered wrongly. */
const MessageId = z.int();

/** The fields that the runtime itself reads. The other fields of a body belong to its request. */
export const Envelope = z.object({
  src: z.string().min(1),
  dest: z.string().min(1),
  body: z.object({
    type: z.string().min(1),
    msg_id: MessageId.optional(),
    in_reply_to: MessageId.optional(),
  }),
});

/** A message with a valid envelope. The schema of its request checks the rest of the body. */
export interface Message {
  readonly src: string;
  readonly dest: string;
  readonly body: Body & { readonly msg_id?: number; readonly in_reply_to?: number };
}

/**
 * The same judgement as {@link Envelope}, by hand. Every message passes here, and this takes a tenth of the time. The
 * schema still describes what is wrong with a message.
 */
export function isMessage(value: unknown): value is Message {
  if (!isRecord(value) || !isText(value.src) || !isText(value.dest)) return false;
  const { body } = value;
  return isRecord(body) && isText(body.type) && isOptionalId(body.msg_id) && isOptionalId(body.in_reply_to);
}

/** Whether a JSON value is an object and not an array. */
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
    node_ids: z.array(z.string().min(1)).min(1).describe('All nodes, including this one, each once.'),
    msg_id: MessageId,
  })
  .refine((init) => init.node_ids.includes(init.node_id), { path: ['node_ids'], message: 'does not contain node_id' })
  .refine((init) => new Set(init.node_ids).size === init.node_ids.length, {
    path: ['node_ids'],
    message: 'names a node twice',
  });
export type InitRequest = z.infer<typeof InitRequest>;

/** `error` as it is answered. Unknown codes are allowed: an error with one is still an error. */
export const ErrorBody = z.object({
  type: z.literal('error'),
  code: z.int(),
  text: z.string().optional(),
});

/** A body as it is sent: its type and its other fields. */
export interface Body {
  /** What kind of message it is. */
  readonly type: string;
  readonly [field: string]: unknown;
}

/**
 * Whether a body holds only texts, booleans, nulls and numbers that JSON keeps. Then parsing its JSON without loss
 * gives the same value again, and no receiver can change it for another receiver.
 */
export function isFlat(body: Readonly<Record<string, unknown>>): boolean {
  for (const name in body) {
    const value = body[name];
    if (typeof value === 'number' ? !isKept(value) : !isPlain(value)) return false;
  }
  return true;
}

/** Whole numbers beyond 2^53 come back as exact numbers, and -0 as 0. */
function isKept(value: number): boolean {
  return Number.isInteger(value) ? Number.isSafeInteger(value) && !Object.is(value, -0) : Number.isFinite(value);
}

function isPlain(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'boolean' || value === null;
}

/** How a harness writes an envelope, up to its body. */
export const HARNESS_ENVELOPE = /^\{"id":(?:0|[1-9]\d*),"src":"([^"\\\p{Cc}]+)","dest":"([^"\\\p{Cc}]+)","body":/u;

/**
 * `JSON.parse` of a line. A pattern matches the envelope as harnesses write it, and only the body is parsed. That takes
 * two thirds of the time. The result lacks only the `id`, which has no reader. Throws as `JSON.parse` does.
 */
export function parseLine(line: string): unknown {
  const envelope = HARNESS_ENVELOPE.exec(line);
  if (envelope !== null && line.endsWith('}')) {
    try {
      return { src: envelope[1], dest: envelope[2], body: JSON.parse(line.slice(envelope[0].length, -1)) };
    } catch {
      // The body was not one whole value: parsing the whole line reports the error.
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
 * @param prefix where the checked value stands in the message, for example `body`
 */
export function describeIssue(error: z.ZodError | undefined, prefix: string): { field: string; text: string } {
  const issue = error?.issues[0];
  const path = [prefix, ...(issue?.path ?? [])].filter((part) => part !== '');
  const field = path.map(String).join('.') || 'message';
  const message = issue?.message ?? 'is not as declared';
  const text = message.endsWith('received undefined') ? 'is missing' : message.replace(/^Invalid input: /, '');
  return { field, text: `${field}: ${text.replace(/received ExactNumber$/, sayExactNumber)}` };
}

/** What the class of a number says to people. Where a number was expected, it is its form that is wrong. */
function sayExactNumber(_match: string, at: number, text: string): string {
  return text.slice(0, at).startsWith('expected number')
    ? 'received one that is written with a point or an exponent, or beyond 2^53'
    : 'received number';
}

/**
 * Nesting of arrays and objects that is accepted. Deeper values are legal JSON, but recursive code elsewhere (and
 * `JSON.stringify`) fails on them.
 */
export const NESTING_DEPTH_MAX = 1000;

/** Whether `line` nests deeper than {@link NESTING_DEPTH_MAX}. Brackets within strings do not count. */
export function nestsTooDeep(line: string): boolean {
  // A value of depth d takes at least 2·d characters: nearly every line ends here.
  if (line.length < 2 * NESTING_DEPTH_MAX || hasFewBrackets(line)) return false;
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

/** The search for a bracket costs about as much as looking at so many characters. */
const CHARACTERS_OF_SEARCH = 64;

/** Whether there are too few brackets to nest too deep. The list of a set's elements is long and has two. */
function hasFewBrackets(line: string): boolean {
  let left = Math.min(NESTING_DEPTH_MAX, line.length / CHARACTERS_OF_SEARCH);
  for (const bracket of ['[', '{'])
    for (let at = line.indexOf(bracket); at >= 0; at = line.indexOf(bracket, at + 1)) if (--left < 0) return false;
  return true;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
