/**
 * Finishes what any node left unfinished. Again and again a node looks into the shards that all nodes have listed. A
 * redemption that has been in a shard for a while, by this node's clock, is credited, reported and removed. All of that
 * may be done twice, so it does not matter whether the other node is dead or slow.
 */

import { Sightings, Sweep } from '../../kv/sweep.ts';
import type { NodeContext } from '../../node/context.ts';
import { contentOf, indexKey, type Pending, shardKey, type VoucherStore } from './records.ts';
import type { ShardDesk } from './shard-desk.ts';

/** Average time between two sweeps, ms. */
const SWEEP_MS = 1000;
/** A redemption that has been in a shard for so long counts as abandoned, ms. */
const STALE_MS = 1000;
/** A shard that was not used for so long is removed from the index, ms. */
const IDLE_MS = 5000;

export interface SweeperOptions {
  readonly context: NodeContext;
  readonly store: VoucherStore;
  /** The desk of a shard; undefined if there is no such voucher, or the store gives no answer. */
  readonly deskOf: (code: string, shard: number) => Promise<ShardDesk | undefined>;
  /** Removes a shard from the index that this node has not used for a while. */
  readonly leave: (code: string, shard: number) => Promise<void>;
  /** Frees memory of shards that were not used for so long, ms. */
  readonly prune: (idleMs: number) => void;
}

export class Sweeper {
  readonly #options: SweeperOptions;
  readonly #sweeps: Sweep;
  /** When something unfinished was first seen, by the monotonic clock. */
  readonly #seenMs = new Sightings<number>();

  constructor(options: SweeperOptions) {
    this.#options = options;
    this.#sweeps = new Sweep({ context: options.context, intervalMs: SWEEP_MS, sweep: () => this.#sweep() });
  }

  /** Sweeps from now on. A node that has never handled a voucher does not sweep. */
  start(): void {
    this.#sweeps.start();
  }

  async #sweep(): Promise<void> {
    const { context, store, prune } = this.#options;
    const shards = new Map<string, readonly [code: string, shard: number, own: boolean]>();
    for (const nodeId of context.nodeIds) {
      const read = await store.indices.read(indexKey(nodeId));
      if (read.kind !== 'ok') continue;
      const own = nodeId === context.nodeId;
      for (const [code, shard] of read.stored.content?.shards ?? []) {
        const key = shardKey(code, shard);
        shards.set(key, [code, shard, own || (shards.get(key)?.[2] ?? false)]);
      }
    }
    for (const [key, [code, shard, own]] of shards) await this.#sweepShard(key, code, shard, own);
    this.#seenMs.turn();
    prune(IDLE_MS);
  }

  async #sweepShard(key: string, code: string, shard: number, own: boolean): Promise<void> {
    const { context, store, deskOf, leave } = this.#options;
    const read = await store.shards.read(key);
    if (read.kind !== 'ok') return;
    const { pending } = contentOf(read.stored);
    const nowMs = context.clock.monotonicMs();
    const stale: Pending[] = [];
    for (const redemption of pending) {
      const name = `${key}/${redemption[2]}`;
      const firstMs = this.#seenMs.of(name) ?? nowMs;
      this.#seenMs.note(name, firstMs);
      if (nowMs - firstMs >= STALE_MS) stale.push(redemption);
    }
    if (stale.length > 0) (await deskOf(code, shard))?.finish(stale);
    else if (own && pending.length === 0 && ((await deskOf(code, shard))?.idleMs ?? 0) >= IDLE_MS)
      await leave(code, shard);
  }
}
