/** Hashes, to spread values and to tell them apart. They do not protect against malice. */

/** FNV-1a (Fowler, Noll, Vo), 32 bits, one UTF-16 unit a step. Signed. Its low bits are good only after mixing. */
export function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return hash;
}

/** MurmurHash3's finaliser: every bit of the argument affects every bit of the result. Signed. */
export function avalanche(word: number): number {
  let mixed = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}

/** The bits of a 32-bit word moved to the left; those that leave it come back on the right. */
export function rotateLeft(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

/**
 * 53 bits of a text, not negative: two chains of multiply and xor with an avalanche at the end (constants of
 * MurmurHash3's finaliser).
 */
export function hash53(text: string): number {
  let high = text.length;
  let low = ~text.length;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    high = Math.imul(high ^ code, 0x85ebca6b);
    low = Math.imul(low ^ code, 0xc2b2ae35);
  }
  high = Math.imul(high ^ (low >>> 16), 0xc2b2ae35);
  low = Math.imul(low ^ (high >>> 13), 0x85ebca6b);
  return ((high ^ (high >>> 16)) & 0x1fffff) * 2 ** 32 + ((low ^ (low >>> 16)) >>> 0);
}

/** 64 bits of a list of texts, one added after the other: two streams, mixed as MurmurHash3 mixes a block. */
export class RunningHash {
  #low = 0x243f6a88;
  #high = 0x85a308d3 | 0;

  add(text: string): void {
    for (let position = 0; position <= text.length; position++) {
      // One unit beyond the end, so that "ab", "c" is not "a", "bc".
      const unit = position < text.length ? text.charCodeAt(position) : 0x10000;
      this.#low = Math.imul(rotateLeft(this.#low ^ Math.imul(unit, 0xcc9e2d51), 13), 5) + 0xe6546b64;
      this.#high = Math.imul(rotateLeft(this.#high ^ Math.imul(unit, 0x1b873593), 15), 9) + 0x561ccd1b;
    }
  }

  /** Two hexadecimal words. */
  get digest(): string {
    return `${(this.#low >>> 0).toString(16)}-${(this.#high >>> 0).toString(16)}`;
  }
}
