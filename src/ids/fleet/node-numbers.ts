/**
 * Finds a free node number.
 *
 * A number is free in four cases: it was never used, it was returned, an earlier life of the same node had it, or its
 * record has not moved for the lease time. The last is measured by the claimant's own monotonic clock, from the end of
 * one reading to the beginning of another. That clock may be wrong, and a paused holder may wake up. Then two nodes
 * believe to hold the number, and still use disjoint timestamps (see `lease.ts`). Leases give efficiency, ranges give
 * safety. A lease as in Gray and Cheriton (1989) needs correct clocks; this does not.
 *
 * Every node searches the numbers in its own order, so that many new nodes do not all want the same one.
 */

import type { Documents, ReadResult, Stored } from '../../kv/documents.ts';
import type { NodeContext } from '../../node/context.ts';
import { RpcError } from '../../protocol/errors.ts';
import { Lease } from './lease.ts';
import { identityOf, type NumberRecord, numberKey } from './number-record.ts';
import { searchOrder } from './search-order.ts';

const READS_MAX = 64;

export interface NodeNumbersOptions {
  readonly context: NodeContext;
  readonly records: Documents<NumberRecord>;
  /** The number of node numbers, counted from 0. */
  readonly count: number;
  readonly leaseMs: number;
  /** How many records are read side by side: first one, then twice as many each time, up to this. Default: 64. */
  readonly readsMax?: number | undefined;
  /** Whether the ids of a number can go on from its bound at the node's current time. */
  readonly canContinue: (until: number | null) => boolean;
}

type Held = Stored<NumberRecord> & { readonly content: NumberRecord };

/** `held`: no number is free. `silent`: the store did not answer for all of them. */
export type ClaimResult = Lease | 'held' | 'silent';

interface Sighting {
  readonly ver: number;
  /** When this version was first read, by the monotonic clock. */
  readonly readAtMs: number;
}

export class NodeNumbers {
  readonly #context: NodeContext;
  readonly #records: Documents<NumberRecord>;
  readonly #leaseMs: number;
  readonly #readsMax: number;
  readonly #canContinue: NodeNumbersOptions['canContinue'];
  readonly #order: readonly number[];
  readonly #sightings = new Map<number, Sighting>();

  constructor({ context, records, count, leaseMs, readsMax = READS_MAX, canContinue }: NodeNumbersOptions) {
    this.#context = context;
    this.#records = records;
    this.#leaseMs = leaseMs;
    this.#readsMax = readsMax;
    this.#canContinue = canContinue;
    this.#order = searchOrder(context, count);
  }

  /**
   * Searches the numbers once.
   *
   * @param holder the name of this claim. It stays the same until the claim succeeds, so that a claim whose reply was
   *   lost is found again.
   * @param reclaims whether a number of the same identity is left from an earlier life. False for a node that lost its
   *   number: the new holder is alive.
   */
  async claim(holder: string, reclaims: boolean): Promise<ClaimResult> {
    let result: ClaimResult = 'held';
    let readCount = 1;
    for (
      let first = 0;
      first < this.#order.length;
      first += readCount, readCount = Math.min(readCount * 2, this.#readsMax)
    ) {
      const numbers = this.#order.slice(first, first + readCount);
      const beganAtMs = this.#context.clock.monotonicMs();
      const reads = await Promise.all(numbers.map((number) => this.#records.read(numberKey(number))));
      for (const [index, number] of numbers.entries()) {
        const read = reads[index] as ReadResult<NumberRecord>;
        if (read.kind !== 'ok') result = 'silent';
        else if (this.#canBeHad(number, read.stored, holder, reclaims, beganAtMs)) {
          const lease = await this.#take(number, read.stored, holder);
          if (lease !== undefined) return lease;
        }
      }
      // If no read succeeds, the store is not asked about a thousand more.
      if (reads.every(({ kind }) => kind !== 'ok')) break;
    }
    return result;
  }

  #canBeHad(
    number: number,
    { ver, content }: Stored<NumberRecord>,
    holder: string,
    reclaims: boolean,
    beganAtMs: number,
  ): boolean {
    if (content !== undefined && !this.#canContinue(content.until)) return false;
    if (content === undefined || content.holder === null || content.holder === holder) return true;
    if (reclaims && identityOf(content.holder) === identityOf(holder)) return true;
    const sighting = this.#sightings.get(number);
    if (sighting?.ver === ver) return beganAtMs - sighting.readAtMs >= this.#leaseMs;
    this.#sightings.set(number, { ver, readAtMs: this.#context.clock.monotonicMs() });
    return false;
  }

  /** Becomes the holder of a number, if its record has not changed since it was seen. */
  async #take(number: number, seen: Stored<NumberRecord>, holder: string): Promise<Lease | undefined> {
    const until = seen.content?.until ?? null;
    const result = await this.#records.update(
      numberKey(number),
      (content) => {
        if (content?.holder === holder) return undefined;
        // Otherwise there is another holder, or the same one has moved on: it is alive.
        const untouched = content?.holder === seen.content?.holder && (content?.until ?? null) === until;
        if (!untouched) throw RpcError.of('precondition-failed', `node number ${number} was taken by another holder`);
        return { holder, until };
      },
      seen,
    );
    return result.kind === 'ok' ? new Lease(this.#records, number, holder, result.stored as Held) : undefined;
  }
}
