/**
 * The bound of a node number in the store, for a node with a fixed number. It does in a store what
 * `ids/folder-reservation.ts` does on a disk. Other processes with the same number get other ranges.
 *
 * The holder in the record is this process. If a reply was lost and the bound has moved, the record shows who moved it.
 * So a range of its own is not lost.
 */

import { type Documents, readOrThrow, type Stored } from '../../kv/documents.ts';
import type { LinearizableStore } from '../../kv/store.ts';
import type { NodeContext } from '../../node/context.ts';
import { RpcError } from '../../protocol/errors.ts';
import { type RaiseResult, type Reservation, requireUpwards } from '../reservation.ts';
import { type NumberRecord, newHolder, numberKey, numberRecords } from './number-record.ts';

export class StoreReservation implements Reservation {
  readonly #records: Documents<NumberRecord>;
  readonly #key: string;
  readonly #holder: string;
  #known: Stored<NumberRecord> | undefined;

  /** The bound for the node's place in `node_ids`. */
  static ofPlace(context: NodeContext, kv: LinearizableStore): StoreReservation {
    return new StoreReservation(context, kv, context.nodeIds.indexOf(context.nodeId));
  }

  constructor(context: NodeContext, kv: LinearizableStore, number: number) {
    this.#records = numberRecords(context, kv);
    this.#key = numberKey(number);
    this.#holder = newHolder(context.nodeId, context.randomUint32);
  }

  /** Rejects with error 11 if the store does not answer. */
  async read(): Promise<number | undefined> {
    this.#known = await readOrThrow(this.#records, this.#key);
    return this.#known.content?.until ?? undefined;
  }

  async raise(from: number | undefined, to: number): Promise<RaiseResult> {
    requireUpwards(from, to);
    const result = await this.#records.update(
      this.#key,
      (content) => {
        const until = content?.until ?? undefined;
        if (until !== from) {
          if (until === undefined) throw RpcError.of('abort', `the bound ${from} of ${this.#key} is no longer stored`);
          return undefined;
        }
        return { holder: this.#holder, until: to };
      },
      this.#known,
    );
    if (result.kind !== 'ok') throw result.error;
    this.#known = result.stored;
    const { holder, until } = result.stored.content;
    return { won: holder === this.#holder, bound: until as number };
  }
}
