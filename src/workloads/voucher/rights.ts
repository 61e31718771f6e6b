/**
 * Rights to redeem, and how they get to where they are needed. It is escrow (O'Neil 1986): the limit is split over the
 * shards once, and a shard that has used up its part is given what is left in the voucher's pool, or what another shard
 * can spare.
 *
 * Why the limit holds: a shard uses no more than it was granted and has not given back, the voucher grants no more than
 * its limit and what came back to it, and no counter ever falls; so whoever acts on an old version, or twice, sees too
 * few rights and never too many.
 */

import type { Stored, UpdateResult } from '../../kv/documents.ts';
import type { NodeContext } from '../../node/context.ts';
import { pauseUpTo } from '../../node/pause.ts';
import { RpcError } from '../../protocol/errors.ts';
import {
  contentOf,
  rightsIn,
  type ShardRecord,
  shardKey,
  type VoucherRecord,
  type VoucherStore,
  voucherKey,
} from './records.ts';

/** How long one search for rights goes on, ms. */
const SEARCH_MS_MAX = 3000;
/** Between two looks at a voucher whose rights are all on their way, ms: drawn up to this. */
const PAUSE_MS = 50;
/**
 * Rights on their way to another shard are left to it for so many looks: whoever asked for them there is about to use
 * them.
 */
const POLITE_LOOKS = 10;

/**
 * Granted: as much as the voucher says that this shard has been given by now; what has not arrived is brought by the
 * pivot that uses it.
 */
export type RightsResult = { readonly granted: number } | 'sold-out' | RpcError;

export class Rights {
  readonly #context: NodeContext;
  readonly #store: VoucherStore;

  constructor(context: NodeContext, store: VoucherStore) {
    this.#context = context;
    this.#store = store;
  }

  /**
   * Looks for rights for a shard that has none; they are used by whoever asked, or lie where they are found. An error
   * is one that says: nothing was found in time, try again.
   */
  async acquire(code: string, shard: number): Promise<RightsResult> {
    const { clock } = this.#context;
    const endMs = clock.monotonicMs() + SEARCH_MS_MAX;
    for (let look = 0; ; look++) {
      const result = await this.#tryOnce(code, shard, look >= POLITE_LOOKS);
      if (result !== undefined) return result;
      if (clock.monotonicMs() >= endMs || !(await pauseUpTo(this.#context, PAUSE_MS)))
        return RpcError.of('temporarily-unavailable', `the last rights of ${code} are on their way between its shards`);
    }
  }

  /** Undefined: something has moved, look again. */
  async #tryOnce(code: string, shard: number, greedy: boolean): Promise<RightsResult | undefined> {
    const read = await this.#store.vouchers.read(voucherKey(code));
    if (read.kind !== 'ok') return read.error;
    const { content: voucher } = read.stored;
    if (voucher === undefined) return RpcError.of('key-does-not-exist', `there is no voucher ${code}`);
    if (voucher.sold_out) return 'sold-out';
    const own = await this.#readShard(code, shard);
    if (own instanceof RpcError) return own;
    const granted = voucher.granted[shard] as number;
    if (rightsIn({ ...contentOf(own), granted }) > 0) return { granted };
    const pool = voucher.limit - sum(voucher.granted) + sum(voucher.returned);
    if (pool > 0) {
      const problem = await this.#grant(code, shard, Math.ceil(pool / voucher.granted.length));
      return problem ?? this.#tryOnce(code, shard, greedy);
    }
    return this.#redistribute(code, shard, voucher, greedy);
  }

  /** Takes up to `count` rights out of the pool; undefined when that is done, or somebody else was faster. */
  async #grant(code: string, shard: number, count: number): Promise<RpcError | undefined> {
    let before: number | undefined;
    return problemOf(
      await this.#store.vouchers.update(voucherKey(code), (voucher) => {
        if (voucher === undefined) throw RpcError.of('key-does-not-exist', `there is no voucher ${code}`);
        const own = voucher.granted[shard] as number;
        before ??= own;
        const pool = voucher.limit - sum(voucher.granted) + sum(voucher.returned);
        // More than before: by this update, whose answer was lost, or by another one. Either will do.
        if (own > before || pool <= 0) return undefined;
        return { ...voucher, granted: voucher.granted.with(shard, own + Math.min(count, pool)) };
      }),
    );
  }

  /** Brings to a shard what it was granted and nobody has used: from there others can have it. */
  async #receive(code: string, shard: number, voucher: VoucherRecord): Promise<RpcError | undefined> {
    const granted = voucher.granted[shard] as number;
    return problemOf(
      await this.#store.shards.update(shardKey(code, shard), (content) => {
        const own = contentOf({ content });
        return own.granted >= granted ? (content === undefined ? own : undefined) : { ...own, granted };
      }),
    );
  }

  /**
   * All rights are in shards, or on their way: finds out whether all are used, and if not, frees half of what the
   * richest shard can spare.
   */
  async #redistribute(
    code: string,
    shard: number,
    voucher: VoucherRecord,
    greedy: boolean,
  ): Promise<RightsResult | undefined> {
    const shards: ShardRecord[] = [];
    const reads = await Promise.all(voucher.granted.map((_, index) => this.#readShard(code, index)));
    for (const read of reads) {
      if (read instanceof RpcError) return read;
      shards.push(contentOf(read));
    }
    // None of these numbers falls, so they need not be of one moment.
    if (sum(shards.map(({ used }) => used)) === voucher.limit) return this.#close(code);
    const back = shards.findIndex(({ returned }, index) => returned > (voucher.returned[index] as number));
    if (back >= 0) return this.#take(code, back, (shards[back] as ShardRecord).returned);
    const spare = shards.map((content, index) => (index === shard ? 0 : rightsIn(content)));
    const donor = spare.indexOf(Math.max(...spare));
    const count = Math.ceil((spare[donor] as number) / 2);
    if (count > 0) return this.#free(code, donor, shards[donor] as ShardRecord, count);
    const late = shards.findIndex(({ granted }, index) => granted < (voucher.granted[index] as number));
    return late >= 0 && greedy ? this.#receive(code, late, voucher) : undefined;
  }

  /** Lets a shard give rights back. */
  async #free(code: string, shard: number, seen: ShardRecord, count: number): Promise<RpcError | undefined> {
    const returned = seen.returned + count;
    return problemOf(
      await this.#store.shards.update(shardKey(code, shard), (content) => {
        // Given back meanwhile, by whomever, or used.
        if (content === undefined || content.returned !== seen.returned || rightsIn(content) < count)
          return content === undefined ? contentOf({ content }) : undefined;
        return { ...content, returned };
      }),
    );
  }

  /** Takes what a shard gave back into the pool. */
  async #take(code: string, shard: number, returned: number): Promise<RpcError | undefined> {
    return problemOf(
      await this.#store.vouchers.update(voucherKey(code), (voucher) => {
        if (voucher === undefined) throw RpcError.of('key-does-not-exist', `there is no voucher ${code}`);
        if ((voucher.returned[shard] as number) >= returned) return undefined;
        return { ...voucher, returned: voucher.returned.with(shard, returned) };
      }),
    );
  }

  async #close(code: string): Promise<RightsResult> {
    await this.#store.vouchers.update(voucherKey(code), (voucher) => {
      if (voucher === undefined) throw RpcError.of('key-does-not-exist', `there is no voucher ${code}`);
      return voucher.sold_out ? undefined : { ...voucher, sold_out: true };
    });
    // It is so, whether it could be written down or not.
    return 'sold-out';
  }

  async #readShard(code: string, shard: number): Promise<Stored<ShardRecord> | RpcError> {
    const read = await this.#store.shards.read(shardKey(code, shard));
    return read.kind === 'ok' ? read.stored : read.error;
  }
}

function problemOf(result: UpdateResult<object>): RpcError | undefined {
  // Moving rights harms nobody, done or not: who waits for them may simply try again.
  return result.kind === 'ok' ? undefined : RpcError.of('temporarily-unavailable', result.error.message);
}

export function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
