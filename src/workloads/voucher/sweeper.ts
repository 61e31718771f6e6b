/**
 * Finishes what any node left unfinished. It is told which index to look at (`kv/members.ts`), and looks into the
 * shards that it lists. A redemption that has been in a shard for a while, by this node's clock, is credited, reported
 * and removed. All of that may be done twice, so it does not matter whether the other node is dead or slow.
 */

import type { Held, MemberIndex, Sign } from '../../kv/members.ts';
import type { NodeContext } from '../../node/context.ts';
import { contentOf, INDEX_NAME, type IndexRecord, indexKey, shardKey, type VoucherStore } from './records.ts';
import type { ShardDesk } from './shard-desk.ts';
import type { Unfinished } from './unfinished.ts';

/** A shard that was not used for so long is removed from the index, ms. */
const IDLE_MS = 5000;

export interface SweeperOptions {
  readonly context: Pick<NodeContext, 'clock' | 'sleep'>;
  readonly store: VoucherStore;
  /** The index of this node itself. */
  readonly index: Pick<Unfinished, 'list'>;
  /** The desk of a shard; undefined if there is no such voucher, or the store gives no answer. */
  readonly deskOf: (code: string, shard: number) => Promise<ShardDesk | undefined>;
  /** Removes a shard from the index that this node has not used for a while. */
  readonly leave: (code: string, shard: number) => Promise<void>;
  /** Removes a shard from the index of a member that seems dead, when nothing of it is left there. */
  readonly takeAway: (member: string, code: string, shard: number) => Promise<void>;
  /** Closes the index of another member, if it is empty. */
  readonly close: (member: string) => Promise<boolean>;
  /** Frees memory of shards that were not used for so long, ms, but for those in the index of this node. */
  readonly prune: (idleMs: number, listed: ReadonlySet<string>) => void;
}

/** Called for a shard in which nothing is left. */
type OnEmpty = (code: string, shard: number) => Promise<void>;

export class Sweeper implements MemberIndex {
  readonly name = INDEX_NAME;
  readonly #options: SweeperOptions;
  /** Keys of the shards that are being looked into. */
  readonly #watched = new Set<string>();
  /** Shards that are being taken away from a member, by both names. */
  readonly #leaving = new Set<string>();

  constructor(options: SweeperOptions) {
    this.#options = options;
  }

  async sweepOwn(): Promise<boolean> {
    const { index, deskOf, leave, prune } = this.#options;
    const shards = await index.list();
    this.#watch(shards, async (code, shard) => {
      if (((await deskOf(code, shard))?.idleMs ?? 0) >= IDLE_MS) await leave(code, shard);
    });
    if (shards === undefined) return true;
    prune(IDLE_MS, new Set(shards.map(([code, shard]) => shardKey(code, shard))));
    return shards.length > 0;
  }

  async sweep(member: string, sign: Sign): Promise<Held> {
    const read = await this.#options.store.indices.read(indexKey(member));
    if (read.kind !== 'ok') return undefined;
    const shards = read.stored.content?.shards ?? [];
    this.#watch(shards);
    if (sign === 'lapsed') for (const [code, shard] of shards) void this.#takeAway(member, code, shard);
    return shards.length > 0 ? 'something' : 'nothing';
  }

  close(member: string): Promise<boolean> {
    return this.#options.close(member);
  }

  async #takeAway(member: string, code: string, shard: number): Promise<void> {
    const name = JSON.stringify([member, code, shard]);
    if (this.#leaving.has(name)) return;
    this.#leaving.add(name);
    await this.#options.takeAway(member, code, shard);
    this.#leaving.delete(name);
  }

  #watch(shards: IndexRecord['shards'] = [], onEmpty: OnEmpty = async () => {}): void {
    for (const [code, shard] of shards) {
      const key = shardKey(code, shard);
      if (this.#watched.has(key)) continue;
      this.#watched.add(key);
      void this.#look(key, code, shard, onEmpty).finally(() => this.#watched.delete(key));
    }
  }

  /**
   * Looks again and again, as long as something in it does not move. A reading for which the store took long does not
   * count: meanwhile no node could move anything.
   */
  async #look(key: string, code: string, shard: number, onEmpty: OnEmpty): Promise<void> {
    const { context, store, deskOf } = this.#options;
    let seen: ReadonlySet<number> | undefined;
    for (;;) {
      const beganMs = context.clock.monotonicMs();
      const read = await store.shards.read(key);
      if (read.kind !== 'ok') return;
      const { pending } = contentOf(read.stored);
      if (pending.length === 0) return seen === undefined ? onEmpty(code, shard) : undefined;
      if (seen !== undefined && context.clock.monotonicMs() - beganMs < store.timings.requestMs) {
        const before = seen;
        const stale = pending.filter(([, , place]) => before.has(place));
        const desk = stale.length > 0 ? await deskOf(code, shard) : undefined;
        if (desk === undefined) return;
        desk.finish(stale);
      }
      seen = new Set(pending.map(([, , place]) => place));
      if (!(await context.sleep(store.timings.staleMs))) return;
    }
  }
}
