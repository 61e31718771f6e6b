/**
 * A node number held for a while. It is the reservation of the ids that are made with it: a raise moves `until`, which
 * also tells everybody that the holder is alive. Once somebody else is the holder every raise fails for ever; what was
 * reserved before stays this holder's own.
 */

import type { Documents, Stored } from '../../kv/documents.ts';
import { RpcError } from '../../protocol/errors.ts';
import { type RaiseResult, type Reservation, requireUpwards } from '../reservation.ts';
import { type NumberRecord, numberKey } from './number-record.ts';

export class Lease implements Reservation {
  readonly number: number;
  readonly holder: string;
  readonly #records: Documents<NumberRecord>;
  /** Invariant: it was read, or is proven to have been stored. */
  #known: Stored<NumberRecord> & { readonly content: NumberRecord };
  #lost = false;

  /** @param claimed the record in which this holder became the holder */
  constructor(
    records: Documents<NumberRecord>,
    number: number,
    holder: string,
    claimed: Stored<NumberRecord> & { readonly content: NumberRecord },
  ) {
    this.#records = records;
    this.number = number;
    this.holder = holder;
    this.#known = claimed;
  }

  /** Whether somebody else is known to hold the number now. */
  get lost(): boolean {
    return this.#lost;
  }

  /** The bound as this holder knows it. Nobody else can have moved it without having taken the number. */
  async read(): Promise<number | undefined> {
    return this.#known.content.until ?? undefined;
  }

  /**
   * As every raise, but for one thing: a bound that has moved on while this is still the holder was moved by this
   * holder, whose answer was lost. The range up to there is won too, and `bound` says how far it goes.
   */
  async raise(from: number | undefined, to: number): Promise<RaiseResult> {
    requireUpwards(from, to);
    const result = await this.#records.update(
      numberKey(this.number),
      (content) => {
        if (content?.holder !== this.holder) throw this.#lose(content);
        return (content.until ?? undefined) === from ? { holder: this.holder, until: to } : undefined;
      },
      this.#known,
    );
    if (result.kind !== 'ok') throw result.error;
    this.#known = result.stored;
    return { won: true, bound: result.stored.content.until as number };
  }

  /** Gives the number back, without waiting for an answer: for a node that is about to end. */
  release(): void {
    const { holder } = this;
    const change = (content: NumberRecord | undefined) =>
      content?.holder === holder ? { ...content, holder: null } : undefined;
    // Nobody is there any more who could do something about a record that is gone.
    this.#records.update(numberKey(this.number), change, this.#known).catch(() => {});
  }

  #lose(content: NumberRecord | undefined): RpcError {
    this.#lost = true;
    const by = content?.holder ?? 'nobody';
    return RpcError.of(
      'precondition-failed',
      `node number ${this.number} is no longer held by ${this.holder}, but by ${by}`,
    );
  }
}
