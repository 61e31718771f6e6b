/** The dependencies between transactions that append to lists and read them, and why each is there. */

import type { EdgeReason } from '../../../checkers/elle/cycle-story.ts';
import { type EdgeList, RW, WR, WW } from '../../../checkers/elle/dependency-graph.ts';
import { TransactionIndex } from '../../../checkers/elle/transaction-index.ts';
import {
  eachMop,
  INFO,
  mopsOf,
  NIL,
  POSSIBLE,
  READ,
  type Transactions,
  WRITE,
} from '../../../checkers/elle/transactions.ts';
import { NONE } from '../../../checkers/elle/writers.ts';
import { stringifyExact } from '../../../protocol/exact-json.ts';
import { listOf, type VersionOrders } from './version-orders.ts';

/** So many elements of a list are told. */
const TOLD_ELEMENTS_MAX = 8;
/** In place of an element: no append is known to be before. */
const INITIAL = -1;

export class ListAppendEdges {
  readonly #transactions: Transactions;
  readonly #orders: VersionOrders;
  /** For each element the ok or indefinite transaction that appended it; {@link NONE} if none or several did. */
  readonly #writers: Int32Array;
  /** For each element the transactions that read a list ending with it. */
  readonly #readers: TransactionIndex;
  /** For each key the transactions that read its initial state. */
  readonly #initialReaders: TransactionIndex;

  constructor(transactions: Transactions, orders: VersionOrders, isAmbiguous: Uint8Array) {
    this.#transactions = transactions;
    this.#orders = orders;
    const { elements } = transactions;
    this.#writers = new Int32Array(elements.count).fill(NONE);
    this.#readers = new TransactionIndex(elements.count);
    this.#initialReaders = new TransactionIndex(elements.keyCount);
    this.#index(isAmbiguous);
  }

  addTo(edges: EdgeList): void {
    const { mopKinds } = this.#transactions;
    eachMop(this.#transactions, POSSIBLE, (mop, transaction) => {
      if (mopKinds[mop] === READ) {
        const writer = this.#writerRead(mop);
        if (writer !== NONE && writer !== transaction) edges.add(writer, transaction, WR);
        return;
      }
      const writer = this.#writerBefore(mop);
      if (writer !== NONE && writer !== transaction) edges.add(writer, transaction, WW);
      for (const reader of this.#readersBefore(mop)) if (reader !== transaction) edges.add(reader, transaction, RW);
    });
  }

  #index(isAmbiguous: Uint8Array): void {
    const { types, mopKinds, mopKeys, mopElements, mopLengths, listElements } = this.#transactions;
    eachMop(this.#transactions, POSSIBLE, (mop, transaction) => {
      const element = mopElements[mop] as number;
      if (mopKinds[mop] === WRITE) {
        if (isAmbiguous[element] === 0) this.#writers[element] = transaction;
        return;
      }
      // An indefinite read has nothing: its null is that of the invocation.
      if (types[transaction] === INFO && element === NIL) return;
      const length = mopLengths[mop] as number;
      if (length === 0) this.#initialReaders.add(mopKeys[mop] as number, transaction);
      else this.#readers.add(listElements[element + length - 1] as number, transaction);
    });
  }

  #writerRead(mop: number): number {
    const { mopElements, mopLengths, listElements } = this.#transactions;
    const length = mopLengths[mop] as number;
    if (length === 0) return NONE;
    return this.#writers[listElements[(mopElements[mop] as number) + length - 1] as number] as number;
  }

  /** The element before that of an append in the order of its key; the last one known if its place is unknown. */
  #elementBefore(mop: number): number {
    const { mopKeys, mopElements } = this.#transactions;
    const order = this.#orders.ofKey(mopKeys[mop] as number);
    const place = this.#orders.places[mopElements[mop] as number] as number;
    return order[place < 0 ? order.length - 1 : place - 1] ?? INITIAL;
  }

  #writerBefore(mop: number): number {
    const before = this.#elementBefore(mop);
    return before === INITIAL ? NONE : (this.#writers[before] as number);
  }

  #readersBefore(mop: number): readonly number[] {
    const before = this.#elementBefore(mop);
    const { mopKeys } = this.#transactions;
    return before === INITIAL ? this.#initialReaders.of(mopKeys[mop] as number) : this.#readers.of(before);
  }

  /** Why `to` depends on `from`: the first reason of this kind. */
  explain(from: number, to: number, kind: number): EdgeReason {
    for (const mop of mopsOf(this.#transactions, to)) {
      const isRead = this.#transactions.mopKinds[mop] === READ;
      if (isRead !== (kind === WR)) continue;
      if (isRead && this.#writerRead(mop) === from) return this.#readReason(from, mop);
      if (kind === WW && this.#writerBefore(mop) === from) return this.#orderReason(from, mop);
      if (kind === RW && this.#readersBefore(mop).includes(from)) return this.#overwriteReason(from, mop);
    }
    throw new Error(`there is no such dependency of ${to} on ${from}`);
  }

  #readReason(from: number, mop: number): EdgeReason {
    const element = listOf(this.#transactions, mop).at(-1) as number;
    return {
      step: {
        type: 'wr',
        key: this.#key(mop),
        value: this.#value(element),
        'a-mop-index': this.#placeOfAppend(from, element),
        'b-mop-index': this.#transactions.mopPlaces[mop],
      },
      tell: (writer, reader) =>
        `${reader} read ${this.#list(mop)} from key ${write(this.#key(mop))}, ` +
        `and ${writer} appended ${write(this.#value(element))}`,
    };
  }

  #orderReason(from: number, mop: number): EdgeReason {
    const before = this.#elementBefore(mop);
    const element = this.#transactions.mopElements[mop] as number;
    return {
      step: {
        type: 'ww',
        ...this.#twoVersions(mop, before),
        'a-mop-index': this.#placeOfAppend(from, before),
        'b-mop-index': this.#transactions.mopPlaces[mop],
      },
      tell: (earlier, later) =>
        `${later} appended ${write(this.#value(element))} to key ${write(this.#key(mop))} ` +
        `after ${earlier} appended ${write(this.#value(before))}`,
    };
  }

  #overwriteReason(from: number, mop: number): EdgeReason {
    const { mopKinds, mopKeys, mopElements, mopPlaces } = this.#transactions;
    const before = this.#elementBefore(mop);
    const read = mopsOf(this.#transactions, from).find(
      (other) =>
        mopKinds[other] === READ &&
        mopKeys[other] === mopKeys[mop] &&
        (listOf(this.#transactions, other).at(-1) ?? INITIAL) === before,
    ) as number;
    return {
      step: {
        type: 'rw',
        ...this.#twoVersions(mop, before),
        'a-mop-index': mopPlaces[read],
        'b-mop-index': mopPlaces[mop],
      },
      tell: (reader, writer) =>
        `${reader} read ${this.#list(read)} from key ${write(this.#key(mop))}, ` +
        `and ${writer} appended ${write(this.#value(mopElements[mop] as number))} after that`,
    };
  }

  #twoVersions(mop: number, before: number) {
    return {
      key: this.#key(mop),
      value: before === INITIAL ? 'elle.list-append/init' : this.#value(before),
      "value'": this.#value(this.#transactions.mopElements[mop] as number),
    };
  }

  #placeOfAppend(transaction: number, element: number): number {
    const { mopKinds, mopElements, mopPlaces } = this.#transactions;
    const mop = mopsOf(this.#transactions, transaction).find(
      (other) => mopKinds[other] === WRITE && mopElements[other] === element,
    );
    return mop === undefined ? -1 : (mopPlaces[mop] as number);
  }

  #key(mop: number): unknown {
    return this.#transactions.elements.keyText(this.#transactions.mopKeys[mop] as number);
  }

  #value(element: number): unknown {
    return this.#transactions.elements.valueOf(element);
  }

  /** A list as people read it. A long one keeps its end. */
  #list(mop: number): string {
    const list = listOf(this.#transactions, mop);
    const shown = Array.from(list.subarray(-TOLD_ELEMENTS_MAX), (element) => write(this.#value(element)));
    return `[${list.length > shown.length ? '… ' : ''}${shown.join(' ')}]`;
  }
}

const write = stringifyExact;
