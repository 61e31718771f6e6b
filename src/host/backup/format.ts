/**
 * The file of a backup: lines of ASCII, so that an offset is one of characters and of bytes.
 *
 *     {"snowstorm":"backup","format":1,"at":"2026-12-01T08:00:00.000Z","store":"folder","position":"record 1234"}
 *     7a3f00c1 31 ["a/ada","{\"ver\":1}"]
 *     {"end":1,"sha256":"…"}
 *
 * A line between the first and the last is a key with its text, with their length and checksum
 * (`protocol/checked-line.ts`). Keys ascend by their UTF-8 bytes. The last line counts them, and holds the SHA-256 of
 * all before it.
 */

import * as z from 'zod';
import type { StoredEntry } from '../../kv/stored-state.ts';
import { asciiJson, checkedLine, parseCheckedLine } from '../../protocol/checked-line.ts';
import { formatTimestamp } from '../../protocol/timestamp.ts';

export const FORMAT = 1;

/** A backup cannot be taken, read or restored. The text says what is wrong. */
export class BackupError extends Error {
  override readonly name = 'BackupError';
}

export const Header = z.object({
  /** When its reading began, unix ms, by the clock of the machine that took it. In the file as ISO 8601. */
  at: z
    .string()
    .transform((text) => Date.parse(text))
    .pipe(z.int()),
  /** The kind of store that it is of. */
  store: z.enum(['folder', 'etcd']),
  /** Which moment, in the store's own count. */
  position: z.string(),
});
export type Header = z.infer<typeof Header>;

export const End = z.object({ end: z.int(), sha256: z.string() });

export function headerLine({ at, store, position }: Header): string {
  return `${asciiJson({ snowstorm: 'backup', format: FORMAT, at: formatTimestamp(at), store, position })}\n`;
}

export function entryLine({ key, text }: StoredEntry): string {
  return checkedLine(asciiJson([key, text]));
}

/** Undefined: it is not a whole and undamaged entry. */
export function parseEntry(line: string): StoredEntry | undefined {
  const body = parseCheckedLine(line);
  const pair = body === undefined ? undefined : z.tuple([z.string(), z.string()]).safeParse(parse(body));
  return pair?.success ? { key: pair.data[0], text: pair.data[1] } : undefined;
}

/** Undefined: it is not JSON. */
export function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function endLine(count: number, sha256: string): string {
  return `${JSON.stringify({ end: count, sha256 })}\n`;
}
