/**
 * The sagas that this node may leave unfinished. They are in the store, so others find them when the node is gone. A
 * saga is added before its record is created, and removed when it is finished. All waiting changes share one
 * compare-and-set, so many sagas cost little more than one. Removals wait for the next addition, or a short time.
 *
 * Others find the index through the members (`kv/members.ts`), so this node joins them before its first entry. If it
 * was taken for dead, its index may be closed. Then entries go to another index, under another name.
 */

import { NOTHING_STORED, type ReplaceResult, type Stored, type UpdateResult } from '../kv/documents.ts';
import { GroupQueue } from '../kv/group-queue.ts';
import type { Members } from '../kv/members.ts';
import type { NodeContext } from '../node/context.ts';
import { RpcError } from '../protocol/errors.ts';
import { SAGA_LIMITS } from './limits.ts';
import { type IndexRecord, indexKey, type SagaStore } from './record.ts';

/** How long a removal waits if no addition comes, ms. */
const CROSS_OUT_MS = 250;

/** A saga to be added. */
interface Entry {
  readonly id: string;
  readonly digest: string;
  /** It was to be removed, so nothing is unfinished under this id. */
  readonly isOver: boolean;
  readonly resolve: (isNew: boolean) => void;
  readonly reject: (error: unknown) => void;
}

export class SagaIndex {
  readonly #context: Pick<NodeContext, 'sleep'>;
  readonly #indices: SagaStore['indices'];
  readonly #members: Members;
  readonly #listedMax: number;
  /** The member whose index it is; undefined: there is none yet. */
  #member: string | undefined;
  /** An earlier one, whose index was closed. */
  #lost: string | undefined;
  /** Of the index of `#member`. Invariant: it was read, or is proven to have been stored. */
  #known: Stored<IndexRecord> | undefined;
  readonly #adding: GroupQueue<Entry>;
  /** Sagas to be removed. */
  #removing = new Set<string>();
  #resting = false;

  /** @param listedMax how many sagas it may list */
  constructor(
    context: Pick<NodeContext, 'sleep'>,
    { indices }: SagaStore,
    members: Members,
    listedMax = SAGA_LIMITS.listed,
  ) {
    this.#context = context;
    this.#indices = indices;
    this.#members = members;
    this.#listedMax = listedMax;
    this.#adding = new GroupQueue({
      serve: (adding) => this.#write(adding),
      fail: ({ reject }, error) => reject(error),
      onIdle: () => this.#removeSoon(),
    });
  }

  /**
   * Resolves to whether the id is new. Under an id that was there before, an earlier request may have left a saga
   * unfinished. Rejects with error 11 if the entry cannot be proven.
   */
  add(id: string, digest: string): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const isOver = this.#removing.delete(id);
      this.#adding.push({ id, digest, isOver, resolve, reject });
    });
  }

  /** Removes it sooner or later: a saga that is finished, or was never begun. */
  remove(id: string): void {
    this.#removing.add(id);
    if (!this.#adding.busy) this.#removeSoon();
  }

  /** What it lists; undefined if the store gives no answer. It is read only if others may have added something. */
  async list(): Promise<IndexRecord['sagas'] | undefined> {
    if (this.#members.exclusive && this.#member === undefined) return [];
    if (this.#members.exclusive && this.#known !== undefined) return this.#known.content?.sagas ?? [];
    this.#member ??= await this.#members.join();
    const key = indexKey(this.#member);
    const read = await this.#indices.read(key);
    if (read.kind !== 'ok') return undefined;
    const content = read.stored.content ?? { sagas: [] };
    if (this.#members.exclusive) {
      // An addition without an answer may still be under way. After this change it is dead.
      const settled = await this.#indices.replace(key, read.stored, content);
      if (settled.kind === 'ok') this.#known ??= settled.stored;
    }
    return content.sagas;
  }

  #removeSoon(): void {
    if (this.#resting || this.#removing.size === 0) return;
    this.#resting = true;
    void this.#context.sleep(CROSS_OUT_MS).then((slept) => {
      this.#resting = false;
      if (slept && this.#removing.size > 0) this.#adding.wake();
    });
  }

  async #write(entries: readonly Entry[]): Promise<void> {
    const adding = new Map(entries.map((entry) => [entry.id, entry]));
    if (this.#members.exclusive && this.#member === undefined && adding.size === 0) return this.#removing.clear();
    try {
      if (this.#member === undefined) {
        this.#member = await this.#members.join(this.#lost);
        if (this.#members.exclusive) this.#known = NOTHING_STORED;
      }
    } catch (error) {
      for (const { reject } of adding.values()) reject(error);
      return;
    }
    const key = indexKey(this.#member);
    const removing = this.#removing;
    this.#removing = new Set();
    /** The sagas that were there before. */
    let listed: ReadonlySet<string> | undefined;
    let sent = false;
    let closed = false;
    let result: UpdateResult<IndexRecord> | ReplaceResult<IndexRecord> = await this.#indices.update(
      key,
      (content) => {
        closed = content?.closed ?? false;
        if (closed && adding.size > 0) throw RpcError.of('precondition-failed', 'it is closed');
        listed ??= new Set((content?.sagas ?? []).map(([id]) => id));
        const next = rewrite(content, adding, removing, this.#listedMax);
        sent ||= next !== undefined;
        return next;
      },
      this.#known,
    );
    // A change that was given up and is still under way may remove what is there already. An empty change rules that
    // out.
    if (result.kind === 'ok' && adding.size > 0 && !sent)
      result = await this.#indices.replace(key, result.stored, result.stored.content);
    if (result.kind === 'ok') {
      this.#known = result.stored;
      for (const [id, { isOver, resolve }] of adding) resolve(isOver || !listed?.has(id));
      return;
    }
    this.#known = undefined;
    if (closed) {
      this.#lost = this.#member;
      this.#member = undefined;
    }
    // An entry too many is handled like any other.
    const error = RpcError.of('temporarily-unavailable', `the index of sagas: ${result.error.message}`);
    for (const { reject } of adding.values()) reject(error);
    // One that waits to be added again stays: additions come last.
    for (const id of removing) this.#removing.add(id);
  }
}

/** An index with some sagas added and others removed; undefined: nothing changes. Throws if it is full. */
function rewrite(
  content: IndexRecord | undefined,
  adding: ReadonlyMap<string, Pick<Entry, 'digest'>>,
  removing: ReadonlySet<string>,
  listedMax: number,
): IndexRecord | undefined {
  const before = content?.sagas ?? [];
  const kept = before.filter(([id]) => !removing.has(id) && !adding.has(id));
  const added = [...adding].map(([id, { digest }]): [string, string] => [id, digest]);
  if (kept.length + added.length > listedMax && added.length > 0)
    throw RpcError.of('temporarily-unavailable', 'too many sagas of this node are unfinished');
  const ids = new Set(before.map(([id]) => id));
  const isComplete = added.every(([id]) => ids.has(id));
  const isSame = isComplete && before.length === kept.length + added.length;
  return isSame && content !== undefined ? undefined : { sagas: [...kept, ...added] };
}
