/**
 * The shards in which this node may have left something unfinished, in the store where others find them when it is
 * gone.
 *
 * A shard is written down before the first pivot in it. It is crossed out when it has been idle and empty for a while,
 * and not before an empty change of it has succeeded: whatever this node ever sent from an older version, in this life
 * or another, is dead then and cannot leave anything there any more.
 */

import type { NodeContext } from '../../node/context.ts';
import { RpcError } from '../../protocol/errors.ts';
import { contentOf, type IndexRecord, indexKey, shardKey, type VoucherStore } from './records.ts';

export class Unfinished {
  readonly #store: VoucherStore;
  readonly #key: string;
  readonly #listed = new Set<string>();
  /** Being crossed out. */
  readonly #leaving = new Set<string>();
  /** One change of the index after the other. */
  #last: Promise<unknown> = Promise.resolve();

  constructor({ nodeId }: NodeContext, store: VoucherStore) {
    this.#store = store;
    this.#key = indexKey(nodeId);
  }

  /** Whether this life of the node has written the shard down. */
  lists(key: string): boolean {
    return this.#listed.has(key);
  }

  /** Resolves to what is in the way if the shard could not be written down. */
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
   * Crosses a shard out, if it is empty. Nobody may redeem there through this node when this is called; whoever comes
   * later writes it down again.
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
