/**
 * The shards in which this node may have left something unfinished. The list is in the store, so others find it when
 * the node is gone.
 *
 * A shard is added before the first pivot in it. It is removed when it has been idle and empty for a while, and only
 * after an empty change of it has succeeded. After that change, every request that this node sent from an older
 * version, in any of its lives, is dead and can leave nothing there.
 *
 * A node that seems dead may only be paused, and believe its shards to be listed still. So who takes a shard away from
 * it (`takeAway`) raises the shard's epoch, and a node adds a shard again before a pivot from another epoch. It writes
 * its index then, even if the shard is listed: what was read of the index before can no longer be used to take the
 * shard away.
 */

import type { Members } from '../../kv/members.ts';
import type { NodeContext } from '../../node/context.ts';
import { RpcError } from '../../protocol/errors.ts';
import { contentOf, type IndexRecord, indexKey, shardKey, type VoucherStore } from './records.ts';

interface Listed {
  readonly place: IndexRecord['shards'][number];
  /** Of the version of the shard before which it was added. */
  readonly epoch: number;
}

export class Unfinished {
  readonly #store: VoucherStore;
  readonly #members: Members;
  /** The member whose index it is; undefined: there is none yet. */
  #member: string | undefined;
  /** An earlier one, whose index was closed. */
  #lost: string | undefined;
  /** What this life of the node has added, by key. */
  readonly #listed = new Map<string, Listed>();
  /** Being removed. */
  readonly #leaving = new Set<string>();
  /** Changes of the index run one after the other. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(store: VoucherStore, members: Members) {
    this.#store = store;
    this.#members = members;
  }

  /** Whether this life of the node has added the shard. */
  lists(key: string): boolean {
    return this.#listed.has(key);
  }

  /** All shards in the index; undefined: the store gives no answer. It is read only if other lives write to it. */
  async list(): Promise<IndexRecord['shards'] | undefined> {
    if (this.#members.exclusive) return Array.from(this.#listed.values(), ({ place }) => place);
    const read = await this.#store.indices.read(indexKey(await this.#members.join()));
    return read.kind === 'ok' ? (read.stored.content?.shards ?? []) : undefined;
  }

  /**
   * Resolves to the error if the shard could not be added.
   *
   * @param epoch of the version from which the pivot will start
   */
  async register(code: string, shard: number, epoch = 0): Promise<RpcError | undefined> {
    const name = shardKey(code, shard);
    const isListedNow = () => this.#listed.get(name)?.epoch === epoch;
    if (isListedNow() && !this.#leaving.has(name)) return undefined;
    return this.#inTurn(async () => {
      if (isListedNow()) return undefined;
      try {
        this.#member ??= await this.#members.join(this.#lost);
      } catch (error) {
        return error as RpcError;
      }
      const problem = await this.#add(this.#member, code, shard, epoch);
      if (problem !== undefined) return RpcError.of('temporarily-unavailable', problem.message);
      this.#listed.set(name, { place: [code, shard], epoch });
      return undefined;
    });
  }

  async #add(member: string, code: string, shard: number, epoch: number): Promise<RpcError | undefined> {
    let closed = false;
    const result = await this.#store.indices.update(indexKey(member), (content) => {
      closed = content?.closed ?? false;
      if (closed) throw RpcError.of('precondition-failed', 'the index of unfinished shards is closed');
      const shards = content?.shards ?? [];
      if (!isListed(shards, code, shard)) return { shards: [...shards, [code, shard]] };
      return epoch > 0 ? { shards } : undefined;
    });
    if (closed) {
      this.#lost = this.#member;
      this.#member = undefined;
      this.#listed.clear();
    }
    return result.kind === 'ok' ? undefined : result.error;
  }

  /**
   * Removes a shard if it is empty. When this is called, no request may be redeeming there through this node. A later
   * request adds it again.
   */
  async unregister(code: string, shard: number): Promise<void> {
    const name = shardKey(code, shard);
    if (this.#leaving.has(name)) return;
    this.#leaving.add(name);
    await this.#inTurn(async () => {
      const member = this.#member ?? (this.#members.exclusive ? undefined : await this.#members.join());
      if (member === undefined) return;
      const read = await this.#store.shards.read(name);
      if (read.kind !== 'ok' || contentOf(read.stored).pending.length > 0) return;
      const fence = await this.#store.shards.replace(name, read.stored, contentOf(read.stored));
      if (fence.kind !== 'ok') return;
      this.#listed.delete(name);
      await this.#store.indices.update(indexKey(member), (content) => {
        const shards = content?.shards ?? [];
        if (content !== undefined && !isListed(shards, code, shard)) return undefined;
        return { shards: without(shards, code, shard) };
      });
    });
    this.#leaving.delete(name);
  }

  #inTurn<Result>(act: () => Promise<Result>): Promise<Result> {
    const result = this.#last.then(act);
    this.#last = result;
    return result;
  }
}

/**
 * Takes a shard out of the index of another member, which seems dead. The fence is a new epoch of the shard. What that
 * member redeemed there is among what was pending then, so it waits until all of that has left. The index is changed
 * from exactly the version that was read before the fence, so that an addition meanwhile stays. What fails is tried
 * again later.
 */
export async function takeAway(
  { sleep }: Pick<NodeContext, 'sleep'>,
  store: VoucherStore,
  member: string,
  code: string,
  shard: number,
): Promise<void> {
  const index = await store.indices.read(indexKey(member));
  if (index.kind !== 'ok' || index.stored.content === undefined) return;
  const key = shardKey(code, shard);
  const read = await store.shards.read(key);
  if (read.kind !== 'ok') return;
  const content = contentOf(read.stored);
  const fence = await store.shards.replace(key, read.stored, { ...content, epoch: (content.epoch ?? 0) + 1 });
  if (fence.kind !== 'ok') return;
  const places = new Set(content.pending.map(([, , place]) => place));
  for (let isLeft = places.size > 0; isLeft; ) {
    if (!(await sleep(store.timings.staleMs))) return;
    const again = await store.shards.read(key);
    if (again.kind !== 'ok') return;
    isLeft = contentOf(again.stored).pending.some(([, , place]) => places.has(place));
  }
  const shards = without(index.stored.content.shards, code, shard);
  await store.indices.replace(indexKey(member), index.stored, { shards });
}

/** Closes the index of a member if it is empty, so that nothing can be added. Resolves to whether it is closed. */
export async function closeIndex({ indices }: Pick<VoucherStore, 'indices'>, member: string): Promise<boolean> {
  const result = await indices.update(indexKey(member), (content) => {
    if (content?.closed) return undefined;
    if ((content?.shards ?? []).length > 0) throw RpcError.of('precondition-failed', 'it is not empty');
    return { shards: [], closed: true };
  });
  return result.kind === 'ok';
}

function isListed(shards: IndexRecord['shards'], code: string, shard: number): boolean {
  return shards.some(([own, number]) => own === code && number === shard);
}

function without(shards: IndexRecord['shards'], code: string, shard: number): IndexRecord['shards'] {
  return shards.filter(([own, number]) => own !== code || number !== shard);
}
