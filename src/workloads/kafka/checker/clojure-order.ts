/**
 * The order in which Clojure goes through a set of messages. Where a node answers two values for one offset, Jepsen
 * keeps the one that its set shows first, and other errors follow from that.
 */

import { compareTriePaths, hashLong, hashText } from '../../../protocol/clojure-hash.ts';

/** Sorts as a set of Clojure does: whole numbers and texts; others come last, in the order given. */
export function inSetOrder<Item>(items: readonly Item[], keyOf: (item: Item) => unknown): Item[] {
  return [...items].sort((one, other) => compareHashes(hashOf(keyOf(one)), hashOf(keyOf(other))));
}

/** Undefined for what is neither a whole number nor a text. */
function hashOf(value: unknown): number | undefined {
  if (typeof value === 'string') return hashText(value);
  return Number.isSafeInteger(value) ? hashLong(value as number) : undefined;
}

function compareHashes(one: number | undefined, other: number | undefined): number {
  if (one === undefined || other === undefined) return Number(one === undefined) - Number(other === undefined);
  return compareTriePaths(one, other);
}
