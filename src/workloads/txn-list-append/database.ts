/**
 * The lists as one node sees them: it reads the root, and replaces it by one with more elements. A full `recent` is
 * moved into the tree behind the transactions: the new nodes are written while others commit, and the next group of
 * this node points the root to them. By a rule only the node whose group filled it does so; beyond twice the limit
 * every node does, since that one may be dead.
 */

import type { LinearizableStore } from '../../kv/store.ts';
import type { NodeContext } from '../../node/context.ts';
import { RpcError } from '../../protocol/errors.ts';
import type { ListAppendLimits } from './limits.ts';
import {
  type Appended,
  type Compaction,
  EMPTY_ROOT,
  type GroupId,
  nextRoot,
  notARoot,
  parseRoot,
  ROOT_KEY,
  type Root,
  rootText,
  withCompaction,
} from './root.ts';
import { growTree, listIn } from './tree.ts';
import { TreeStore } from './tree-store.ts';

export type Replaced =
  | { readonly kind: 'ok'; readonly root: Root }
  /** It may have been done, or may be done later. */
  | { readonly kind: 'undecided'; readonly error: RpcError }
  /** It was not done, and this request never will be. */
  | { readonly kind: 'unavailable'; readonly error: RpcError };

export interface DatabaseOptions {
  readonly context: NodeContext;
  readonly kv: LinearizableStore;
  readonly limits: ListAppendLimits;
  /** A name that no other life has, on any node. */
  readonly life: string;
  /** Replaces how a new tree comes into a root. Only mutants do. */
  readonly compact?: typeof withCompaction | undefined;
}

export class Database {
  readonly #options: DatabaseOptions;
  readonly #tree: TreeStore;
  /** The newest root that was seen. */
  #root = EMPTY_ROOT;
  /** A tree that waits to be pointed to. */
  #compaction: Compaction | undefined;
  #isCompacting = false;
  /** The tree that this node is to replace; undefined: another node is. */
  #duty: { readonly tree: string | null } | undefined;
  #compactions = 0;

  constructor(options: DatabaseOptions) {
    const { context, kv, limits, life } = options;
    this.#options = options;
    this.#tree = new TreeStore(context, kv, life, limits.cache);
  }

  /** The newest root that was seen. It may be out of date. */
  get known(): Root {
    return this.#root;
  }

  get compactions(): number {
    return this.#compactions;
  }

  /** The root as it is at some time between the call and its end. An RpcError if it cannot be read. */
  async readRoot(): Promise<Root | RpcError> {
    const read = await this.#options.kv.read(ROOT_KEY);
    if (read.kind === 'failed') return read.error;
    if (read.kind === 'foreign') return notARoot('it is not a text');
    try {
      if (read.kind === 'found' && read.token !== this.#root.token) return this.#see(parseRoot(read.text, read.token));
      return read.kind === 'found' ? this.#root : this.#see(EMPTY_ROOT);
    } catch (error) {
      if (error instanceof RpcError) return error;
      throw error;
    }
  }

  /** The lists of these keys as of a root. Rejects with an RpcError if the store does not give them. */
  async listsAt({ tree, recent }: Root, keys: readonly string[]): Promise<Appended> {
    const lists = await Promise.all(
      keys.map(async (key) => {
        const older = await listIn(this.#tree, tree, key);
        return [key, [...older, ...(recent.get(key) ?? [])]] as const;
      }),
    );
    return new Map(lists);
  }

  /** The root after `from` with a group. To send it again changes nothing, so it is made once. */
  prepare(from: Root, group: GroupId, appended: Appended): Omit<Root, 'token'> {
    const next = nextRoot(from, group, appended, this.#options.limits.writers);
    const { compact = withCompaction } = this.#options;
    return this.#compaction === undefined ? next : compact({ ...next, token: null }, this.#compaction);
  }

  /** Sends one compare-and-set. */
  async replaceRoot(from: Root, next: Omit<Root, 'token'>): Promise<Replaced> {
    const sent = await this.#options.kv.replace(ROOT_KEY, from.token, rootText(next));
    if (sent.kind === 'unavailable') return { kind: 'unavailable', error: sent.error };
    if (sent.kind !== 'ok') return { kind: 'undecided', error: sent.error };
    return { kind: 'ok', root: this.#see({ ...next, token: sent.token }) };
  }

  /** Moves `recent` into the tree if it has become too long by a group of this node. */
  relieve(before: Root, after: Root): void {
    const { recent: max } = this.#options.limits;
    if (after.recentLength < max || this.#isCompacting || this.#compaction !== undefined) return;
    if (before.recentLength < max) this.#duty = { tree: after.tree };
    if (this.#duty?.tree !== after.tree && after.recentLength < 2 * max) return;
    this.#isCompacting = true;
    void this.#compact(after).finally(() => {
      this.#isCompacting = false;
    });
  }

  async #compact({ tree, recent }: Root): Promise<void> {
    const { limits, context } = this.#options;
    try {
      const { top, nodes } = await growTree(this.#tree, tree, recent, limits, () => this.#tree.newName());
      await this.#tree.write(nodes);
      this.#compactions++;
      if (this.#root.tree === tree) this.#compaction = { from: tree, to: top, moved: recent };
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      // The next group tries again.
      context.log.debug('the lists were not moved into the tree', { reason: error.message });
    }
  }

  #see(root: Root): Root {
    if (root.ver < this.#root.ver) throw notARoot(`it went back from version ${this.#root.ver} to ${root.ver}`);
    if (this.#compaction !== undefined && root.tree !== this.#compaction.from) this.#compaction = undefined;
    this.#root = root;
    return root;
  }
}
