/** Hashes of 32 bits, to spread values and to tell them apart. They do not protect against malice. */

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
