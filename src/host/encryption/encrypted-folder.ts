/**
 * A folder whose files are encrypted on the disk and not for its user. Every append becomes a frame (`sealed-file.ts`);
 * names, locks and syncs are those of the folder beneath. So what a user of the port proves of its files after a crash
 * holds for encrypted ones too: a frame is there as it was written, or nothing that looks like a record is.
 *
 * A file is begun and continued by one object of this class. It appends to no file that another one began: that one may
 * have used the nonces that come next.
 */

import { type Line, readLines } from '../../journal/lines.ts';
import type { Folder, FolderLock } from '../../protocol/folder.ts';
import { EncryptionError, type KeyRing, PLAIN } from './key-ring.ts';
import {
  FrameReader,
  HEADER_LENGTH_MAX,
  type Header,
  newStoreId,
  parseHeader,
  SEALING_RULES,
  SealedFile,
  type SealingRules,
} from './sealed-file.ts';

export interface EncryptedFolderOptions {
  /** What files are bound to in place of their names, where those may change. */
  readonly boundTo?: string;
  /** What a test may make wrong. */
  readonly rules?: Partial<SealingRules>;
}

export class EncryptedFolder implements Folder {
  readonly #folder: Folder;
  readonly #keys: KeyRing;
  readonly #boundTo: string | undefined;
  readonly #rules: SealingRules;
  /** That of the files in the folder, once one was read or written. */
  #store: string | undefined;
  /** What this object writes. */
  readonly #written = new Map<string, SealedFile | typeof PLAIN>();
  /** The names that temporary files are to get. */
  readonly #laterNames = new Map<string, string>();
  /** Files that are being read from their beginning on. */
  readonly #readings = new Map<string, Reading>();

  constructor(folder: Folder, keys: KeyRing, { boundTo, rules }: EncryptedFolderOptions = {}) {
    this.#folder = folder;
    this.#keys = keys;
    this.#boundTo = boundTo;
    this.#rules = { ...SEALING_RULES, ...rules };
  }

  names(): Promise<string[]> {
    return this.#folder.names();
  }

  async read(name: string): Promise<string | undefined> {
    if (!(await this.#folder.names()).includes(name)) return undefined;
    let text = '';
    for await (const pieces of this.#texts(name)) text += pieces.join('');
    return Buffer.from(text, 'latin1').toString();
  }

  /** Reading on from where the last reading of the file ended costs nothing more than that; any other begins anew. */
  async readPart(name: string, offset: number, length: number): Promise<string> {
    const begun = this.#readings.get(name);
    this.#readings.delete(name);
    const reading = begun?.canReadFrom(offset) ? begun : new Reading(this.#texts(name));
    const part = await reading.read(offset, length);
    if (part !== '') this.#readings.set(name, reading);
    return part;
  }

  async write(name: string, text: string): Promise<void> {
    const file = this.#begin(name);
    await this.#folder.write(name, file === PLAIN ? text : file.seal(Buffer.from(text)));
  }

  async append(name: string, text: string): Promise<void> {
    if (!this.#written.has(name) && (await this.#folder.names()).includes(name))
      throw new EncryptionError(`${this.describe(name)}: another process began it, so it cannot be appended to`);
    const file = this.#written.get(name) ?? this.#begin(name);
    await this.#folder.append(name, file === PLAIN ? text : file.seal(Buffer.from(text, 'latin1')));
  }

  close(name: string): Promise<void> {
    return this.#folder.close(name);
  }

  sync(name: string): Promise<void> {
    return this.#folder.sync(name);
  }

  async link(name: string, newName: string): Promise<boolean> {
    const file = this.#written.get(name);
    const boundTo = this.#boundTo ?? newName;
    if (file !== undefined && file !== PLAIN && file.name !== boundTo)
      throw new EncryptionError(`${this.describe(name)}: it was encrypted to be ${file.name}, not ${newName}`);
    if (!(await this.#folder.link(name, newName))) return false;
    if (file !== undefined) this.#written.set(newName, file);
    return true;
  }

  async remove(name: string): Promise<void> {
    await this.#folder.remove(name);
    this.#written.delete(name);
    this.#laterNames.delete(name);
    this.#readings.delete(name);
  }

  syncNames(): Promise<void> {
    return this.#folder.syncNames();
  }

  temporaryName(prefix: string, laterName?: string): string {
    const name = this.#folder.temporaryName(prefix, laterName);
    if (laterName !== undefined) this.#laterNames.set(name, laterName);
    return name;
  }

  abandonedTemporaries(prefix: string): Promise<string[]> {
    return this.#folder.abandonedTemporaries(prefix);
  }

  lock(name: string): Promise<FolderLock> {
    return this.#folder.lock(name);
  }

  describe(name: string): string {
    return this.#folder.describe(name);
  }

  #begin(name: string): SealedFile | typeof PLAIN {
    const key = this.#keys.first;
    this.#store ??= newStoreId();
    const boundTo = this.#boundTo ?? this.#laterNames.get(name) ?? name;
    const file = key === PLAIN ? key : new SealedFile(key, this.#store, boundTo, this.#rules);
    this.#written.set(name, file);
    return file;
  }

  /**
   * The text of a file in pieces, some at a time, a character a byte. Rejects with an {@link EncryptionError} without
   * its key.
   */
  async *#texts(name: string): AsyncGenerator<readonly string[]> {
    const header = await readHeader(this.#folder, name);
    const frames = header === PLAIN ? undefined : this.#readerOf(name, header);
    if (header === PLAIN) this.#keys.requireName(PLAIN, this.describe(name));
    const textOf = (line: Line) =>
      frames === undefined ? line.text + (line.whole ? '\n' : '') : line.offset === 0 ? '' : frames.next(line);
    for await (const lines of readLines(this.#folder, name)) yield lines.map(textOf);
    frames?.end();
  }

  #readerOf(name: string, header: Header): FrameReader {
    const file = this.describe(name);
    this.#keys.requireName(header.key, file);
    this.#store ??= header.store;
    if (header.store !== this.#store)
      throw new EncryptionError(`${file}: it is of another store than the files that were read before`);
    const key = this.#keys.find(header.key);
    if (key === undefined) throw new EncryptionError(`${file}: the key ${header.key} was taken away meanwhile`);
    return new FrameReader(key, header, this.#boundTo ?? name, file, this.#rules);
  }
}

/** Rejects with an {@link EncryptionError} if one of the files could not be read with these keys. */
export async function requireKeys(folder: Folder, names: readonly string[], keys: KeyRing): Promise<void> {
  for (const [name, keyName] of await keyNamesOf(folder, names)) keys.requireName(keyName, folder.describe(name));
}

/** With which key each of the files was written: its id, or the word for none. Files that are gone are left out. */
export async function keyNamesOf(folder: Folder, names: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const name of names) {
    try {
      const header = await readHeader(folder, name);
      found.set(name, header === PLAIN ? PLAIN : header.key);
    } catch (error) {
      // A process that serves the folder removes files.
      if ((await folder.names()).includes(name)) throw error;
    }
  }
  return found;
}

async function readHeader(folder: Folder, name: string): Promise<Header | typeof PLAIN> {
  const start = await folder.readPart(name, 0, HEADER_LENGTH_MAX);
  const [line = ''] = start.split('\n', 1);
  return parseHeader(line, folder.describe(name)) ?? PLAIN;
}

/** A file that is read from its beginning on, in parts of any length. */
class Reading {
  readonly #texts: AsyncGenerator<readonly string[]>;
  /** What was decrypted and not handed out yet, and where in the text it begins. */
  #ahead: string[] = [];
  #aheadLength = 0;
  #offset = 0;

  constructor(texts: AsyncGenerator<readonly string[]>) {
    this.#texts = texts;
  }

  canReadFrom(offset: number): boolean {
    // A file may have been replaced since its beginning was read.
    return offset > 0 && offset >= this.#offset;
  }

  /** Fewer characters where the file ends. */
  async read(offset: number, length: number): Promise<string> {
    while (this.#offset + this.#aheadLength < offset + length) {
      const { value, done } = await this.#texts.next();
      if (done) break;
      for (const piece of value) {
        this.#ahead.push(piece);
        this.#aheadLength += piece.length;
      }
    }
    const all = this.#ahead.join('');
    const start = offset - this.#offset;
    const part = all.slice(start, start + length);
    this.#ahead = [all.slice(start + part.length)];
    this.#aheadLength = this.#ahead[0]?.length ?? 0;
    this.#offset = offset + part.length;
    return part;
  }
}
