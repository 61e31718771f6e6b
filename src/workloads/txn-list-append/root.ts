/**
 * The root of all lists: one document of the store, and the only one that changes. It holds what was appended lately,
 * and points to an immutable tree with everything before (`tree.ts`). So most transactions need no other document: a
 * group of them is one reading and one compare-and-set of the root.
 *
 * The rules:
 *
 * - A root is replaced by compare-and-set only, and `ver` grows by 1 each time. No root ever recurs.
 * - The root names the last group that each life committed, and a life has one group under way at a time. So any root
 *   after the one that a group began from tells whether the group is in. What was sent for it has no effect any more.
 * - `recent` of a key only grows until it is moved into a tree; then `tree` changes to a name that was never used.
 */

import * as z from 'zod';
import type { Token } from '../../kv/store.ts';
import { RpcError } from '../../protocol/errors.ts';

/** Elements by the text of their key (`keyText`), in the order in which they were appended. */
export type Appended = ReadonlyMap<string, readonly unknown[]>;

type Writer = readonly [life: string, group: number, ver: number];

export interface Root {
  /** 0: there is no root yet. */
  readonly ver: number;
  /** Each life that committed lately, with the number of its last group and the version that this made; newest last. */
  readonly writers: readonly Writer[];
  /** The version that the last forgotten writer made; 0: none was forgotten. */
  readonly forgotten: number;
  /** The name of the tree; null: it is empty. */
  readonly tree: string | null;
  /** What is not in the tree yet. */
  readonly recent: Appended;
  /** Characters of `recent`. */
  readonly recentLength: number;
  /** The store's token for this root; null: there is no root yet. */
  readonly token: Token | null;
}

export const ROOT_KEY = 'list-append/root';

export const EMPTY_ROOT: Root = {
  ver: 0,
  writers: [],
  forgotten: 0,
  tree: null,
  recent: new Map(),
  recentLength: 0,
  token: null,
};

/** A group of transactions of one life. */
export interface GroupId {
  readonly life: string;
  /** From 1; each later group of the life has a greater one. */
  readonly number: number;
}

/** A tree with some of the elements of `recent` moved into it. */
export interface Compaction {
  /** The tree before. */
  readonly from: string | null;
  readonly to: string;
  /** What was moved: the first elements of the keys. */
  readonly moved: Appended;
}

const RootText = z.object({
  ver: z.int().min(1),
  writers: z.array(z.tuple([z.string(), z.int(), z.int()])),
  forgotten: z.int(),
  tree: z.string().nullable(),
  recent: z.array(z.tuple([z.string(), z.array(z.unknown())])),
});

/** Throws an RpcError if the text is no root. */
export function parseRoot(text: string, token: Token): Root {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw notARoot('it is not JSON');
  }
  const parsed = RootText.safeParse(value);
  if (!parsed.success) throw notARoot(parsed.error.issues[0]?.message ?? 'it is something else');
  const recent = new Map(parsed.data.recent);
  return { ...parsed.data, recent, recentLength: lengthOf(recent), token };
}

export function notARoot(problem: string): RpcError {
  return RpcError.of('abort', `the store holds no root of lists under ${ROOT_KEY}: ${problem}`);
}

export function rootText({ ver, writers, forgotten, tree, recent }: Omit<Root, 'token' | 'recentLength'>): string {
  return JSON.stringify({ ver, writers, forgotten, tree, recent: [...recent] });
}

/**
 * The root after `root` with one more group.
 *
 * @param writersMax lives that are remembered
 */
export function nextRoot(root: Root, group: GroupId, appended: Appended, writersMax: number): Omit<Root, 'token'> {
  const recent = new Map(root.recent);
  for (const [key, elements] of appended) recent.set(key, [...(recent.get(key) ?? []), ...elements]);
  const ver = root.ver + 1;
  const writers = root.writers.filter(([life]) => life !== group.life);
  writers.push([group.life, group.number, ver]);
  const left = writers.splice(0, writers.length - writersMax).at(-1);
  const forgotten = left?.[2] ?? root.forgotten;
  return { ver, writers, forgotten, tree: root.tree, recent, recentLength: lengthOf(recent) };
}

/** The root with the new tree. The same root if its tree is another one than the compaction began with. */
export function withCompaction(root: Root, { from, to, moved }: Compaction): Root {
  if (root.tree !== from) return root;
  const recent = new Map<string, readonly unknown[]>();
  for (const [key, elements] of root.recent) {
    const left = elements.slice(moved.get(key)?.length ?? 0);
    if (left.length > 0) recent.set(key, left);
  }
  return { ...root, tree: to, recent, recentLength: lengthOf(recent) };
}

/** What a root tells about a group that began from an earlier one, or from this one. */
export type GroupFate =
  /** It is in. */
  | 'committed'
  /** It is not in, and never will be. */
  | 'lost'
  /** The root is still the one that it began from: what was sent may arrive yet. */
  | 'open'
  /** So many lives have committed since that its own is forgotten. */
  | 'unknown';

/** @param fromVer the version of the root that the group began from */
export function fateOf(root: Root, { life, number }: GroupId, fromVer: number): GroupFate {
  if (root.ver <= fromVer) return 'open';
  const last = root.writers.find(([writer]) => writer === life);
  if (last !== undefined) return last[1] === number ? 'committed' : 'lost';
  return root.forgotten <= fromVer ? 'lost' : 'unknown';
}

function lengthOf(recent: Appended): number {
  let length = 0;
  for (const [key, elements] of recent) length += key.length + JSON.stringify(elements).length;
  return length;
}
