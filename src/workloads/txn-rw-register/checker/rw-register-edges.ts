/**
 * The dependencies between transactions that read and write registers, and why each is there (`elle.rw-register`). Each
 * value of a key is written once, so a read shows its writer. Only ok transactions take part.
 */

import type { EdgeReason } from '../../../checkers/elle/cycle-story.ts';
import { type EdgeList, RW, WR, WW } from '../../../checkers/elle/dependency-graph.ts';
import { TransactionIndex } from '../../../checkers/elle/transaction-index.ts';
import { NIL, OK, type Transactions } from '../../../checkers/elle/transactions.ts';
import { stringifyExact } from '../../../protocol/exact-json.ts';
import { externalOf } from './external.ts';
import type { VersionGraph } from './version-graph.ts';

/** Two accesses to one key, as mops. */
interface Accesses {
  readonly before: number;
  readonly after: number;
}

export class RwRegisterEdges {
  readonly #transactions: Transactions;
  readonly #versions: VersionGraph;
  /** By element, the transactions that leave it behind. */
  readonly #writers: TransactionIndex;
  /** By element, the transactions that see it. */
  readonly #readers: TransactionIndex;
  /** By key, the transactions that see its initial version. */
  readonly #initialReaders: TransactionIndex;

  constructor(transactions: Transactions, versions: VersionGraph) {
    const { elements, count, types, mopKeys, mopElements } = transactions;
    this.#transactions = transactions;
    this.#versions = versions;
    this.#writers = new TransactionIndex(elements.count);
    this.#readers = new TransactionIndex(elements.count);
    this.#initialReaders = new TransactionIndex(elements.keyCount);
    for (let transaction = 0; transaction < count; transaction++) {
      if (types[transaction] !== OK) continue;
      const { reads, writes } = externalOf(transactions, transaction);
      for (const mop of writes) this.#writers.add(mopElements[mop] as number, transaction);
      for (const mop of reads) {
        const element = mopElements[mop] as number;
        if (element === NIL) this.#initialReaders.add(mopKeys[mop] as number, transaction);
        else this.#readers.add(element, transaction);
      }
    }
  }

  addTo(edges: EdgeList): void {
    const { elements } = this.#transactions;
    const { pairs, isVersion } = this.#versions;
    const keys = elements.keysOfElements();
    for (let element = 0; element < elements.count; element++) {
      if (this.#isAmbiguous(element)) continue;
      addAll(edges, this.#writers.of(element), this.#readers.of(element), WR);
      if (isVersion[element] === 0) continue;
      addAll(edges, this.#initialReaders.of(keys[element] as number), this.#writers.of(element), RW);
    }
    for (let place = 0; place < pairs.length; place += 2) {
      const [earlier, later] = [pairs[place] as number, pairs[place + 1] as number];
      if (this.#isAmbiguous(earlier) || this.#isAmbiguous(later)) continue;
      addAll(edges, this.#writers.of(earlier), this.#writers.of(later), WW);
      addAll(edges, this.#readers.of(earlier), this.#writers.of(later), RW);
    }
  }

  /** Why `to` depends on `from`: the first reason of this kind. */
  explain(from: number, to: number, kind: number): EdgeReason {
    const before = externalOf(this.#transactions, from);
    const after = externalOf(this.#transactions, to);
    const { mopElements } = this.#transactions;
    if (kind === WR) {
      const isRead = (one: number, other: number) => mopElements[one] === mopElements[other];
      return this.#readReason(this.#find(before.writes, after.reads, isRead));
    }
    const isLater = (one: number, other: number) =>
      this.#isLater(mopElements[one] as number, mopElements[other] as number);
    if (kind === WW) return this.#orderReason(this.#find(before.writes, after.writes, isLater));
    return this.#overwriteReason(this.#find(before.reads, after.writes, isLater));
  }

  /** Whether it was read, and several transactions leave it behind: it is not known which one was read. */
  #isAmbiguous(element: number): boolean {
    return this.#writers.of(element).length > 1 && this.#readers.of(element).length > 0;
  }

  /** The first accesses to a common key that are related. */
  #find(
    before: readonly number[],
    after: readonly number[],
    isRelated: (before: number, after: number) => boolean,
  ): Accesses {
    const { mopKeys } = this.#transactions;
    for (const one of before) {
      const other = after.find((mop) => mopKeys[mop] === mopKeys[one] && isRelated(one, mop));
      if (other !== undefined) return { before: one, after: other };
    }
    throw new Error('there is no such dependency');
  }

  #isLater(earlier: number, later: number): boolean {
    const { pairs, isVersion } = this.#versions;
    if (earlier === NIL) return isVersion[later] === 1;
    for (let place = 0; place < pairs.length; place += 2) {
      if (pairs[place] === earlier && pairs[place + 1] === later) return true;
    }
    return false;
  }

  #readReason(accesses: Accesses): EdgeReason {
    const { key, value } = this.#described(accesses);
    return {
      step: { type: 'wr', key, value, ...this.#places(accesses) },
      tell: (writer, reader) =>
        `${writer} wrote ${stringifyExact(value)} to key ${stringifyExact(key)}, and ${reader} read it`,
    };
  }

  #orderReason(accesses: Accesses): EdgeReason {
    const described = this.#described(accesses);
    const [key, value, next] = this.#told(accesses);
    return {
      step: { ...described, type: 'ww', ...this.#places(accesses) },
      tell: (earlier, later) =>
        `${earlier} wrote ${value} to key ${key}, and ${later} ${next}, which a transaction wrote that had read ${value}`,
    };
  }

  #overwriteReason(accesses: Accesses): EdgeReason {
    const described = this.#described(accesses);
    const [key, value, next] = this.#told(accesses);
    const isInitial = this.#transactions.mopElements[accesses.before] === NIL;
    return {
      step: { ...described, type: 'rw', ...this.#places(accesses) },
      tell: (reader, writer) =>
        isInitial
          ? `${reader} read key ${key} before any write, and ${writer} wrote ${next} to it`
          : `${reader} read ${value} from key ${key}, and ${writer} wrote ${next} to it, which comes after that`,
    };
  }

  #described({ before, after }: Accesses) {
    const { elements, mopKeys, mopElements } = this.#transactions;
    const element = mopElements[before] as number;
    return {
      key: elements.keyText(mopKeys[before] as number),
      value: element === NIL ? null : elements.valueOf(element),
      "value'": elements.valueOf(mopElements[after] as number),
    };
  }

  #told(accesses: Accesses): readonly [string, string, string] {
    const { key, value, "value'": next } = this.#described(accesses);
    return [stringifyExact(key), stringifyExact(value), stringifyExact(next)];
  }

  #places({ before, after }: Accesses) {
    const { mopPlaces } = this.#transactions;
    return { 'a-mop-index': mopPlaces[before], 'b-mop-index': mopPlaces[after] };
  }
}

function addAll(edges: EdgeList, from: readonly number[], to: readonly number[], kind: number): void {
  for (const one of from) for (const other of to) edges.add(one, other, kind);
}
