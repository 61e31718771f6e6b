/** Hashes of 32 bits, for spreading things out and telling them apart; no protection against malice. */

/** FNV-1a (Fowler, Noll, Vo), 32 bits, a UTF-16 unit a step: signed. Its low bits are good only after some mixing. */
export function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return hash;
}

/** MurmurHash3's finaliser: every bit of the argument moves every bit of the result, which is signed. */
export function avalanche(word: number): number {
  let mixed = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
