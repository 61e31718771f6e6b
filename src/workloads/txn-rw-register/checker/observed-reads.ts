/**
 * Who read from whom, which unique values show. It is all that is needed to judge weak models: no order of versions is
 * assumed.
 */

import {
  eachMop,
  INFO,
  NIL,
  OK,
  POSSIBLE,
  READ,
  type Transactions,
  WRITE,
} from '../../../checkers/elle/transactions.ts';
import { externalOf } from './external.ts';

/** In place of a writer: the initial version was read. */
export const INITIAL = -1;
/** In place of a writer: a value of no committed transaction, one that was replaced at once, or its own. */
const UNKNOWN = -2;

/** A read of what another transaction left behind. */
export interface ObservedRead {
  readonly mop: number;
  readonly key: number;
  /** The transaction, or {@link INITIAL}. */
  readonly writer: number;
}

export class ObservedReads {
  readonly #transactions: Transactions;
  /** For each element the transaction that left it behind. */
  readonly #writers: Int32Array;
  /** For each transaction whether it is known to have happened: ok, or read by one that is. */
  readonly #isCommitted: Uint8Array;

  constructor(transactions: Transactions, isAmbiguous: Uint8Array) {
    const { elements, count, types, mopKinds, mopElements } = transactions;
    this.#transactions = transactions;
    this.#writers = new Int32Array(elements.count).fill(UNKNOWN);
    this.#isCommitted = new Uint8Array(count);
    for (let transaction = 0; transaction < count; transaction++) {
      if (!POSSIBLE.includes(types[transaction] as number)) continue;
      this.#isCommitted[transaction] = types[transaction] === OK ? 1 : 0;
      for (const mop of this.finalWrites(transaction)) {
        const element = mopElements[mop] as number;
        if (isAmbiguous[element] === 0) this.#writers[element] = transaction;
      }
    }
    eachMop(transactions, [OK], (mop) => {
      const element = mopElements[mop] as number;
      if (mopKinds[mop] === WRITE || element === NIL) return;
      const writer = this.#writers[element] as number;
      if (writer >= 0 && types[writer] === INFO) this.#isCommitted[writer] = 1;
    });
  }

  /** The transactions that are known to have happened. */
  *committed(): IterableIterator<number> {
    for (let transaction = 0; transaction < this.#isCommitted.length; transaction++) {
      if (this.#isCommitted[transaction] === 1) yield transaction;
    }
  }

  /** The last write of each key, as mops. */
  finalWrites(transaction: number): readonly number[] {
    return externalOf(this.#transactions, transaction).writes;
  }

  /** What a transaction read of others, in its order; of a key as often as it read it. */
  ofAll(transaction: number): readonly ObservedRead[] {
    const { types, mopStarts, mopKinds } = this.#transactions;
    const reads: ObservedRead[] = [];
    if (types[transaction] !== OK) return reads;
    for (let mop = mopStarts[transaction] as number; mop < (mopStarts[transaction + 1] as number); mop++) {
      if (mopKinds[mop] === READ) this.#add(reads, mop, transaction);
    }
    return reads;
  }

  /** The same, of each key the first access only. */
  ofFirst(transaction: number): readonly ObservedRead[] {
    const reads: ObservedRead[] = [];
    if (this.#transactions.types[transaction] !== OK) return reads;
    for (const mop of externalOf(this.#transactions, transaction).reads) this.#add(reads, mop, transaction);
    return reads;
  }

  #add(reads: ObservedRead[], mop: number, transaction: number): void {
    const { mopKeys, mopElements } = this.#transactions;
    const element = mopElements[mop] as number;
    const writer = element === NIL ? INITIAL : (this.#writers[element] as number);
    if (writer !== UNKNOWN && writer !== transaction) reads.push({ mop, key: mopKeys[mop] as number, writer });
  }
}
