/**
 * Transactions by a number that they have in common, such as that of an element: linked lists in typed arrays. Millions
 * of small arrays would cost more time in the garbage collector than all the rest.
 */

import { IntColumn } from './int-column.ts';

const END = -1;

export class TransactionIndex {
  /** By number, the entry that was added last. */
  readonly #last: Int32Array;
  readonly #transactions = new IntColumn();
  readonly #before = new IntColumn();

  constructor(numberCount: number) {
    this.#last = new Int32Array(numberCount).fill(END);
  }

  /** Adds a transaction, unless it was the last one to be added to this number. */
  add(number: number, transaction: number): void {
    const last = this.#last[number] as number;
    if (last !== END && this.#transactions.at(last) === transaction) return;
    this.#last[number] = this.#transactions.length;
    this.#transactions.push(transaction);
    this.#before.push(last);
  }

  /** In a new array, the last one first. */
  of(number: number): readonly number[] {
    const found: number[] = [];
    for (let entry = this.#last[number] as number; entry !== END; entry = this.#before.at(entry)) {
      found.push(this.#transactions.at(entry));
    }
    return found;
  }
}
