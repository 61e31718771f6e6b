/**
 * Committed offsets, which only grow. Those of many keys are in one document, `committed/<number>`, so that a client
 * with hundreds of keys costs few messages. A commit is acknowledged when the document has it, and takes the greater
 * offset of two. What was once seen there holds for ever, so a commit of no more than that costs nothing.
 */

import * as z from 'zod';
import { Documents, NOTHING_STORED, readOrThrow, type Stored } from '../../kv/documents.ts';
import { groupBy } from '../../kv/group-by.ts';
import { GroupQueue } from '../../kv/group-queue.ts';
import type { LinearizableStore } from '../../kv/store.ts';
import type { NodeContext } from '../../node/context.ts';
import { RpcError } from '../../protocol/errors.ts';
import { hash53 } from '../../protocol/hash.ts';

/** All nodes on a store must agree, for ever. */
const DOCUMENT_COUNT = 8;

const Committed = z.object({ offsets: z.array(z.tuple([z.string(), z.int()])) });
type Committed = z.infer<typeof Committed>;

export type Offsets = ReadonlyMap<string, number>;
/** The offsets of a document after a commit; undefined if they are what they were. */
export type Merge = (before: Offsets, committed: Offsets) => Offsets | undefined;

/** The greater offset of two. */
export const mergeOffsets: Merge = (before, committed) => {
  const greater = [...committed].filter(([key, offset]) => offset > (before.get(key) ?? -1));
  return greater.length === 0 ? undefined : new Map([...before, ...greater]);
};

interface Commit {
  readonly offsets: Offsets;
  /** Undefined: it is done. */
  readonly settle: (error: RpcError | undefined) => void;
}

/** The commits in one document. */
class CommitDesk {
  readonly #storeKey: string;
  readonly #documents: Documents<Committed>;
  readonly #merge: Merge;
  readonly #queue: GroupQueue<Commit>;
  #seen: Stored<Committed> = NOTHING_STORED;

  constructor(number: number, documents: Documents<Committed>, merge: Merge) {
    this.#storeKey = `committed/${number}`;
    this.#documents = documents;
    this.#merge = merge;
    this.#queue = new GroupQueue<Commit>({
      serve: (group) => this.#serve(group),
      fail: ({ settle }, error) => settle(RpcError.of('crash', String(error))),
    });
  }

  /** Resolves to why it is not known to be done; undefined if it is. */
  async commit(offsets: Offsets): Promise<RpcError | undefined> {
    if (this.#merge(offsetsIn(this.#seen.content), offsets) === undefined) return undefined;
    return new Promise((settle) => this.#queue.push({ offsets, settle }));
  }

  /** As they are now. Throws an RpcError if the store does not answer. */
  async list(): Promise<Offsets> {
    this.#see(await readOrThrow(this.#documents, this.#storeKey));
    return offsetsIn(this.#seen.content);
  }

  async #serve(group: readonly Commit[]): Promise<void> {
    const change = (content: Committed | undefined): Committed | undefined => {
      let merged: Offsets | undefined;
      for (const { offsets } of group) merged = this.#merge(merged ?? offsetsIn(content), offsets) ?? merged;
      return merged && { offsets: [...merged].sort(([a], [b]) => (a < b ? -1 : 1)) };
    };
    const result = await this.#documents.update(this.#storeKey, change, this.#seen);
    if (result.kind === 'ok') this.#see(result.stored);
    for (const { settle } of group) settle(result.kind === 'ok' ? undefined : result.error);
  }

  #see(stored: Stored<Committed>): void {
    if (stored.ver > this.#seen.ver) this.#seen = stored;
  }
}

function offsetsIn(content: Committed | undefined): Offsets {
  return new Map(content?.offsets);
}

export class CommittedOffsets {
  readonly #desks: readonly CommitDesk[];

  constructor(context: NodeContext, kv: LinearizableStore, merge: Merge) {
    const documents = new Documents({ kv, context, name: 'committed offsets', schema: Committed });
    this.#desks = Array.from({ length: DOCUMENT_COUNT }, (_, number) => new CommitDesk(number, documents, merge));
  }

  /**
   * Throws error 13 if it is not known to be done: never a definite one. A client of Maelstrom has already moved on,
   * and would skip what the poll before had shown.
   */
  async commit(offsets: Offsets): Promise<void> {
    const byDesk = groupBy([...offsets], ([key]) => this.#deskOf(key));
    const errors = await Promise.all([...byDesk].map(([desk, own]) => desk.commit(new Map(own))));
    const error = errors.find((one) => one !== undefined);
    if (error !== undefined) throw RpcError.of('crash', `the commit is not certain: ${error.message}`);
  }

  /** Of these keys, those with a committed offset. Throws an RpcError if the store does not answer. */
  async list(keys: readonly string[]): Promise<Offsets> {
    const byDesk = groupBy([...new Set(keys)], (key) => this.#deskOf(key));
    const listed = await Promise.all(
      [...byDesk].map(async ([desk, own]) => {
        const offsets = await desk.list();
        return own.flatMap((key) => (offsets.has(key) ? [[key, offsets.get(key) as number] as const] : []));
      }),
    );
    return new Map(listed.flat());
  }

  #deskOf(key: string): CommitDesk {
    return this.#desks[hash53(key) % this.#desks.length] as CommitDesk;
  }
}
