/** Reads the file of a backup and proves that it is whole. */

import { createHash } from 'node:crypto';
import { basename, dirname, resolve } from 'node:path';
import type * as z from 'zod';
import { type Line, readLines } from '../../journal/lines.ts';
import { compareKeys } from '../../kv/key-order.ts';
import type { StoredEntry } from '../../kv/stored-state.ts';
import type { KeyRing } from '../encryption/key-ring.ts';
import { backupFolder } from './backup-folder.ts';
import { BackupError, End, FORMAT, Header, parse, parseEntry } from './format.ts';

export interface BackupRead {
  readonly header: Header;
  readonly count: number;
  readonly sha256: string;
}

/**
 * Hands out the entries in their order, some at a time. Only when it resolves is it proven that they are what was
 * written. Rejects with an error that names the file, and the place.
 *
 * @param keys undefined: an encrypted file is refused
 */
export async function readBackup(
  file: string,
  take: (entries: readonly StoredEntry[]) => Promise<void> | void,
  keys?: KeyRing,
): Promise<BackupRead> {
  const folder = await backupFolder(dirname(resolve(file)), keys);
  const reading = new Reading(file);
  for await (const lines of readLines(folder, basename(resolve(file)))) {
    const entries = lines.flatMap((line) => reading.next(line) ?? []);
    if (entries.length > 0) await take(entries);
  }
  return reading.end();
}

class Reading {
  readonly #file: string;
  readonly #hash = createHash('sha256');
  #header: Header | undefined;
  #count = 0;
  #lastKey: string | undefined;
  #sha256: string | undefined;

  constructor(file: string) {
    this.#file = file;
  }

  /** Undefined: the line is not an entry. */
  next({ text, offset, whole }: Line): StoredEntry | undefined {
    if (this.#sha256 !== undefined) throw this.#damaged(offset);
    const end = this.#header !== undefined && whole ? parseEnd(text) : undefined;
    if (end !== undefined) {
      this.#sha256 = this.#hash.digest('hex');
      if (end.end !== this.#count || end.sha256 !== this.#sha256)
        throw new BackupError(`${this.#file}: it is not as it was written: its SHA-256 is another one`);
      return undefined;
    }
    this.#hash.update(`${text}\n`, 'latin1');
    if (this.#header === undefined) {
      this.#header = parseHeader(text, this.#file);
      return undefined;
    }
    const entry = whole ? parseEntry(text) : undefined;
    const isNext = entry !== undefined && (this.#lastKey === undefined || compareKeys(this.#lastKey, entry.key) < 0);
    if (!isNext) throw whole ? this.#damaged(offset) : this.#cutShort();
    this.#lastKey = entry.key;
    this.#count++;
    return entry;
  }

  end(): BackupRead {
    if (this.#header === undefined || this.#sha256 === undefined) throw this.#cutShort();
    return { header: this.#header, count: this.#count, sha256: this.#sha256 };
  }

  #damaged(offset: number): BackupError {
    return new BackupError(`${this.#file}: it is damaged at offset ${offset}, behind ${this.#count} keys`);
  }

  #cutShort(): BackupError {
    return new BackupError(`${this.#file}: it is cut short, behind ${this.#count} keys`);
  }
}

function parseHeader(line: string, file: string): Header {
  const json = parse(line) as { readonly snowstorm?: unknown; readonly format?: unknown } | undefined;
  if (json?.snowstorm !== 'backup') throw new BackupError(`${file}: it is no backup: its first line is another one`);
  if (json.format !== FORMAT)
    throw new BackupError(
      `${file}: it has format ${JSON.stringify(json.format)}, and this version of Snowstorm knows only format ${FORMAT}`,
    );
  const header = Header.safeParse(json);
  if (!header.success) throw new BackupError(`${file}: its first line is damaged`);
  return header.data;
}

function parseEnd(line: string): z.infer<typeof End> | undefined {
  return line.startsWith('{') ? End.safeParse(parse(line)).data : undefined;
}
