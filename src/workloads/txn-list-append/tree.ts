/**
 * The tree of all lists: a hash trie (Bagwell, "Ideal Hash Trees", 2001) of immutable nodes, each under a name of its
 * own that is never used again. A change makes new nodes from the leaf up to the top and shares all others. A leaf has
 * the last elements of a key, and the name of the part with those before; parts are linked. So no node is large, and
 * old elements are never copied.
 */

import * as z from 'zod';
import { avalanche, fnv1a } from '../../protocol/hash.ts';
import type { Appended } from './root.ts';

/** What is under a name: a leaf, a branch, or a part of a list. */
export const TreeNode = z.union([
  z.object({
    /** `before`: the name of the part with the elements before; null: there are none. */
    entries: z.array(z.object({ key: z.string(), before: z.string().nullable(), elements: z.array(z.unknown()) })),
  }),
  /** By the next digit of the hash of a key. */
  z.object({ children: z.array(z.string().nullable()) }),
  z.object({ before: z.string().nullable(), elements: z.array(z.unknown()) }),
]);
export type TreeNode = z.infer<typeof TreeNode>;
type Entry = Extract<TreeNode, { entries: unknown }>['entries'][number];

const DIGIT_BITS = 4;
const CHILDREN = 2 ** DIGIT_BITS;
/** Digits of a hash of 32 bits. A leaf below the last one may be of any size. */
const DEPTH_MAX = 32 / DIGIT_BITS;

export interface TreeReader {
  /** The node of this name. Rejects with an RpcError if the store does not give it. */
  read(name: string): Promise<TreeNode>;
}

export interface TreeLimits {
  /** Keys in a leaf. */
  readonly leaf: number;
  /** Elements of a key in a leaf. */
  readonly tail: number;
}

/** All elements of a key in the tree of this name. */
export async function listIn(reader: TreeReader, tree: string | null, key: string): Promise<readonly unknown[]> {
  const hash = hashOf(key);
  let name = tree;
  for (let depth = 0; name !== null; depth++) {
    const node = await reader.read(name);
    if ('children' in node) {
      name = node.children[digitOf(hash, depth)] ?? null;
      continue;
    }
    const entry = 'entries' in node ? node.entries.find((own) => own.key === key) : undefined;
    return entry === undefined ? [] : wholeList(reader, entry);
  }
  return [];
}

async function wholeList(reader: TreeReader, { before, elements }: Entry): Promise<readonly unknown[]> {
  const parts = [elements];
  for (let name = before; name !== null; ) {
    const part = await reader.read(name);
    if (!('before' in part)) throw new Error(`${name} is no part of a list`);
    parts.push(part.elements);
    name = part.before;
  }
  return parts.length === 1 ? elements : parts.reverse().flat();
}

/** The nodes that a change makes. */
export interface Grown {
  /** The name of the new top. */
  readonly top: string;
  readonly nodes: ReadonlyMap<string, TreeNode>;
}

/**
 * Makes a tree with more elements at the ends of lists. Nothing is stored.
 *
 * @param tree the name of the tree before; null: an empty one
 * @param newName makes a name that was never used
 */
export async function growTree(
  reader: TreeReader,
  tree: string | null,
  appended: Appended,
  limits: TreeLimits,
  newName: () => string,
): Promise<Grown> {
  const growth = new Growth(reader, limits, newName);
  const top = await growth.grow(tree, [...appended], 0);
  return { top, nodes: growth.nodes };
}

type Addition = readonly [key: string, elements: readonly unknown[]];

class Growth {
  readonly nodes = new Map<string, TreeNode>();
  readonly #reader: TreeReader;
  readonly #limits: TreeLimits;
  readonly #newName: () => string;

  constructor(reader: TreeReader, limits: TreeLimits, newName: () => string) {
    this.#reader = reader;
    this.#limits = limits;
    this.#newName = newName;
  }

  async grow(name: string | null, additions: readonly Addition[], depth: number): Promise<string> {
    const node = name === null ? { entries: [] } : await this.#reader.read(name);
    if ('children' in node) return this.#growBranch(node.children, additions, depth);
    if (!('entries' in node)) throw new Error(`${name} is a part of a list, not of the tree`);
    const entries = new Map(node.entries.map((entry) => [entry.key, entry]));
    for (const [key, elements] of additions) entries.set(key, this.#longer(key, entries.get(key), elements));
    return this.#addLeaf([...entries.values()], depth);
  }

  async #growBranch(
    children: readonly (string | null)[],
    additions: readonly Addition[],
    depth: number,
  ): Promise<string> {
    const grown = [...children];
    for (const [digit, own] of byDigit(additions, ([key]) => key, depth))
      grown[digit] = await this.grow(children[digit] ?? null, own, depth + 1);
    return this.#add({ children: grown });
  }

  /** A leaf, or if that is too large a branch of leaves. */
  #addLeaf(entries: readonly Entry[], depth: number): string {
    if (entries.length <= this.#limits.leaf || depth === DEPTH_MAX) return this.#add({ entries: [...entries] });
    const children = new Array<string | null>(CHILDREN).fill(null);
    for (const [digit, own] of byDigit(entries, ({ key }) => key, depth))
      children[digit] = this.#addLeaf(own, depth + 1);
    return this.#add({ children });
  }

  #longer(key: string, entry: Entry | undefined, more: readonly unknown[]): Entry {
    const { tail } = this.#limits;
    const elements = [...(entry?.elements ?? []), ...more];
    let before = entry?.before ?? null;
    // Full parts only, so that a part is never written anew.
    while (elements.length > tail) before = this.#add({ before, elements: elements.splice(0, tail) });
    return { key, before, elements };
  }

  #add(node: TreeNode): string {
    const name = this.#newName();
    this.nodes.set(name, node);
    return name;
  }
}

function byDigit<Item>(
  items: readonly Item[],
  keyOf: (item: Item) => string,
  depth: number,
): ReadonlyMap<number, Item[]> {
  const groups = new Map<number, Item[]>();
  for (const item of items) {
    const digit = digitOf(hashOf(keyOf(item)), depth);
    const group = groups.get(digit);
    if (group === undefined) groups.set(digit, [item]);
    else group.push(item);
  }
  return groups;
}

function hashOf(key: string): number {
  return avalanche(fnv1a(key));
}

function digitOf(hash: number, depth: number): number {
  return (hash >>> (depth * DIGIT_BITS)) & (CHILDREN - 1);
}
