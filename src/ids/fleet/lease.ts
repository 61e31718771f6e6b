/**
 * A node number held for a limited time. It is also the reservation for the ids made with it. A raise moves `until`,
 * which also shows that the holder is alive. Once another node is the holder, every raise fails for ever. Timestamps
 * reserved before still belong to this holder.
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

  /** @param claimed the record that made this holder the holder */
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

  /** Whether another holder is known to have the number now. */
  get lost(): boolean {
    return this.#lost;
  }

  /** The bound as this holder knows it. To move it, another node must have taken the number. */
  async read(): Promise<number | undefined> {
    return this.#known.content.until ?? undefined;
  }

  /**
   * As every raise, with one exception. If the bound has moved on and this is still the holder, this holder moved it
   * and the reply was lost. The range up to there is won too, and `bound` is its end.
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

  /** Returns the number without waiting for the reply: for a node that is about to end. */
  release(): void {
    const { holder } = this;
    const change = (content: NumberRecord | undefined) =>
      content?.holder === holder ? { ...content, holder: null } : undefined;
    // The node is ending: it can do nothing about a missing record.
    this.#records.update(numberKey(this.number), change, this.#known).catch(() => {});
  }

  #lose(content: NumberRecord | undefined): RpcError {
    this.#lost = true;
    const now = content?.holder ? `it is held by ${content.holder}` : 'it has no holder';
    return RpcError.of('precondition-failed', `node number ${this.number} is no longer held by ${this.holder}: ${now}`);
  }
}
