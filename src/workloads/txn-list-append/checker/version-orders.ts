/**
 * The order of appends to each key. Every list that is read shows it from the start, so the longest one shows most of
 * it (Kingsbury, Alvaro, "Elle: Inferring Isolation Anomalies from Experimental Observations", VLDB 2020).
 */

import { clojureSetOrder } from '../../../checkers/elle/hash-order.ts';
import { IntColumn } from '../../../checkers/elle/int-column.ts';
import {
  EVERY_TYPE,
  eachMop,
  FAIL,
  INVOKED,
  NIL,
  POSSIBLE,
  READ,
  type Transactions,
  WRITE,
} from '../../../checkers/elle/transactions.ts';

export interface VersionOrders {
  /** The elements of a key in order, each once. */
  readonly ofKey: (key: number) => Int32Array;
  /** For each element its place in the order of its key; -1 if it is not in it. */
  readonly places: Int32Array;
  /** Two lists of a key, as mops, of which the shorter one is no beginning of the other; one for each such key. */
  readonly incompatible: readonly { readonly key: number; readonly mops: readonly [number, number] }[];
}

/** The orders by what ok and indefinite transactions read. A key that one of them appends to once needs no read. */
export function committedOrders(transactions: Transactions): VersionOrders {
  return new Orders(transactions, POSSIBLE).build(true);
}

/** The orders by what any operation read, failed ones included: undefined if these read nothing. */
export function allOrders(transactions: Transactions): VersionOrders | undefined {
  let isAny = false;
  eachMop(transactions, [FAIL, INVOKED], (mop) => {
    isAny ||= (transactions.mopLengths[mop] as number) > 0;
  });
  return isAny ? new Orders(transactions, EVERY_TYPE).build(false) : undefined;
}

class Orders {
  readonly #transactions: Transactions;
  readonly #types: readonly number[];
  /** For each key the mop that read the longest list so far; -1 if none read any. */
  readonly #longest: Int32Array;
  readonly #isIncompatible: Uint8Array;
  readonly #appendCounts: Int32Array;
  readonly #lastAppends: Int32Array;

  constructor(transactions: Transactions, types: readonly number[]) {
    this.#transactions = transactions;
    this.#types = types;
    const { keyCount } = transactions.elements;
    this.#longest = new Int32Array(keyCount).fill(-1);
    this.#isIncompatible = new Uint8Array(keyCount);
    this.#appendCounts = new Int32Array(keyCount);
    this.#lastAppends = new Int32Array(keyCount);
  }

  build(withSingleAppends: boolean): VersionOrders {
    const { elements, mopElements } = this.#transactions;
    this.#readLists();
    const incompatible: { key: number; mops: [number, number] }[] = [];
    const starts = new Int32Array(elements.keyCount + 1);
    const ordered = new IntColumn();
    const places = new Int32Array(elements.count).fill(-1);
    for (let key = 0; key < elements.keyCount; key++) {
      if (this.#isIncompatible[key] === 1) incompatible.push({ key, mops: this.#resolve(key) });
      const add = (element: number) => {
        places[element] = ordered.length - (starts[key] as number);
        ordered.push(element);
      };
      const longest = this.#longest[key] as number;
      for (const element of longest < 0 ? [] : listOf(this.#transactions, longest)) {
        if (places[element] === -1) add(element);
      }
      if (longest < 0 && withSingleAppends && this.#appendCounts[key] === 1) {
        add(mopElements[this.#lastAppends[key] as number] as number);
      }
      starts[key + 1] = ordered.length;
    }
    const all = ordered.values();
    return { ofKey: (key) => all.subarray(starts[key], starts[key + 1]), places, incompatible };
  }

  #readLists(): void {
    const { mopKinds, mopKeys, mopLengths } = this.#transactions;
    eachMop(this.#transactions, this.#types, (mop) => {
      const key = mopKeys[mop] as number;
      if (mopKinds[mop] === WRITE) {
        (this.#appendCounts[key] as number)++;
        this.#lastAppends[key] = mop;
        return;
      }
      const length = mopLengths[mop] as number;
      if (length === 0 || this.#isIncompatible[key] === 1) return;
      const longest = this.#longest[key] as number;
      if (longest < 0) {
        this.#longest[key] = mop;
        return;
      }
      const isLonger = length > (mopLengths[longest] as number);
      const fits = isLonger ? this.#startsWith(mop, longest) : this.#startsWith(longest, mop);
      if (!fits) this.#isIncompatible[key] = 1;
      else if (isLonger) this.#longest[key] = mop;
    });
  }

  #startsWith(longer: number, shorter: number): boolean {
    const { listElements, mopElements, mopLengths } = this.#transactions;
    const longerStart = mopElements[longer] as number;
    const shorterStart = mopElements[shorter] as number;
    for (let place = (mopLengths[shorter] as number) - 1; place >= 0; place--) {
      if (listElements[longerStart + place] !== listElements[shorterStart + place]) return false;
    }
    return true;
  }

  /**
   * Finds two lists of a key that contradict each other, and takes the longest one as the order. Of several longest
   * ones it is the one that Elle takes: the last one of a Clojure set.
   */
  #resolve(key: number): [number, number] {
    const { mopKinds, mopKeys, mopLengths, elements } = this.#transactions;
    const distinct = new Map<string, number>();
    eachMop(this.#transactions, this.#types, (mop) => {
      if (mopKinds[mop] !== READ || mopKeys[mop] !== key || mopLengths[mop] === 0) return;
      const text = listOf(this.#transactions, mop).join();
      if (!distinct.has(text)) distinct.set(text, mop);
    });
    const lists = clojureSetOrder([...distinct.values()], (mop) =>
      Array.from(listOf(this.#transactions, mop), (element) => elements.valueOf(element)),
    ).sort((one, other) => (mopLengths[one] as number) - (mopLengths[other] as number));
    this.#longest[key] = lists.at(-1) as number;
    const at = lists.findIndex((mop, index) => index > 0 && !this.#startsWith(mop, lists[index - 1] as number));
    return [lists[at - 1] as number, lists[at] as number];
  }
}

/** The elements of the list that a mop read; none if it read the initial state. */
export function listOf({ listElements, mopElements, mopLengths }: Transactions, mop: number): Int32Array {
  const start = mopElements[mop] as number;
  return start === NIL
    ? listElements.subarray(0, 0)
    : listElements.subarray(start, start + (mopLengths[mop] as number));
}
