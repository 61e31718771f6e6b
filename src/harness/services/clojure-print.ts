/**
 * Prints JSON values for the texts of errors, as Clojure does after Maelstrom's parser: `{"ver" 1, "x" [1 "a" nil
 * true]}`.
 *
 * A map of up to eight keys is printed in the order of its keys. A larger map is printed in the order of a hash trie
 * (Bagwell, "Ideal hash trees", 2001): five bits of the hash a level, lowest first. A string's hash is
 * MurmurHash3_x86_32 (Austin Appleby) of Java's String.hashCode. Sources: Clojure 1.12, `core_print.clj`,
 * `Murmur3.java`, `PersistentHashMap.java`. One difference remains: JavaScript puts keys that look like small integers
 * first, so a small map with such a key may be printed in a different order.
 */

import { ExactNumber, javaDouble } from '../../protocol/exact-json.ts';
import { avalanche, rotateLeft } from '../../protocol/hash.ts';

const ARRAY_MAP_KEYS_MAX = 8;
const BITS_A_LEVEL = 5;

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\n': '\\n',
  '\t': '\\t',
  '\r': '\\r',
  '\f': '\\f',
  '\b': '\\b',
};

/** Clojure's `pr-str`: strings in quotes, an absent value is nil. */
export function printReadably(value: unknown): string {
  if (value === undefined || value === null) return 'nil';
  if (typeof value === 'string')
    return `"${value.replace(/["\\\n\t\r\f\b]/g, (character) => ESCAPES[character] as string)}"`;
  if (typeof value === 'number') return printNumber(value);
  if (value instanceof ExactNumber) return printExactNumber(value);
  if (typeof value !== 'object') return String(value);
  if (Array.isArray(value)) return `[${value.map(printReadably).join(' ')}]`;
  const members = inClojureOrder(Object.entries(value));
  return `{${members.map(([key, member]) => `${printReadably(key)} ${printReadably(member)}`).join(', ')}}`;
}

/**
 * Clojure's `str`: a string is itself and nil is the empty string, but the contents of a collection are printed
 * readably.
 */
export function printPlainly(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'string') return value;
  const text = printReadably(value);
  return text.startsWith('##') ? text.replace('##', '').replace('Inf', 'Infinity') : text;
}

function printNumber(value: number): string {
  return Number.isInteger(value) && Math.abs(value) < 1e21 ? String(value) : javaDouble(value);
}

/** A double out of range has an exponent of its own, see `javaDouble`. */
function printExactNumber({ text }: ExactNumber): string {
  if (!text.endsWith('E999')) return text;
  return text.startsWith('-') ? '##-Inf' : '##Inf';
}

type Member = readonly [key: string, value: unknown];

function inClojureOrder(members: readonly Member[]): readonly Member[] {
  if (members.length <= ARRAY_MAP_KEYS_MAX) return members;
  return members
    .map((member) => ({ member, hash: clojureHash(member[0]) }))
    .sort((a, b) => compareTriePaths(a.hash, b.hash))
    .map(({ member }) => member);
}

/** The order in which a trie is walked. Keys with equal hashes keep their order. */
function compareTriePaths(a: number, b: number): number {
  const difference = a ^ b;
  if (difference === 0) return 0;
  // The lowest bit of the difference is in the first level at which the two paths differ.
  const lowestBit = 31 - Math.clz32(difference & -difference);
  const shift = lowestBit - (lowestBit % BITS_A_LEVEL);
  return ((a >>> shift) & 31) - ((b >>> shift) & 31);
}

/** `(hash "text")`, a 32-bit integer. */
export function clojureHash(text: string): number {
  let javaHash = 0;
  for (let position = 0; position < text.length; position++) {
    javaHash = (Math.imul(javaHash, 31) + text.charCodeAt(position)) | 0;
  }
  // Clojure returns 0 as it is, without MurmurHash3.
  if (javaHash === 0) return 0;
  const block = Math.imul(rotateLeft(Math.imul(javaHash, 0xcc9e2d51), 15), 0x1b873593);
  return avalanche((Math.imul(rotateLeft(block, 13), 5) + 0xe6546b64) ^ 4);
}
