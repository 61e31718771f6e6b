/**
 * The counter of one node, in its journal. Nothing is told before it is durable: not to the client that adds, not to
 * one that reads, not to other nodes. So what this node told survives kill -9 and power failures.
 *
 * Every life writes to a slot of its own, under an epoch that it draws. A life that went on in an old slot, and knew
 * less of it than other nodes do, would add below their sums, and merging would swallow that. With an own slot it is
 * right even if the disk was lost or is an old copy of itself. A life that adds nothing has no slot.
 *
 * An add is recorded with its sender and number, so that the next life, too, knows a copy of it.
 */

import * as z from 'zod';
import { Journal } from '../../journal/journal.ts';
import type { RequestOrigin } from '../../node/context.ts';
import { ReplyCache } from '../../node/reply-cache.ts';
import type { Clock } from '../../protocol/clock.ts';
import { RpcError } from '../../protocol/errors.ts';
import type { Folder } from '../../protocol/folder.ts';
import { Slot, Slots } from './slots.ts';

/** A journal is written anew when it has grown by this factor. */
const GROWTH = 4;

/** The records of the journal. */
const Entry = z.union([
  /** The adds that follow belong to the slot of this epoch. */
  z.tuple([z.literal('epoch'), z.string()]),
  /** A delta, and the sender and number of its request, if it had a number. */
  z.tuple([z.literal('add'), z.int()]),
  z.tuple([z.literal('add'), z.int(), z.string(), z.int()]),
  /** Slots as they were learned, or all at once. */
  z.tuple([z.literal('slots'), z.array(Slot)]),
  /** Adds that are in the slots already: sender, number, delta. */
  z.tuple([z.literal('known'), z.array(z.tuple([z.string(), z.int(), z.int()]))]),
]);
type Entry = z.infer<typeof Entry>;

export interface DurableCounterOptions {
  readonly nodeId: string;
  /** Of this life: no other life of any node has it. Without a space. */
  readonly epoch: string;
  readonly clock: Clock;
  /** Undefined: nothing outlives the node. */
  readonly folder: Folder | undefined;
  /** The journal is not written anew below this length, characters. */
  readonly compactLength: number;
  /** Default: {@link Journal.open}. */
  readonly openJournal?: OpenJournal;
  /** Empty. Default: right ones. */
  readonly slots?: Slots;
}

export type CounterJournal = Pick<Journal, 'append' | 'replace' | 'length'>;
export type OpenJournal = (
  folder: Folder | undefined,
  name: string,
) => Promise<{ readonly journal: CounterJournal; readonly records: readonly string[] }>;

/** The reply to an add. */
type Done = Record<string, never>;

export class DurableCounter {
  readonly #options: DurableCounterOptions;
  /** What is durable. */
  readonly slots: Slots;
  readonly #known: ReplyCache<Done>;
  readonly #journal: CounterJournal;
  /** Records under way to the disk, in their order. */
  readonly #pending = new Set<{ readonly text: string }>();
  /** Sums of this life's slot with what is under way. */
  #plus = 0;
  #minus = 0;
  #hasEpoch = false;
  #isCompacting = false;
  #compactAt: number;
  #failure: Error | undefined;

  /** Rejects if the journal cannot be read. */
  static async open(options: DurableCounterOptions): Promise<DurableCounter> {
    const { folder, openJournal = Journal.open } = options;
    const { journal, records } = await openJournal(folder, 'counter');
    return new DurableCounter(options, journal, records);
  }

  private constructor(options: DurableCounterOptions, journal: CounterJournal, records: readonly string[]) {
    this.#options = options;
    this.slots = options.slots ?? new Slots();
    this.#journal = journal;
    this.#known = new ReplyCache(options.clock);
    this.#recover(records);
    this.#compactAt = options.compactLength;
  }

  /** Why nothing can be counted any more; undefined if it can. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Characters of the journal. */
  get length(): number {
    return this.#journal.length;
  }

  /**
   * Resolves when the delta is durable and in the sum. A copy of an earlier add gets the outcome of that and is not
   * counted again. Rejects with an {@link RpcError}: code 22 if the sums would be too large, code 13 if the disk fails.
   *
   * @param delta a safe integer
   */
  add(delta: number, origin: RequestOrigin): Promise<Done> {
    return this.#known.share(origin, String(delta), () => this.#addOnce(delta, origin));
  }

  /** Throws the error 22: nothing has begun then. */
  #addOnce(delta: number, { src, messageId }: RequestOrigin): Promise<Done> {
    const [plus, minus] = [this.#plus + Math.max(delta, 0), this.#minus + Math.max(-delta, 0)];
    if (!Number.isSafeInteger(plus) || !Number.isSafeInteger(minus))
      throw RpcError.of('precondition-failed', 'all that a life of a node adds must be below 2^53');
    [this.#plus, this.#minus] = [plus, minus];
    return this.#addNew(messageId === undefined ? ['add', delta] : ['add', delta, src, messageId], delta);
  }

  /** Resolves when the slots are durable and merged; rejects if the disk fails. */
  async learn(slots: readonly Slot[], toldBy: string): Promise<void> {
    const news = slots.filter((slot) => this.slots.isNews(slot));
    if (news.length > 0) await this.#record(['slots', news], () => this.slots.merge(news, toldBy));
  }

  async #addNew(entry: Entry, delta: number): Promise<Done> {
    const { nodeId, epoch } = this.#options;
    // Its own record comes first, so no add can be durable without it.
    const begun = this.#hasEpoch ? undefined : this.#record(['epoch', epoch], () => {});
    this.#hasEpoch = true;
    await Promise.all([begun, this.#record(entry, () => this.slots.add(nodeId, epoch, delta))]);
    return {};
  }

  /** Takes effect when it is durable. */
  async #record(entry: Entry, takeEffect: () => void): Promise<void> {
    const pending = { text: JSON.stringify(entry) };
    this.#pending.add(pending);
    try {
      await this.#journal.append(pending.text);
    } catch (error) {
      // It may be on the disk all the same.
      this.#failure ??= error as Error;
      throw RpcError.of('crash', `it is unknown whether this was stored: ${(error as Error).message}`);
    }
    this.#pending.delete(pending);
    takeEffect();
    this.#compact();
  }

  /** Writes the journal anew if it is long: what is durable, then what is under way. */
  #compact(): void {
    if (this.#isCompacting || this.#journal.length < this.#compactAt) return;
    this.#isCompacting = true;
    this.#journal.replace(this.#snapshot()).then(
      () => {
        this.#isCompacting = false;
      },
      (error: unknown) => {
        this.#failure ??= error as Error;
      },
    );
    this.#compactAt = Math.max(this.#options.compactLength, GROWTH * this.#journal.length);
  }

  #snapshot(): readonly string[] {
    const known = [...this.#known.all()].map(({ src, messageId, content }): [string, number, number] => [
      src,
      messageId,
      Number(content),
    ]);
    const durable: Entry[] = [
      ['slots', [...this.slots.all()]],
      ['known', known],
    ];
    if (this.#hasEpoch) durable.push(['epoch', this.#options.epoch]);
    return [...durable.map((entry) => JSON.stringify(entry)), ...[...this.#pending].map(({ text }) => text)];
  }

  #recover(records: readonly string[]): void {
    const { nodeId } = this.#options;
    let epoch: string | undefined;
    for (const record of records) {
      const entry = Entry.parse(JSON.parse(record));
      switch (entry[0]) {
        case 'epoch':
          epoch = entry[1];
          break;
        case 'add': {
          const [, delta, src, messageId] = entry;
          if (epoch === undefined) throw new Error('the journal of the counter has an add without an epoch');
          this.slots.add(nodeId, epoch, delta);
          if (src !== undefined && messageId !== undefined) this.#rememberDone(src, messageId, delta);
          break;
        }
        case 'slots':
          this.slots.merge(entry[1]);
          break;
        case 'known':
          for (const [src, messageId, delta] of entry[1]) this.#rememberDone(src, messageId, delta);
          break;
      }
    }
  }

  #rememberDone(src: string, messageId: number, delta: number): void {
    this.#known.remember({ src, messageId, content: String(delta) }, {});
  }
}
