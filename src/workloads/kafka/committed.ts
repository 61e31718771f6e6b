/**
 * Committed offsets, which only grow. Those of many keys are in one document, `committed/<number>`, so that a client
 * with hundreds of keys costs few messages. A commit is acknowledged when the document has it, and takes the greater
 * offset of two. What was once seen there holds for ever, so a commit of no more than that costs nothing.
 *
 * A document that has grown too long is split into eight, `committed/<number>/<digit>`, by the hashes of its keys. Its
 * offsets are first committed in the parts, and then it is marked as split, by compare-and-set and only if the parts
 * have all that it holds. So no offset is lost between the two, and a split that stays unfinished does no harm: a part
 * has no more than its document had. A document that is split stays so, and its readers and writers go on to the parts.
 */

import * as z from 'zod';
import { Documents, NOTHING_STORED, readOrThrow, type Stored } from '../../kv/documents.ts';
import { groupBy } from '../../kv/group-by.ts';
import { type Choice, GroupQueue } from '../../kv/group-queue.ts';
import type { LinearizableStore } from '../../kv/store.ts';
import type { NodeContext } from '../../node/context.ts';
import { RpcError } from '../../protocol/errors.ts';
import { hash53 } from '../../protocol/hash.ts';

/** How many documents there are at first, and parts of one that is split. All nodes on a store must agree, for ever. */
const DOCUMENT_COUNT = 8;
/** Digits of a hash of 53 bits. A document below the last one may be of any length. */
const DEPTH_MAX = 17;
/** Characters of keys in the commits that are served at once, unless one has more. */
const GROUP_LENGTH_MAX = 65_536;
/** How often a split begins anew because of commits that came between. The next commit tries again. */
const SPLIT_ATTEMPTS = 3;

const Committed = z.object({
  offsets: z.array(z.tuple([z.string(), z.int()])),
  isSplit: z.literal(true).exactOptional(),
});
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

/** What all documents of committed offsets have in common. */
interface Shared {
  readonly documents: Documents<Committed>;
  readonly merge: Merge;
  readonly rules: CommitRules;
  /** Characters of keys in a document, beyond which it is split. */
  readonly lengthMax: number;
}

/** Rules that a mutant may replace. */
export interface CommitRules {
  /** Whether the parts, which have `moved`, have all that a document holds. */
  readonly isMoved: (moved: Offsets, held: Offsets) => boolean;
}

const COMMIT_RULES: CommitRules = {
  isMoved: (moved, held) => [...held].every(([key, offset]) => offset <= (moved.get(key) ?? -1)),
};

/** The commits in one document, or in its parts. */
class CommitDesk {
  readonly #storeKey: string;
  readonly #depth: number;
  readonly #shared: Shared;
  readonly #queue: GroupQueue<Commit>;
  #seen: Stored<Committed> = NOTHING_STORED;
  /** Undefined: the document is not split, as far as is known. */
  #parts: CommitDesks | undefined;

  constructor(storeKey: string, depth: number, shared: Shared) {
    this.#storeKey = storeKey;
    this.#depth = depth;
    this.#shared = shared;
    this.#queue = new GroupQueue<Commit>({
      choose: chooseShort,
      serve: (group) => this.#serve(group),
      fail: ({ settle }, error) => settle(RpcError.of('crash', String(error))),
    });
  }

  /** Resolves to why it is not known to be done; undefined if it is. */
  async commit(offsets: Offsets): Promise<RpcError | undefined> {
    if (this.#parts !== undefined) return this.#parts.commit(offsets);
    if (this.#shared.merge(offsetsIn(this.#seen.content), offsets) === undefined) return undefined;
    return new Promise((settle) => this.#queue.push({ offsets, settle }));
  }

  /** Of these keys, those with a committed offset. Throws an RpcError if the store does not answer. */
  async list(keys: readonly string[]): Promise<Offsets> {
    if (this.#parts === undefined) this.#see(await readOrThrow(this.#shared.documents, this.#storeKey));
    // Reading it may have shown that it is split.
    if (this.#parts !== undefined) return (this.#parts as CommitDesks).list(keys);
    const offsets = offsetsIn(this.#seen.content);
    return new Map(keys.flatMap((key) => (offsets.has(key) ? [[key, offsets.get(key) as number] as const] : [])));
  }

  async #serve(group: readonly Commit[]): Promise<void> {
    const change = (content: Committed | undefined): Committed | undefined => {
      if (content?.isSplit) return undefined;
      let merged: Offsets | undefined;
      for (const { offsets } of group) merged = this.#shared.merge(merged ?? offsetsIn(content), offsets) ?? merged;
      return merged && contentOf(merged);
    };
    const result = await this.#shared.documents.update(this.#storeKey, change, this.#seen);
    if (result.kind === 'ok') this.#see(result.stored);
    for (const { offsets, settle } of group) {
      if (result.kind !== 'ok') settle(result.error);
      else if (result.stored.content.isSplit) this.commit(offsets).then(settle, settle);
      else settle(undefined);
    }
    if (result.kind === 'ok') await this.#split();
  }

  /** Splits the document if it is too long. If that fails, the next commit tries again. */
  async #split(): Promise<void> {
    const { documents, rules, lengthMax } = this.#shared;
    for (let attempt = 1; attempt <= SPLIT_ATTEMPTS; attempt++) {
      const moved = offsetsIn(this.#seen.content);
      if (this.#parts !== undefined || moved.size < 2 || lengthOf(moved) <= lengthMax || this.#depth === DEPTH_MAX)
        return;
      if ((await this.#partDesks().commit(moved)) !== undefined) return;
      const result = await documents.update(
        this.#storeKey,
        (content) =>
          content?.isSplit || !rules.isMoved(moved, offsetsIn(content)) ? undefined : { offsets: [], isSplit: true },
        this.#seen,
      );
      if (result.kind !== 'ok') return;
      this.#see(result.stored);
    }
  }

  #partDesks(): CommitDesks {
    return new CommitDesks(this.#storeKey, this.#depth + 1, this.#shared);
  }

  #see(stored: Stored<Committed>): void {
    if (stored.ver > this.#seen.ver) this.#seen = stored;
    if (this.#seen.content?.isSplit) this.#parts ??= this.#partDesks();
  }
}

/** The documents that share keys by one digit of their hashes. */
class CommitDesks {
  readonly #depth: number;
  readonly #desks: readonly CommitDesk[];

  constructor(storeKey: string, depth: number, shared: Shared) {
    this.#depth = depth;
    this.#desks = Array.from(
      { length: DOCUMENT_COUNT },
      (_, digit) => new CommitDesk(`${storeKey}/${digit}`, depth, shared),
    );
  }

  /** Resolves to why it is not known to be done; undefined if it is. */
  async commit(offsets: Offsets): Promise<RpcError | undefined> {
    const byDesk = groupBy([...offsets], ([key]) => this.#deskOf(key));
    const errors = await Promise.all([...byDesk].map(([desk, own]) => desk.commit(new Map(own))));
    return errors.find((one) => one !== undefined);
  }

  /** Of these keys, those with a committed offset. Throws an RpcError if the store does not answer. */
  async list(keys: readonly string[]): Promise<Offsets> {
    const byDesk = groupBy([...new Set(keys)], (key) => this.#deskOf(key));
    const listed = await Promise.all([...byDesk].map(([desk, own]) => desk.list(own)));
    return new Map(listed.flatMap((offsets) => [...offsets]));
  }

  #deskOf(key: string): CommitDesk {
    const digit = Math.floor(hash53(key) / DOCUMENT_COUNT ** this.#depth) % DOCUMENT_COUNT;
    return this.#desks[digit] as CommitDesk;
  }
}

/** The first of those that wait, and more as long as their keys are short. */
function chooseShort(waiting: readonly Commit[]): Choice<Commit> {
  let [count, length] = [0, 0];
  while (count < waiting.length && length < GROUP_LENGTH_MAX) length += lengthOf((waiting[count++] as Commit).offsets);
  return { group: waiting.slice(0, count), later: waiting.slice(count) };
}

function contentOf(offsets: Offsets): Committed {
  return { offsets: [...offsets].sort(([a], [b]) => (a < b ? -1 : 1)) };
}

function offsetsIn(content: Committed | undefined): Offsets {
  return new Map(content?.offsets);
}

/** Characters of the keys. */
function lengthOf(offsets: Offsets): number {
  let length = 0;
  for (const key of offsets.keys()) length += key.length;
  return length;
}

export class CommittedOffsets {
  readonly #desks: CommitDesks;

  /** @param lengthMax characters of keys in a document, beyond which it is split */
  constructor(context: NodeContext, kv: LinearizableStore, merge: Merge, lengthMax: number, rules = COMMIT_RULES) {
    const documents = new Documents({ kv, context, name: 'committed offsets', schema: Committed });
    this.#desks = new CommitDesks('committed', 0, { documents, merge, rules, lengthMax });
  }

  /**
   * Throws error 13 if it is not known to be done: never a definite one. A client of Maelstrom has already moved on,
   * and would skip what the poll before had shown.
   */
  async commit(offsets: Offsets): Promise<void> {
    const error = await this.#desks.commit(offsets);
    if (error !== undefined) throw RpcError.of('crash', `the commit is not certain: ${error.message}`);
  }

  /** Of these keys, those with a committed offset. Throws an RpcError if the store does not answer. */
  list(keys: readonly string[]): Promise<Offsets> {
    return this.#desks.list(keys);
  }
}
