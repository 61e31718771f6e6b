/**
 * Ids for a node of a fleet. A node number is claimed in the store, kept as long as the node lives, and replaced if it
 * is lost.
 *
 * The lease is renewed three times within its time. While the store is away, ids go on as long as the reserved range
 * lasts. That is longer than the lease, and the next holder uses timestamps above that range. After it, and before the
 * first number, requests are answered 11. A node that has lost its number goes on in the rest of its range while it
 * looks for another one. Its ids keep ascending.
 */

import type { LinearizableStore } from '../../kv/store.ts';
import { Abort } from '../../node/abort.ts';
import type { Figures, NodeContext } from '../../node/context.ts';
import { RpcError } from '../../protocol/errors.ts';
import type { TextList } from '../../protocol/text-list.ts';
import { formatTimestamp } from '../../protocol/timestamp.ts';
import { canGoOnFrom } from '../anchored-clock.ts';
import { IdGenerator, type IdGeneratorOptions } from '../id-generator.ts';
import type { IdKind, IdSource } from '../id-source.ts';
import { NODE_MAX } from '../snowflake.ts';
import { Lease } from './lease.ts';
import { NodeNumbers } from './node-numbers.ts';
import { newHolder, numberRecords } from './number-record.ts';

export const LEASE_MS_DEFAULT = 30_000;
/**
 * How far ahead timestamps are reserved in a store. Longer than the lease, so that a range outlasts the time it takes
 * to notice that the store is away.
 */
export const STORED_WINDOW_MS_DEFAULT = 60_000;

/** Renewals of a lease within its time. */
const RENEWALS = 3;
/** How long a start waits for a number before the node serves without one, ms. Harnesses wait 10 s for a node. */
const START_MS_MAX = 5000;
/**
 * Searches of the records within the time of a lease, while there is no number. So an expired lease is noticed soon.
 */
const SEARCHES = 4;
/** Longest pause before a retry after a timeout of the store, ms. */
const RETRY_MS_MAX = 1000;

export interface LeaseOptions {
  /** A number without a sign of life for so long may be taken over. */
  readonly leaseMs?: number;
  /** The number of node numbers, counted from 0. Default: as many as the format has. */
  readonly numberCount?: number;
  /** The identity that holds a number. A number it held before is taken back at once. Default: the node's id. */
  readonly identity?: string;
  /**
   * How far the bound of a number may be ahead of the wall clock when it is claimed, ms. Default: as far as clocks are
   * believed (`maxSkewMs`). Restores need it (`restored-numbers.ts`).
   */
  readonly aheadMsMax?: number | undefined;
  /** How many records of numbers are read side by side at most. Default: 64. Only simulations set it. */
  readonly readsMax?: number | undefined;
}

type GeneratorLimits = Pick<IdGeneratorOptions, 'leadMsMax' | 'maxSkewMs' | 'windowMs'>;

export class LeasedIds implements IdSource {
  readonly #context: NodeContext;
  readonly #storeName: string;
  readonly #limits: GeneratorLimits;
  readonly #leaseMs: number;
  readonly #numberCount: number;
  readonly #identity: string;
  readonly #retryMs: number;
  readonly #numbers: NodeNumbers;
  readonly #aheadMsMax: number;
  /** When the first number that was too far ahead can be had, unix ms. */
  #soonestMs = Number.POSITIVE_INFINITY;
  /** Makes the ids, with the number held now or held last. */
  #generator: IdGenerator | undefined;
  #lease: Lease | undefined;
  /** Why there is no number, or none that will last; undefined while one is held. */
  #trouble: string | undefined = 'no node number was found yet';
  #leaseCount = 0;
  #lostCount = 0;
  /** Figures of the earlier generators. */
  readonly #earlier: Record<string, number> = {};

  /** Resolves with the first number, or without one if that takes longer than a start should. Never rejects. */
  static async start(
    context: NodeContext,
    kv: LinearizableStore,
    options: LeaseOptions,
    limits: GeneratorLimits,
  ): Promise<LeasedIds> {
    const ids = new LeasedIds(context, kv, options, limits);
    const found = new Abort();
    void ids.#keepNumber(() => found.abort());
    await context.sleep(START_MS_MAX, found);
    return ids;
  }

  private constructor(context: NodeContext, kv: LinearizableStore, options: LeaseOptions, limits: GeneratorLimits) {
    const { leaseMs = LEASE_MS_DEFAULT, numberCount = NODE_MAX + 1, identity = context.nodeId } = options;
    const { windowMs = STORED_WINDOW_MS_DEFAULT } = limits;
    this.#context = context;
    this.#storeName = kv.name;
    this.#limits = { ...limits, windowMs };
    this.#leaseMs = leaseMs;
    this.#numberCount = numberCount;
    this.#identity = identity;
    this.#aheadMsMax = options.aheadMsMax ?? Number.POSITIVE_INFINITY;
    this.#retryMs = Math.min(leaseMs / SEARCHES, RETRY_MS_MAX);
    this.#numbers = new NodeNumbers({
      context,
      records: numberRecords(context, kv),
      count: numberCount,
      leaseMs,
      readsMax: options.readsMax,
      canContinue: (until) => until === null || this.#canGoOnFrom(until),
    });
    context.diagnose('node number', () => this.#trouble);
    context.onStop(() => this.#lease?.release());
  }

  next(): string | undefined {
    return this.#requireGenerator().next();
  }

  nextUuid(): string | undefined {
    return this.#requireGenerator().nextUuid();
  }

  nextBatch(count: number, kind: IdKind): TextList | undefined {
    return this.#requireGenerator().nextBatch(count, kind);
  }

  async nextReserved(): Promise<string> {
    return this.#requireGenerator().nextReserved();
  }

  async nextUuidReserved(): Promise<string> {
    return this.#requireGenerator().nextUuidReserved();
  }

  async nextBatchReserved(count: number, kind: IdKind): Promise<TextList> {
    return this.#requireGenerator().nextBatchReserved(count, kind);
  }

  figures(): Figures {
    const current: Figures = this.#generator?.figures() ?? {};
    const all: Record<string, number> = { ...current };
    for (const name of SUMMED) all[name] = (this.#earlier[name] ?? 0) + (current[name] ?? 0);
    return { ...all, node_number: this.#lease?.number ?? -1, leases: this.#leaseCount, leases_lost: this.#lostCount };
  }

  /** Holds a number for the life of the node. */
  async #keepNumber(onFirst: () => void): Promise<void> {
    // At the start, a number of this identity is left from an earlier life. Later it belongs to a live node.
    let reclaims = true;
    for (;;) {
      const lease = await this.#claim(reclaims);
      if (lease === undefined) return;
      // From here on it is returned when the node ends.
      this.#lease = lease;
      const generator = await this.#startGenerator(lease);
      if (generator !== undefined) {
        this.#begin(generator);
        reclaims = false;
        onFirst();
        if (!(await this.#renewUntilLost(lease, generator))) return;
      }
    }
  }

  /** Searches until a number is found; undefined: the node stops. */
  async #claim(reclaims: boolean): Promise<Lease | undefined> {
    const holder = newHolder(this.#identity, this.#context.randomUint32);
    for (;;) {
      this.#soonestMs = Number.POSITIVE_INFINITY;
      const result = await this.#numbers.claim(holder, reclaims);
      if (result instanceof Lease) return result;
      this.#setTrouble(
        result === 'held' ? this.#allHeldText() : `${this.#storeName} does not tell which node numbers are free`,
      );
      // If all are held, nothing is free before a lease expires. A silent store may be back at any time.
      const soonestMs = Math.max(0, this.#soonestMs - this.#context.clock.wallMs());
      const pauseMs = Math.min(result === 'held' ? this.#leaseMs / SEARCHES : this.#retryMs, soonestMs);
      if (!(await this.#context.sleep(pauseMs))) return undefined;
    }
  }

  #canGoOnFrom(until: number): boolean {
    const nowMs = this.#context.clock.wallMs();
    const fromMs = until - this.#aheadMsMax;
    if (fromMs > nowMs) this.#soonestMs = Math.min(this.#soonestMs, fromMs);
    return fromMs <= nowMs && canGoOnFrom(until, nowMs, this.#limits.maxSkewMs);
  }

  /** Undefined if this number cannot be used; then it is returned. */
  async #startGenerator(lease: Lease): Promise<IdGenerator | undefined> {
    const { clock, randomUint32, log, sleep } = this.#context;
    const lastMs = this.#generator?.lastTimestampMs;
    for (;;) {
      try {
        return await IdGenerator.start({
          node: lease.number,
          clock,
          random: randomUint32,
          reservation: lease,
          warn: (text) => log.warn(text),
          ...(lastMs !== undefined && { floorMs: lastMs + 1 }),
          ...this.#limits,
        });
      } catch (error) {
        this.#setTrouble(`node number ${lease.number} cannot be used: ${describe(error)}`);
        if (!(error instanceof RpcError && error.temporary)) {
          this.#lease = undefined;
          lease.release();
          await sleep(this.#retryMs);
          return undefined;
        }
        if (!(await sleep(this.#retryMs))) return undefined;
      }
    }
  }

  /** True when another holder has the number, false when the node stops. */
  async #renewUntilLost(lease: Lease, generator: IdGenerator): Promise<boolean> {
    for (;;) {
      if (!(await this.#context.sleep(this.#leaseMs / RENEWALS))) return false;
      try {
        await generator.extend();
        this.#trouble = undefined;
      } catch (error) {
        this.#setTrouble(`the lease of node number ${lease.number} was not renewed: ${describe(error)}`);
      }
      if (lease.lost) {
        this.#lostCount++;
        this.#lease = undefined;
        return true;
      }
    }
  }

  #begin(generator: IdGenerator): void {
    const last: Figures = this.#generator?.figures() ?? {};
    for (const name of SUMMED) this.#earlier[name] = (this.#earlier[name] ?? 0) + (last[name] ?? 0);
    // The previous generator went on while this one started.
    if (this.#generator !== undefined) generator.passOver(this.#generator.lastTimestampMs);
    this.#generator = generator;
    this.#leaseCount++;
    this.#trouble = undefined;
    this.#context.log.info(`this node holds node number ${this.#lease?.number}`);
  }

  #requireGenerator(): IdGenerator {
    if (this.#generator === undefined) throw RpcError.of('temporarily-unavailable', `no ids: ${this.#trouble}`);
    return this.#generator;
  }

  #setTrouble(text: string): void {
    if (text !== this.#trouble) this.#context.log.warn(text);
    this.#trouble = text;
  }

  #allHeldText(): string {
    if (this.#soonestMs < Number.POSITIVE_INFINITY)
      return (
        `no node number is free whose ids are at most ${this.#aheadMsMax / 1000} s ahead of the clock; the first ` +
        `will be at ${formatTimestamp(this.#soonestMs)}. That is so for a while after a restore`
      );
    return (
      `all ${this.#numberCount} node numbers are held; one whose holder is not heard of for ` +
      `${this.#leaseMs / 1000} s is taken over`
    );
  }
}

/** Figures that are summed over all generators. */
const SUMMED = ['issued', 'borrowed_ms', 'reservations', 'reservations_lost'] as const;

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
