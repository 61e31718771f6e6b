/**
 * What nodes print, judged. Maelstrom stops listening to a node for good after one bad line and tells nobody (the run may even end valid);
 * here every such line becomes a violation that says in one sentence what is wrong with it.
 */

import { ExactNumber, isExactInteger, parseExact } from '../protocol/exact-json.ts';
import { isRecord, NESTING_DEPTH_MAX, nestsTooDeep } from '../protocol/message.ts';

export interface NodeMessage {
  readonly src: string;
  readonly dest: string;
  readonly body: Readonly<Record<string, unknown>>;
}

export type JudgedLine = { readonly message: NodeMessage } | { readonly rule: string; readonly text: string };

const ENVELOPE_KEYS: ReadonlySet<string> = new Set(['src', 'dest', 'body', 'id']);

/** Takes a line that `nodeId` printed for what it should be: one message of its own. */
export function judgeLine(nodeId: string, line: string): JudgedLine {
  if (line.trim() === '')
    return { rule: 'json', text: `${nodeId} printed an empty line; stdout is for messages only, one a line` };
  if (nestsTooDeep(line))
    return { rule: 'message', text: `${nodeId} printed JSON that nests deeper than ${NESTING_DEPTH_MAX} levels` };
  let parsed: unknown;
  try {
    parsed = parseExact(line);
  } catch {
    return {
      rule: 'json',
      text: `${nodeId} printed a line that is not JSON; stdout is for messages only, logs belong on stderr`,
    };
  }
  if (!isObject(parsed)) return { rule: 'message', text: `${nodeId} printed JSON that is not an object` };
  const { src, dest, body, id } = parsed;
  if (typeof src !== 'string') return { rule: 'message', text: `${nodeId} sent a message whose src is not a string` };
  if (typeof dest !== 'string') return { rule: 'message', text: `${nodeId} sent a message whose dest is not a string` };
  if (!isObject(body)) return { rule: 'message', text: `${nodeId} sent a message whose body is not an object` };
  if (id !== undefined && !isExactInteger(id))
    return { rule: 'message', text: `${nodeId} sent a message whose id is not an integer` };
  for (const key in parsed) {
    if (!ENVELOPE_KEYS.has(key)) {
      return {
        rule: 'extra-key',
        text: `${nodeId} sent a message with the key ${JSON.stringify(key)} beside src, dest and body`,
      };
    }
  }
  if (src !== nodeId)
    return { rule: 'spoofed-src', text: `${nodeId} sent a message that says it is from ${JSON.stringify(src)}` };
  return { message: { src, dest, body } };
}

/** An exact number is an object to JavaScript, but none to JSON. */
function isObject(value: unknown): value is Record<string, unknown> {
  return isRecord(value) && !(value instanceof ExactNumber);
}
