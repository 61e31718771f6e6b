/** Keys for tests, and a witness of the nonces that are used. */

import { KeyRing } from '../../src/host/encryption/key-ring.ts';
import { SEALING_RULES, type SealingRules } from '../../src/host/encryption/sealed-file.ts';

/** Keys of one hexadecimal digit each. */
export const KEY_A = 'a'.repeat(64);
export const KEY_B = 'b'.repeat(64);
export const KEY_C = 'c'.repeat(64);

export function ringOf(...keys: readonly string[]): KeyRing {
  return KeyRing.parse(keys.join('\n'));
}

/** Sees every key and nonce that is used: of two texts under the same ones, anyone can read the difference. */
export class NonceWitness {
  readonly repeated: string[] = [];
  readonly #seen = new Set<string>();

  get count(): number {
    return this.#seen.size + this.repeated.length;
  }

  /** To be given to the folder that is watched. */
  readonly rules: Pick<SealingRules, 'encipher'> = {
    encipher: (key, nonce) => {
      const used = `${key.toString('hex')} ${nonce.toString('hex')}`;
      if (this.#seen.has(used)) this.repeated.push(used);
      this.#seen.add(used);
      return SEALING_RULES.encipher(key, nonce);
    },
  };
}
