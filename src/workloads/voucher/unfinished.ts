/**
 * The shards in which this node may have left something unfinished. The list is in the store, so others find it when
 * the node is gone.
 *
 * A shard is added before the first pivot in it. It is removed when it has been idle and empty for a while, and only
 * after an empty change of it has succeeded. After that change, every request that this node sent from an older
 * version, in any of its lives, is dead and can leave nothing there.
 */

import type { NodeContext } from '../../node/context.ts';
import { RpcError } from '../../protocol/errors.ts';
import { contentOf, type IndexRecord, indexKey, shardKey, type VoucherStore } from './records.ts';

export class Unfinished {
  readonly #store: VoucherStore;
  readonly #key: string;
  readonly #listed = new Set<string>();
  /** Being removed. */
  readonly #leaving = new Set<string>();
  /** Changes of the index run one after the other. */
  #last: Promise<unknown> = Promise.resolve();

  constructor({ nodeId }: NodeContext, store: VoucherStore) {
    this.#store = store;
    this.#key = indexKey(nodeId);
  }

  /** Whether this life of the node has added the shard. */
  lists(key: string): boolean {
    return this.#listed.has(key);
  }

  /** Resolves to the error if the shard could not be added. */
  async register(code: string, shard: number): Promise<RpcError | undefined> {
    const name = shardKey(code, shard);
    if (this.#listed.has(name) && !this.#leaving.has(name)) return undefined;
    return this.#inTurn(async () => {
      if (this.#listed.has(name)) return undefined;
      const result = await this.#store.indices.update(this.#key, (content) => {
        const shards = content?.shards ?? [];
        return isListed(shards, code, shard) ? undefined : { shards: [...shards, [code, shard]] };
      });
      if (result.kind !== 'ok') return RpcError.of('temporarily-unavailable', result.error.message);
      this.#listed.add(name);
      return undefined;
    });
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
      const read = await this.#store.shards.read(name);
      if (read.kind !== 'ok' || contentOf(read.stored).pending.length > 0) return;
      const fence = await this.#store.shards.replace(name, read.stored, contentOf(read.stored));
      if (fence.kind !== 'ok') return;
      this.#listed.delete(name);
      await this.#store.indices.update(this.#key, (content) => {
        const shards = content?.shards ?? [];
        if (content !== undefined && !isListed(shards, code, shard)) return undefined;
        return { shards: shards.filter(([own, number]) => own !== code || number !== shard) };
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

function isListed(shards: IndexRecord['shards'], code: string, shard: number): boolean {
  return shards.some(([own, number]) => own === code && number === shard);
}
