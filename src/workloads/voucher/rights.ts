/**
 * Rights to redeem, and how they get to the shard that needs them. It is escrow (O'Neil 1986). The limit is split over
 * the shards once. A shard that has used up its part gets rights from the voucher's pool, or spare ones of another
 * shard.
 *
 * Why the limit holds. A shard uses no more than it was granted and has not returned. The voucher grants no more than
 * its limit and what came back. No counter ever falls. So acting on an old version, or twice, shows too few rights and
 * never too many.
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

/** Longest pause between two looks at a voucher whose rights are all in transit, ms. */
const PAUSE_MS = 50;
/**
 * For so many looks, rights in transit are left to the shard they were granted to: a request there is about to use
 * them.
 */
const POLITE_LOOKS = 10;
/** And no longer than this part of a search, which on a slow network ends before so many looks. */
const POLITE_PART = 1 / 2;

/**
 * Granted: all rights that the voucher says this shard was given so far. The pivot that uses them brings those that
 * have not arrived.
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
   * Looks for rights for a shard that has none. The caller uses them, or they stay where they are found. An error means
   * that nothing was found in time: retry.
   */
  async acquire(code: string, shard: number): Promise<RightsResult> {
    const { clock } = this.#context;
    const searchMs = this.#store.timings.stepMs;
    const startMs = clock.monotonicMs();
    const passedMs = () => clock.monotonicMs() - startMs;
    for (let look = 0; ; look++) {
      const result = await this.#tryOnce(code, shard, look >= POLITE_LOOKS || passedMs() >= searchMs * POLITE_PART);
      if (result !== undefined) return result;
      if (passedMs() >= searchMs || !(await pauseUpTo(this.#context, PAUSE_MS)))
        return RpcError.of('temporarily-unavailable', `the last rights of ${code} are on their way between its shards`);
    }
  }

  /** Undefined: something has moved, so look again. */
  async #tryOnce(code: string, shard: number, greedy: boolean): Promise<RightsResult | undefined> {
    const read = await this.#store.vouchers.read(voucherKey(code));
    if (read.kind !== 'ok') return read.error;
    const { content: voucher } = read.stored;
    if (voucher === undefined) return missing(code);
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

  /** Takes up to `count` rights out of the pool. Undefined if that is done, or if another node was faster. */
  async #grant(code: string, shard: number, count: number): Promise<RpcError | undefined> {
    let before: number | undefined;
    return this.#changeVoucher(code, (voucher) => {
      const own = voucher.granted[shard] as number;
      before ??= own;
      const pool = voucher.limit - sum(voucher.granted) + sum(voucher.returned);
      // More than before: by this update whose reply was lost, or by another one. Either is fine.
      if (own > before || pool <= 0) return undefined;
      return { ...voucher, granted: voucher.granted.with(shard, own + Math.min(count, pool)) };
    });
  }

  /** Brings unused granted rights to their shard. Other shards can get them from there. */
  async #receive(code: string, shard: number, voucher: VoucherRecord): Promise<RpcError | undefined> {
    const granted = voucher.granted[shard] as number;
    return problemOf(
      await this.#store.shards.update(shardKey(code, shard), (content) => {
        const own = contentOf({ content });
        return own.granted >= granted ? undefined : { ...own, granted };
      }),
    );
  }

  /**
   * All rights are in shards or in transit. Finds out whether all are used. If not, frees half of the spare rights of
   * the richest shard.
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
    // None of these numbers falls, so they need not be read at one moment.
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

  /** Makes a shard return rights. */
  async #free(code: string, shard: number, seen: ShardRecord, count: number): Promise<RpcError | undefined> {
    const returned = seen.returned + count;
    return problemOf(
      await this.#store.shards.update(shardKey(code, shard), (content) => {
        const own = contentOf({ content });
        // Returned meanwhile, by any node, or used.
        return own.returned !== seen.returned || rightsIn(own) < count ? undefined : { ...own, returned };
      }),
    );
  }

  /** Takes what a shard returned into the pool. */
  async #take(code: string, shard: number, returned: number): Promise<RpcError | undefined> {
    return this.#changeVoucher(code, (voucher) =>
      (voucher.returned[shard] as number) >= returned
        ? undefined
        : { ...voucher, returned: voucher.returned.with(shard, returned) },
    );
  }

  async #close(code: string): Promise<RightsResult> {
    await this.#changeVoucher(code, (voucher) => (voucher.sold_out ? undefined : { ...voucher, sold_out: true }));
    // It is sold out, even if that could not be written.
    return 'sold-out';
  }

  /** Undefined if there is nothing to change, or it is done. */
  async #changeVoucher(
    code: string,
    change: (voucher: VoucherRecord) => VoucherRecord | undefined,
  ): Promise<RpcError | undefined> {
    return problemOf(
      await this.#store.vouchers.update(voucherKey(code), (voucher) => {
        if (voucher === undefined) throw missing(code);
        return change(voucher);
      }),
    );
  }

  async #readShard(code: string, shard: number): Promise<Stored<ShardRecord> | RpcError> {
    const read = await this.#store.shards.read(shardKey(code, shard));
    return read.kind === 'ok' ? read.stored : read.error;
  }
}

function missing(code: string): RpcError {
  return RpcError.of('key-does-not-exist', `there is no voucher ${code}`);
}

function problemOf(result: UpdateResult<object>): RpcError | undefined {
  // Moving rights is harmless, done or not: the waiting request may simply retry.
  return result.kind === 'ok' ? undefined : RpcError.of('temporarily-unavailable', result.error.message);
}

export function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
