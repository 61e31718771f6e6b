/**
 * Which transaction must be committed before which one, so that every read is explained under a weak model. If a
 * transaction read a key from one writer although it saw another one, this one must be before the writer. The models
 * differ in what a transaction has seen. A history has a model if these demands, the reads and the sessions make no
 * cycle (Møldrup, Pavlogiannis, "AWDIT: An Optimal Weak Database Isolation Tester", PLDI 2025).
 */

import { type EdgeList, PROCESS, WR } from '../../../checkers/elle/dependency-graph.ts';
import type { Transactions } from '../../../checkers/elle/transactions.ts';
import { INITIAL, type ObservedRead, type ObservedReads } from './observed-reads.ts';

/** From so many writes on, a transaction's keys are kept in a set. */
const MANY_WRITES = 32;

/** The reader has seen `seen`, which wrote the key of the read as well. So `seen` must be before the writer of it. */
export interface Demand {
  readonly seen: number;
  readonly reader: number;
  readonly read: ObservedRead;
}

export type Visit = (demand: Demand) => void;

export class CommitOrder {
  readonly #transactions: Transactions;
  readonly #reads: ObservedReads;
  readonly #keySets = new Map<number, ReadonlySet<number>>();

  constructor(transactions: Transactions, reads: ObservedReads) {
    this.#transactions = transactions;
    this.#reads = reads;
  }

  /** Adds an edge from each writer to those that read from it. */
  addReads(edges: EdgeList): void {
    for (const reader of this.#reads.committed()) {
      for (const { writer } of this.#reads.ofAll(reader)) if (writer !== INITIAL) edges.add(writer, reader, WR);
    }
  }

  /** Adds an edge from each transaction to the next one of its process. */
  addSessions(edges: EdgeList): void {
    const last = new Map<number, number>();
    for (const transaction of this.#reads.committed()) {
      const process = this.#transactions.processes[transaction] as number;
      const before = last.get(process);
      if (before !== undefined) edges.add(before, transaction, PROCESS);
      last.set(process, transaction);
    }
  }

  /** Read committed: those from which a transaction has read before stay seen. */
  demandReadCommitted(visit: Visit): void {
    for (const reader of this.#reads.committed()) {
      const seen = new Set<number>();
      for (const read of this.#reads.ofAll(reader)) {
        for (const other of seen) {
          if (other !== read.writer && this.#writesKey(other, read.key)) visit({ seen: other, reader, read });
        }
        if (read.writer !== INITIAL) seen.add(read.writer);
      }
    }
  }

  /** Read atomic: all writes of those from which a transaction reads anything are seen. */
  demandReadAtomic(visit: Visit): void {
    for (const reader of this.#reads.committed()) {
      const reads = this.#reads.ofFirst(reader);
      for (const seen of new Set(reads.map(({ writer }) => writer))) {
        if (seen === INITIAL) continue;
        for (const read of reads) {
          if (read.writer !== seen && this.#writesKey(seen, read.key)) visit({ seen, reader, read });
        }
      }
    }
  }

  #writesKey(transaction: number, key: number): boolean {
    const known = this.#keySets.get(transaction);
    if (known !== undefined) return known.has(key);
    const { mopKeys } = this.#transactions;
    const writes = this.#reads.finalWrites(transaction);
    if (writes.length < MANY_WRITES) return writes.some((mop) => mopKeys[mop] === key);
    const keys = new Set(writes.map((mop) => mopKeys[mop] as number));
    this.#keySets.set(transaction, keys);
    return keys.has(key);
  }
}
