/**
 * The order in which Elle looks at transactions: that of the hash maps in which it keeps its graphs. Which cycle is
 * found first, and so of which type, depends on it.
 *
 * The maps are those of the library Bifurcan: compressed hash-array mapped prefix trees (Steindorfer, Vinju,
 * "Optimizing Hash-Array Mapped Tries", OOPSLA 2015). A node has its entries first and then its children. Operations
 * are hashed by their index alone, by Clojure's Murmur3.
 */

import { compareTriePaths, hashLong, hashOrdered } from '../../protocol/clojure-hash.ts';

const BITS_OF_LEVEL = 5;
const FANOUT = 1 << BITS_OF_LEVEL;

/** The place of an operation in a hash map, by its index in the history. */
export function mapHash(index: number): number {
  const murmur = hashLong(index);
  // Bifurcan folds the hash as a 64-bit number, and then mixes the upper bits in.
  let hash = murmur < 0 ? ~murmur : murmur;
  hash ^= (hash >>> 20) ^ (hash >>> 12);
  hash ^= (hash >>> 7) ^ (hash >>> 4);
  return hash;
}

/** Puts numbers into the order of a map, given their hashes. */
export function inMapOrder(numbers: readonly number[], hashes: ArrayLike<number>, shift = 0): number[] {
  if (numbers.length < 2 || shift > 30) return [...numbers];
  const groups: number[][] = Array.from({ length: FANOUT }, () => []);
  for (const number of numbers) {
    groups[((hashes[number] as number) >>> shift) & (FANOUT - 1)]?.push(number);
  }
  const entries = groups.flatMap((group) => (group.length === 1 ? group : []));
  const children = groups.flatMap((group) =>
    group.length > 1 ? inMapOrder(group, hashes, shift + BITS_OF_LEVEL) : [],
  );
  return [...entries, ...children];
}

/** Puts items into the order of a Clojure set, given each as the collection of whole numbers that it stands for. */
export function clojureSetOrder<Item>(
  items: readonly Item[],
  collectionOf: (item: Item) => readonly unknown[],
): Item[] {
  const hashed = items.map((item) => {
    const members = collectionOf(item).map((member) => (typeof member === 'number' ? hashLong(member) : 0));
    return { item, hash: hashOrdered(members) };
  });
  return hashed.sort((one, other) => compareTriePaths(one.hash, other.hash)).map(({ item }) => item);
}
