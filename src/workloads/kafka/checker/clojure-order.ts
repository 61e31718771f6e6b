/**
 * The order in which Clojure goes through its hash maps and sets. Where a node answers two values for one offset,
 * Jepsen keeps the one that its set shows first, and other errors follow from that.
 *
 * Source: `clojure.lang.Murmur3`, and the trie of `PersistentHashMap`, which takes five bits of the hash a level, the
 * lowest first.
 */

import { avalanche, rotateLeft } from '../../../protocol/hash.ts';

const BITS_OF_LEVEL = 5;
const WORD = 2 ** 32;
/** A map of so many entries is an array, in the order in which they were put in. */
const ARRAY_MAP_MAX = 8;

/** Sorts as a set of Clojure does: whole numbers and texts; others come last, in the order given. */
export function inSetOrder<Item>(items: readonly Item[], keyOf: (item: Item) => unknown): Item[] {
  return [...items].sort((one, other) => compareHashes(hashOf(keyOf(one)), hashOf(keyOf(other))));
}

/** Sorts as the keys of a map of Clojure are. */
export function inMapOrder(keys: readonly string[]): readonly string[] {
  return keys.length <= ARRAY_MAP_MAX ? keys : inSetOrder(keys, (key) => key);
}

/** Undefined for what is neither a whole number nor a text. */
function hashOf(value: unknown): number | undefined {
  if (typeof value === 'string') return hashText(value);
  return Number.isSafeInteger(value) ? hashLong(value as number) : undefined;
}

function hashLong(value: number): number {
  if (value === 0) return 0;
  const low = value | 0;
  const high = Math.floor(value / WORD) | 0;
  return avalanche(mix(mix(0, low), high) ^ 8);
}

/** The hash of `java.lang.String`, mixed as a number of 32 bits. */
function hashText(text: string): number {
  let hash = 0;
  for (let index = 0; index < text.length; index++) hash = (Math.imul(31, hash) + text.charCodeAt(index)) | 0;
  return hash === 0 ? 0 : avalanche(mix(0, hash) ^ 4);
}

function mix(hash: number, word: number): number {
  const scrambled = Math.imul(rotateLeft(Math.imul(word, 0xcc9e2d51), 15), 0x1b873593);
  return (Math.imul(rotateLeft(hash ^ scrambled, 13), 5) + 0xe6546b64) | 0;
}

function compareHashes(one: number | undefined, other: number | undefined): number {
  if (one === undefined || other === undefined) return Number(one === undefined) - Number(other === undefined);
  for (let shift = 0; shift < 32; shift += BITS_OF_LEVEL) {
    const difference = ((one >>> shift) & 31) - ((other >>> shift) & 31);
    if (difference !== 0) return difference;
  }
  return 0;
}
