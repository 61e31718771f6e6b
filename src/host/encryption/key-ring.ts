/**
 * The keys of an operator: the first is for what is written from now on, the others only to read. In place of a key
 * stands `plain` for files that are not encrypted. So a change of keys, the way to encryption and the way back are all
 * the same.
 */

import { hkdfSync } from 'node:crypto';

export const KEY_BYTES = 32;
const ID_BYTES = 8;
const ID_LABEL = 'snowstorm encryption key id';
/** The word for no key. */
export const PLAIN = 'plain';

/** Something cannot be decrypted, or must not be read without a key. The text names the file. */
export class EncryptionError extends Error {
  override readonly name = 'EncryptionError';
}

export interface Key {
  /** Tells which key it is, and nothing else of it: 16 hexadecimal digits. */
  readonly id: string;
  readonly bytes: Buffer;
}

export type KeyOrPlain = Key | typeof PLAIN;

/** What has files that are written and read with the keys. */
export interface KeyUser {
  /** Rejects with an {@link EncryptionError} if something could not be read with these keys alone. */
  readonly require: (keys: KeyRing) => Promise<void>;
  /** Called when the keys have changed. */
  readonly changed: () => void;
}

export class KeyRing {
  #keys: readonly [KeyOrPlain, ...KeyOrPlain[]];
  readonly #users: KeyUser[] = [];
  /** Settles when all changes so far have ended. */
  #changes: Promise<void> = Promise.resolve();

  /** That of a process without keys: it neither encrypts nor decrypts. */
  static none(): KeyRing {
    return new KeyRing([PLAIN]);
  }

  /**
   * Throws an Error that says what is wrong, and does not repeat it.
   *
   * @param text the keys, with line breaks, spaces or commas between them
   */
  static parse(text: string): KeyRing {
    const [first, ...others] = text.split(/[\s,]+/).filter((word) => word !== '');
    if (first === undefined) throw new Error('there is no key in it');
    const keys: [KeyOrPlain, ...KeyOrPlain[]] = [
      parseKey(first, 1),
      ...others.map((word, at) => parseKey(word, at + 2)),
    ];
    if (keys.every((key) => key === PLAIN)) throw new Error(`there is no key in it, only the word ${PLAIN}`);
    return new KeyRing(keys);
  }

  private constructor(keys: readonly [KeyOrPlain, ...KeyOrPlain[]]) {
    this.#keys = keys;
  }

  /** For what is written from now on. */
  get first(): KeyOrPlain {
    return this.#keys[0];
  }

  /** The names of all keys: their ids, and the word for none. */
  get names(): readonly string[] {
    return [...new Set(this.#keys.map(nameOf))];
  }

  find(id: string): Key | undefined {
    return this.#keys.find((key): key is Key => key !== PLAIN && key.id === id);
  }

  /**
   * Throws an {@link EncryptionError} if there is no such key.
   *
   * @param name of a key, or the word for none
   * @param file how the error names what was written with it
   */
  requireName(name: string, file: string): void {
    if (this.names.includes(name)) return;
    const own = this.names.filter((other) => other !== PLAIN).join(', ');
    if (name === PLAIN)
      throw new EncryptionError(
        `${file}: it is not encrypted, and the keys given (${own}) are for encrypted files. To let it be read, add the ` +
          `line ${PLAIN} to them`,
      );
    if (own === '')
      throw new EncryptionError(
        `${file}: it is encrypted with the key ${name}, and no key was given: --encryption-key`,
      );
    throw new EncryptionError(`${file}: it is encrypted with the key ${name}, and the keys given are others: ${own}`);
  }

  /** From now on it asks this one before keys change, and tells it when they have. */
  serve(user: KeyUser): void {
    this.#users.push(user);
  }

  /**
   * Takes the keys of another ring, after the changes that were asked for before. Rejects, and leaves the keys as they
   * were, if they are not enough for what is there.
   */
  replace(other: KeyRing): Promise<void> {
    const change = this.#changes.then(() => this.#replace(other));
    this.#changes = change.catch(() => {});
    return change;
  }

  async #replace(other: KeyRing): Promise<void> {
    const before = this.#keys;
    await this.#require(other);
    this.#keys = other.#keys;
    try {
      // While they were asked, something may have been written with a key that is not there any more.
      await this.#require(other);
    } catch (error) {
      this.#keys = before;
      throw error;
    } finally {
      for (const user of this.#users) user.changed();
    }
  }

  async #require(keys: KeyRing): Promise<void> {
    for (const user of this.#users) await user.require(keys);
  }
}

export function nameOf(key: KeyOrPlain): string {
  return key === PLAIN ? PLAIN : key.id;
}

function parseKey(word: string, place: number): KeyOrPlain {
  if (word === PLAIN) return PLAIN;
  const bytes = Buffer.from(word, /^[0-9a-fA-F]{64}$/.test(word) ? 'hex' : 'base64');
  const isKey =
    bytes.length === KEY_BYTES && [bytes.toString('hex'), bytes.toString('base64')].includes(asWritten(word));
  if (!isKey)
    throw new Error(
      `key ${place} in it is none: a key is ${KEY_BYTES} bytes, as ${2 * KEY_BYTES} hexadecimal digits or in base64; ` +
        'openssl rand -hex 32 makes one',
    );
  return { id: Buffer.from(hkdfSync('sha256', bytes, '', ID_LABEL, ID_BYTES)).toString('hex'), bytes };
}

/** Hexadecimal digits in lower case. */
function asWritten(word: string): string {
  return word.length === 2 * KEY_BYTES ? word.toLowerCase() : word;
}
