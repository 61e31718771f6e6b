/**
 * Hashes of Clojure, and the order in which it goes through maps and sets: a hash trie (Bagwell, "Ideal hash trees",
 * 2001) takes five bits of the hash a level, the lowest first. What Jepsen and Maelstrom print or find first follows
 * from that order.
 *
 * Sources: Clojure 1.12, `Murmur3.java` (MurmurHash3_x86_32, Austin Appleby), `PersistentHashMap.java`. All hashes are
 * signed 32-bit integers.
 */

import { avalanche, rotateLeft } from './hash.ts';

const BITS_A_LEVEL = 5;
/** A map of so many entries is an array, in the order in which they were put in. */
const ARRAY_MAP_MAX = 8;
const WORD = 2 ** 32;

/** `(hash "text")`: the hash of `java.lang.String`, mixed as a number. */
export function hashText(text: string): number {
  let javaHash = 0;
  for (let position = 0; position < text.length; position++)
    javaHash = (Math.imul(javaHash, 31) + text.charCodeAt(position)) | 0;
  // Clojure returns 0 as it is, without MurmurHash3.
  return javaHash === 0 ? 0 : avalanche(mix(0, javaHash) ^ 4);
}

/** `(hash 5)`, for whole numbers that a double has exactly. */
export function hashLong(value: number): number {
  if (value === 0) return 0;
  const low = value | 0;
  const high = Math.floor(value / WORD) | 0;
  return avalanche(mix(mix(0, low), high) ^ 8);
}

/** `(hash [1 2])`, given the hashes of the members. */
export function hashOrdered(hashes: Iterable<number>): number {
  let hash = 1;
  let count = 0;
  for (const member of hashes) {
    hash = (Math.imul(31, hash) + member) | 0;
    count++;
  }
  return avalanche(mix(0, hash) ^ count);
}

function mix(hash: number, word: number): number {
  const scrambled = Math.imul(rotateLeft(Math.imul(word, 0xcc9e2d51), 15), 0x1b873593);
  return (Math.imul(rotateLeft(hash ^ scrambled, 13), 5) + 0xe6546b64) | 0;
}

/** The order in which a trie is walked, given the hashes of two keys. 0 for equal hashes. */
export function compareTriePaths(one: number, other: number): number {
  const difference = one ^ other;
  if (difference === 0) return 0;
  // The lowest bit of the difference is in the first level at which the two paths differ.
  const lowestBit = 31 - Math.clz32(difference & -difference);
  const shift = lowestBit - (lowestBit % BITS_A_LEVEL);
  return ((one >>> shift) & 31) - ((other >>> shift) & 31);
}

/** The entries of a map as Clojure goes through them. Keys with equal hashes keep their order. */
export function inMapOrder<Entry>(entries: readonly Entry[], keyOf: (entry: Entry) => string): readonly Entry[] {
  if (entries.length <= ARRAY_MAP_MAX) return entries;
  return entries
    .map((entry) => ({ entry, hash: hashText(keyOf(entry)) }))
    .sort((one, other) => compareTriePaths(one.hash, other.hash))
    .map(({ entry }) => entry);
}
