/**
 * Judges what nodes print. After one bad line Maelstrom stops listening to a node without a word, and the run may even
 * end valid. Here every such line is a violation that says in one sentence what is wrong.
 */

import { ExactNumber, isExactInteger, parseExact } from '../protocol/exact-json.ts';
import { excerpt } from '../protocol/excerpt.ts';
import { escapeInvisible, nameInvisible } from '../protocol/invisible.ts';
import { findJsonFlaw } from '../protocol/json-flaw.ts';
import { isRecord, NESTING_DEPTH_MAX, nestsTooDeep } from '../protocol/message.ts';

export interface NodeMessage {
  readonly src: string;
  readonly dest: string;
  readonly body: Readonly<Record<string, unknown>>;
}

export type JudgedLine = { readonly message: NodeMessage } | { readonly rule: string; readonly text: string };

/** White space as JSON has it. */
const BLANK = /^[ \t\r\n]*$/;
/** How many characters are shown from where a line stops being JSON. */
const FLAW_LENGTH = 12;

/** Checks that a line printed by `nodeId` is one message from itself. */
export function judgeLine(nodeId: string, line: string): JudgedLine {
  if (nestsTooDeep(line))
    return { rule: 'message', text: `${nodeId} printed JSON that nests deeper than ${NESTING_DEPTH_MAX} levels` };
  let parsed: unknown;
  try {
    parsed = parseExact(line);
  } catch {
    if (BLANK.test(line))
      return { rule: 'json', text: `${nodeId} printed an empty line; stdout is for messages only, one a line` };
    return { rule: 'json', text: `${nodeId} printed a line that is not JSON${describeFlaw(line)}` };
  }
  if (!isObject(parsed)) return { rule: 'message', text: `${nodeId} printed JSON that is not an object` };
  // Checked first: an extra key may be a misspelling of a missing one.
  for (const key in parsed) {
    if (key !== 'src' && key !== 'dest' && key !== 'body' && key !== 'id') {
      return {
        rule: 'extra-key',
        text: `${nodeId} sent a message with the key ${escapeInvisible(JSON.stringify(key))} beside src, dest and body`,
      };
    }
  }
  const { src, dest, body, id } = parsed;
  if (typeof src !== 'string') return { rule: 'message', text: `${nodeId} sent a message whose src is not a string` };
  if (typeof dest !== 'string') return { rule: 'message', text: `${nodeId} sent a message whose dest is not a string` };
  if (!isObject(body)) return { rule: 'message', text: `${nodeId} sent a message whose body is not an object` };
  if (id !== undefined && !isExactInteger(id))
    return { rule: 'message', text: `${nodeId} sent a message whose id is not an integer` };
  if (src !== nodeId)
    return { rule: 'spoofed-src', text: `${nodeId} sent a message that says it is from ${JSON.stringify(src)}` };
  return { message: { src, dest, body } };
}

/**
 * Says where a line stops being JSON, what is there, and what would be right. The position is left out if it is
 * obvious.
 */
function describeFlaw(line: string): string {
  const at = findJsonFlaw(line) ?? 0;
  const rest = line.slice(at);
  const column = columnOf(line, at);
  const invisible = nameInvisible(rest);
  const logsElsewhere = '; stdout is for messages only, logs belong on stderr';
  if (invisible !== undefined) {
    const where = at === 0 ? 'it begins with' : `at column ${column} it has`;
    return `: ${where} the invisible character ${invisible}${logsElsewhere}`;
  }
  if (rest === '') return ': it ends too early; every message is one whole line';
  if (isWholeObject(line.slice(0, at)))
    return `: after a message it goes on at column ${column}, with ${quoted(rest)}; every message must end with a newline`;
  return at === 0
    ? logsElsewhere
    : `: it is wrong from column ${column} on, where it has ${quoted(rest)}${logsElsewhere}`;
}

/** From 1, as editors count. */
function columnOf(line: string, at: number): number {
  let column = 1;
  for (const _ of line.slice(0, at)) column++;
  return column;
}

function quoted(text: string): string {
  return JSON.stringify(excerpt(text, FLAW_LENGTH));
}

function isWholeObject(text: string): boolean {
  return text.trimStart().startsWith('{') && findJsonFlaw(text) === undefined;
}

/** An ExactNumber is an object in JavaScript but not in JSON. */
function isObject(value: unknown): value is Record<string, unknown> {
  return isRecord(value) && !(value instanceof ExactNumber);
}
