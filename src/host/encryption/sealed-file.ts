/**
 * An encrypted file: a header, and then a frame a line, each of what one append added. All of it is ASCII.
 *
 *     {"snowstorm":"encrypted","format":1,"key":"9c1185a5c5e9fc54","store":"…","salt":"…"}
 *     0 q83v…
 *     1 Zm9v…
 *
 * A frame is its number and, in base64, the text in AES-256-GCM with the tag. Its key is derived from the operator's
 * key and the salt of the file (HKDF-SHA-256, RFC 5869), its nonce is its number, and its additional data are the
 * header and the name of the file. `README.md` says why no nonce comes twice, and why nothing can be moved.
 */

import { type CipherGCM, createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import type { Line } from '../../journal/lines.ts';
import { EncryptionError, KEY_BYTES, type Key } from './key-ring.ts';

const FORMAT = 1;
const CIPHER = 'aes-256-gcm';
const SALT_BYTES = 32;
const STORE_BYTES = 16;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const FILE_KEY_LABEL = 'snowstorm encrypted file';
const MARK = '{"snowstorm":"encrypted",';
/** No header is longer. */
export const HEADER_LENGTH_MAX = 512;
/** Stands for what does not open. No line of a store's file looks like it. */
const FILLER = '?';

export interface Header {
  /** The id of the operator's key. */
  readonly key: string;
  /** The same in all files of a folder. */
  readonly store: string;
  /** Of this file alone, hexadecimal. */
  readonly salt: string;
}

/** What a test may make wrong, to see that it notices. */
export interface SealingRules {
  readonly newSalt: () => Buffer;
  /** The nonce of the frame with this number. */
  readonly nonceOf: (number: number) => Buffer;
  readonly encipher: (key: Buffer, nonce: Buffer) => CipherGCM;
  /** What a frame is bound to, beside its number. */
  readonly additionalData: (header: string, name: string) => string;
  /** Whether a frame may come where `next` should. */
  readonly mayCome: (number: number, next: number) => boolean;
}

export const SEALING_RULES: SealingRules = {
  newSalt: () => randomBytes(SALT_BYTES),
  nonceOf: (number) => {
    const nonce = Buffer.alloc(NONCE_BYTES);
    nonce.writeBigUInt64BE(BigInt(number), NONCE_BYTES - 8);
    return nonce;
  },
  encipher: (key, nonce) => createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES }),
  additionalData: (header, name) => `${name}\n${header}`,
  mayCome: (number, next) => number >= next,
};

export function newStoreId(): string {
  return randomBytes(STORE_BYTES).toString('hex');
}

/**
 * The header in the first line of a file; undefined: the file is not encrypted. Throws an {@link EncryptionError} for
 * one that is damaged, or of another version of this program.
 *
 * @param file how errors name it
 */
export function parseHeader(line: string, file: string): Header | undefined {
  if (!line.startsWith(MARK)) return undefined;
  const { format, key, store, salt } = parseObject(line);
  if (format !== FORMAT && Number.isSafeInteger(format))
    throw new EncryptionError(
      `${file}: it is encrypted in format ${format}, and this version of Snowstorm knows only format ${FORMAT}`,
    );
  const header = { key: String(key), store: String(store), salt: String(salt) };
  if (headerLine(header) !== line) throw new EncryptionError(`${file}: its first line is damaged`);
  return header;
}

function headerLine({ key, store, salt }: Header): string {
  return JSON.stringify({ snowstorm: 'encrypted', format: FORMAT, key, store, salt });
}

function parseObject(line: string): Partial<Record<string, unknown>> {
  try {
    return Object(JSON.parse(line));
  } catch {
    return {};
  }
}

/** A key of one file, and what its frames are bound to. */
interface FileKey {
  readonly bytes: Buffer;
  readonly additionalData: Buffer;
}

function fileKey(key: Key, header: Header, name: string, rules: SealingRules): FileKey {
  const bytes = hkdfSync('sha256', key.bytes, Buffer.from(header.salt, 'hex'), FILE_KEY_LABEL, KEY_BYTES);
  return {
    bytes: Buffer.from(bytes),
    additionalData: Buffer.from(rules.additionalData(headerLine(header), name)),
  };
}

/** A file that this process writes, from its first byte on. */
export class SealedFile {
  /** The name under which it can be read. */
  readonly name: string;
  readonly #header: Header;
  readonly #fileKey: FileKey;
  readonly #rules: SealingRules;
  /** The number of the next frame. Invariant: it is never given twice, also if a frame could not be written. */
  #next = 0;

  constructor(key: Key, store: string, name: string, rules: SealingRules) {
    this.name = name;
    this.#header = { key: key.id, store, salt: rules.newSalt().toString('hex') };
    this.#fileKey = fileKey(key, this.#header, name, rules);
    this.#rules = rules;
  }

  /** What to append to the file: the frame, behind the header if it is the first. */
  seal(text: Buffer): string {
    const number = this.#next++;
    const { bytes, additionalData } = this.#fileKey;
    const cipher = this.#rules.encipher(bytes, this.#rules.nonceOf(number));
    cipher.setAAD(additionalData);
    const sealed = Buffer.concat([cipher.update(text), cipher.final(), cipher.getAuthTag()]);
    const frame = `${number} ${sealed.toString('base64')}\n`;
    return number === 0 ? `${headerLine(this.#header)}\n${frame}` : frame;
  }
}

/** Opens the frames of a file, one after another. */
export class FrameReader {
  readonly #file: string;
  readonly #header: Header;
  readonly #fileKey: FileKey;
  readonly #rules: SealingRules;
  #next = 0;

  /** @param file how errors name it */
  constructor(key: Key, header: Header, name: string, file: string, rules: SealingRules) {
    this.#file = file;
    this.#header = header;
    this.#fileKey = fileKey(key, header, name, rules);
    this.#rules = rules;
  }

  /**
   * The text of a line, a character a byte (Latin-1). In place of a frame that does not open, or is missing, stands
   * what no record looks like, and those behind it follow: so a reader of records sees that a later one is there.
   * Throws an {@link EncryptionError} if the first does not open. A file appears only when that is on the disk.
   */
  next({ text, whole }: Line): string {
    const [number, opened] = whole ? this.#open(text) : [];
    if (number === undefined || opened === undefined || !this.#rules.mayCome(number, this.#next)) {
      if (this.#next === 0) throw this.#unknownFile();
      return FILLER.repeat(Math.max(1, text.length)) + (whole ? '\n' : '');
    }
    if (this.#next === 0 && number > 0) throw this.#unknownFile();
    const gap = number > this.#next ? `${FILLER}\n` : '';
    this.#next = number + 1;
    return gap + opened.toString('latin1');
  }

  /** Throws an {@link EncryptionError} if the file had no frame. */
  end(): void {
    if (this.#next === 0) throw this.#unknownFile();
  }

  /** The number and the text of a frame; nothing: it is damaged, or of another file. */
  #open(line: string): [number, Buffer] | [] {
    const [begin = '', digits] = /^(0|[1-9][0-9]{0,14}) /.exec(line) ?? [];
    const base64 = line.slice(begin.length);
    const sealed = Buffer.from(base64, 'base64');
    // Other texts, also such that are no base64, may stand for the same bytes.
    if (digits === undefined || sealed.length < TAG_BYTES || sealed.toString('base64') !== base64) return [];
    const { bytes, additionalData } = this.#fileKey;
    const nonce = this.#rules.nonceOf(Number(digits));
    const decipher = createDecipheriv(CIPHER, bytes, nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(additionalData);
    decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
    try {
      const opened = decipher.update(sealed.subarray(0, -TAG_BYTES));
      // In this mode nothing is left, but only now is it proven to be what was sealed.
      decipher.final();
      return [Number(digits), opened];
    } catch {
      return [];
    }
  }

  #unknownFile(): EncryptionError {
    return new EncryptionError(
      `${this.#file}: its first frame does not open with the key ${this.#header.key}: it is damaged, or it is another ` +
        'file under this name',
    );
  }
}
