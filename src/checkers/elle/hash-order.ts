/**
 * The order in which Elle looks at transactions: that of the hash maps in which it keeps its graphs. Which cycle is
 * found first, and so of which type, depends on it.
 *
 * The maps are those of the library Bifurcan: compressed hash-array mapped prefix trees (Steindorfer, Vinju,
 * "Optimizing Hash-Array Mapped Tries", OOPSLA 2015). A node has its entries first and then its children. Operations
 * are hashed by their index alone, by Clojure's Murmur3.
 */

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

/** `clojure.lang.Murmur3/hashLong`, for numbers that are no negative and below 2^53. */
function hashLong(value: number): number {
  if (value === 0) return 0;
  const low = value | 0;
  const high = Math.floor(value / 2 ** 32) | 0;
  return finish(mix(mix(0, low), high), 8);
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

/** The hash of a collection in order, given those of its members: `clojure.lang.Murmur3/hashOrdered`. */
function hashOrdered(hashes: Iterable<number>): number {
  let hash = 1;
  let count = 0;
  for (const member of hashes) {
    hash = (Math.imul(31, hash) + member) | 0;
    count++;
  }
  return finish(mix(0, hash), count);
}

function mix(hash: number, part: number): number {
  const scrambled = Math.imul(rotated(Math.imul(part, 0xcc9e2d51), 15), 0x1b873593);
  return (Math.imul(rotated(hash ^ scrambled, 13), 5) + 0xe6546b64) | 0;
}

function finish(hash: number, length: number): number {
  let mixed = hash ^ length;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}

function rotated(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
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
  return hashed.sort((one, other) => byDigits(one.hash, other.hash)).map(({ item }) => item);
}

/** A trie whose nodes have entries and children side by side: the order of the digits of a level, the lowest first. */
function byDigits(one: number, other: number): number {
  for (let shift = 0; shift < 32; shift += BITS_OF_LEVEL) {
    const difference = ((one >>> shift) & (FANOUT - 1)) - ((other >>> shift) & (FANOUT - 1));
    if (difference !== 0) return difference;
  }
  return 0;
}
