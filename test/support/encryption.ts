/** Keys for tests, and a witness of the nonces that are used. */

import { KeyRing } from '../../src/host/encryption/key-ring.ts';
import type { Folder } from '../../src/protocol/folder.ts';
import { replacing } from './lossy-engine.ts';

/** Keys of one hexadecimal digit each. */
export const KEY_A = 'a'.repeat(64);
export const KEY_B = 'b'.repeat(64);

export function ringOf(...keys: readonly string[]): KeyRing {
  return KeyRing.parse(keys.join('\n'));
}

/** Sees every frame that is handed to a disk: what was written twice under one key and nonce can be read by anyone. */
export class NonceWitness {
  /** How many frames it has seen. */
  count = 0;
  readonly repeated: string[] = [];
  readonly #seen = new Set<string>();
  /** Of the files that are written, by their names. A file has a key of its own by its salt. */
  readonly #salts = new Map<string, string>();

  watch(folder: Folder): Folder {
    return replacing(folder, {
      append: (name, text) => {
        this.#look(name, text);
        return folder.append(name, text);
      },
      link: (name, newName) => {
        this.#salts.set(newName, this.#salts.get(name) as string);
        return folder.link(name, newName);
      },
    });
  }

  #look(name: string, text: string): void {
    for (const line of text.trimEnd().split('\n')) {
      const salt = /"salt":"(\w+)"/.exec(line)?.[1];
      if (salt !== undefined) this.#salts.set(name, salt);
      else {
        const nonce = `${this.#salts.get(name)} ${line.split(' ')[0]}`;
        if (this.#seen.has(nonce)) this.repeated.push(`${name}: ${nonce}`);
        this.#seen.add(nonce);
        this.count++;
      }
    }
  }
}
