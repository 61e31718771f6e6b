/**
 * What is kept of erased accounts, so that a late copy of an old request does nothing twice: `erased/<hash>` has the
 * marks of what their requests did. The hash is the keyed hash of the name (`kv/personal-key.ts`), and request ids are
 * hashed as well. No name is in it.
 *
 * It is written before anything is removed, and it only grows. So a node that finds no account, and reads this AFTER
 * that, knows all that accounts of this name have ever done. What may create an account must do so, and create it soon:
 * an account is removed only when it has been empty for a grace (`erasure.ts`).
 *
 * Where nothing was ever erased this costs a redemption nothing. The document `erasures` is there before the first
 * erasure begins. A node that has not found it knows for half a grace that no account was removed since.
 */

import * as z from 'zod';
import { Documents, NOTHING_STORED, readOrThrow } from '../../kv/documents.ts';
import { GRACE_MS } from '../../kv/horizon.ts';
import { type Moment, momentOf, passedMs } from '../../kv/passed.ts';
import type { LinearizableStore, StoreEngine } from '../../kv/store.ts';
import { Sweep } from '../../kv/sweep.ts';
import type { NodeContext } from '../../node/context.ts';
import type { PersonalHash } from '../../protocol/personal-hash.ts';
import type { Account } from '../saga/accounts.ts';

/** What erasing needs of a node. All nodes of a store must have it, with the same hash. */
export interface ErasurePorts {
  readonly engine: StoreEngine;
  readonly hash: PersonalHash;
  /** From the erasure of an account to the removal of its key, ms. Default: that of what ends (`kv/horizon.ts`). */
  readonly graceMs?: number | undefined;
}

const ErasedRecord = z.object({
  /**
   * How many accounts of this name were erased, or are being erased. Invariant: not fewer than the requests here and in
   * any document of such an account. Nodes tell by it whether what they have read is new enough.
   */
  times: z.int().min(1),
  /** Request ids of the erasures, and of the openings. */
  requests: z.array(z.string()),
  openings: z.array(z.string()),
  /** Code, request id, number of the redemption. */
  redeemed: z.array(z.tuple([z.string(), z.string(), z.int().min(1)])),
  /**
   * What each of the accounts was opened with, and what vouchers credited to it. It was empty at the end: transfers
   * have moved all of it to others. So the sum of all accounts can still be explained.
   */
  brought: z.array(z.int().min(0)),
});
export type ErasedRecord = z.infer<typeof ErasedRecord>;

const ANY_KEY = 'erasures';
const AnyRecord = z.object({ begun: z.literal(true) });
/** Looks at {@link ANY_KEY} in the time of a grace. */
const LOOKS = 16;

const NOTHING: Omit<ErasedRecord, 'times'> = { requests: [], openings: [], redeemed: [], brought: [] };

type ErasedContext = Pick<NodeContext, 'clock' | 'sleep' | 'randomUint32'>;

export class ErasedAccounts {
  readonly hash: PersonalHash;
  readonly #context: ErasedContext;
  readonly #graceMs: number;
  readonly #documents: Documents<ErasedRecord>;
  readonly #any: Documents<z.infer<typeof AnyRecord>>;
  /** When it was last found that nothing was ever erased; undefined: never, or something was since. */
  #noneAt: Moment | undefined;
  #isAnnounced = false;

  constructor(context: ErasedContext, kv: LinearizableStore, { hash, graceMs = GRACE_MS }: ErasurePorts) {
    this.hash = hash;
    this.#context = context;
    this.#graceMs = graceMs;
    this.#documents = new Documents({ kv, context, name: 'record of erased accounts', schema: ErasedRecord });
    this.#any = new Documents({ kv, context, name: 'note that accounts were erased', schema: AnyRecord });
  }

  /** From now on looks whether anything was ever erased, until something was or the node stops. */
  start(): void {
    new Sweep({ context: this.#context, intervalMs: this.#graceMs / LOOKS, tick: () => this.#look() }).start();
    void this.#look();
  }

  /** Call it before anything is erased. Rejects if that is not proven to be written down. */
  async announce(): Promise<void> {
    if (this.#isAnnounced) return;
    const result = await this.#any.update(ANY_KEY, (note) => (note === undefined ? { begun: true } : undefined));
    if (result.kind !== 'ok') throw result.error;
    this.#note();
  }

  /** The same as {@link read} for an account that was not found just now. */
  async readMissing(account: string): Promise<ErasedRecord | undefined> {
    const isNone = this.#noneAt !== undefined && passedMs(this.#context.clock, this.#noneAt) < this.#graceMs / 2;
    return isNone ? undefined : this.read(account);
  }

  /** Undefined: no account of this name was ever erased. Rejects with error 11. */
  async read(account: string): Promise<ErasedRecord | undefined> {
    return (await readOrThrow(this.#documents, this.#keyOf(account))).content;
  }

  /**
   * Writes down what an account did that is about to be erased. Resolves to all that is written down. Rejects if that
   * is not proven.
   */
  async add(account: string, { erased = [], erasing, opener, opened, entries = [] }: Account): Promise<ErasedRecord> {
    const brought = entries.reduce((sum, [, , , credited]) => sum + credited, opened);
    return this.#change(account, (record = { times: 1, ...NOTHING }) => {
      const known = new Set(record.redeemed.map(([code]) => code));
      const fresh = entries.filter(([code]) => !known.has(code));
      const requests = union(record.requests, erased);
      return {
        times: Math.max(record.times, union(requests, erasing === undefined ? [] : [erasing]).length),
        requests,
        openings: union(record.openings, opener === undefined ? [] : [opener]),
        redeemed: [
          ...record.redeemed,
          ...fresh.map(([code, id, number]): [string, string, number] => [code, this.hash(id), number]),
        ],
        brought: Array.from({ length: Math.max(record.brought.length, erased.length + 1) }, (_, life) =>
          Math.max(life === erased.length ? brought : 0, record.brought[life] ?? 0),
        ),
      };
    });
  }

  /** Writes down the requests that erased accounts. Rejects if that is not proven. */
  async addRequests(account: string, requests: readonly string[]): Promise<void> {
    await this.#change(account, (record = { times: 1, ...NOTHING }) => {
      const all = union(record.requests, requests);
      return { ...record, times: Math.max(record.times, all.length), requests: all };
    });
  }

  async #change(account: string, next: (record: ErasedRecord | undefined) => ErasedRecord): Promise<ErasedRecord> {
    const result = await this.#documents.update(
      this.#keyOf(account),
      (record) => {
        const changed = next(record);
        return record !== undefined && sizeOf(record) === sizeOf(changed) ? undefined : changed;
      },
      NOTHING_STORED,
    );
    if (result.kind !== 'ok') throw result.error;
    return result.stored.content;
  }

  async #look(): Promise<boolean> {
    if (this.#isAnnounced) return false;
    const began = momentOf(this.#context.clock);
    const read = await this.#any.read(ANY_KEY);
    if (read.kind !== 'ok') return true;
    if (read.stored.content === undefined) this.#noneAt = began;
    else this.#note();
    return true;
  }

  #note(): void {
    this.#isAnnounced = true;
    this.#noneAt = undefined;
  }

  #keyOf(account: string): string {
    return `erased/${this.hash(account)}`;
  }
}

/** All of it only grows. */
function sizeOf({ times, requests, openings, redeemed, brought }: ErasedRecord): number {
  const money = brought.reduce((sum, amount) => sum + amount, brought.length);
  return times + requests.length + openings.length + redeemed.length + money;
}

function union(some: readonly string[], others: readonly string[]): string[] {
  return [...new Set([...some, ...others])];
}
