/** Reads the recording of a real Maelstrom run in which one node asked every service about every case. */

import { readFileSync } from 'node:fs';
import { parseExact } from '../../../src/protocol/exact-json.ts';

export interface Exchange {
  readonly source: string;
  readonly body: Record<string, unknown>;
  /** The text of the recorded reply's body; undefined where Maelstrom did not answer. */
  readonly reply: string | undefined;
}

interface Message {
  readonly src: string;
  readonly dest: string;
  readonly body: Record<string, unknown>;
}

const FILE = new URL('../../data/transcripts/services.jsonl', import.meta.url);

/** What a service was asked and what it answered, in order. */
export function recorded(service: string): readonly Exchange[] {
  const lines = readFileSync(FILE, 'utf8')
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { line: string }).line);
  const messages = lines.map((line) => ({ line, ...(parseExact(line) as Message) }));
  const replies = new Map<unknown, string>();
  for (const { line, src, body } of messages) {
    if (src === service) replies.set(body.in_reply_to, line.slice(line.indexOf('"body":') + '"body":'.length, -1));
  }
  return messages
    .filter(({ dest }) => dest === service)
    .map(({ src, body }) => ({ source: src, body, reply: replies.get(body.msg_id) }));
}
