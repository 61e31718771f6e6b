/**
 * What a transaction has seen under causal consistency: all that is before it by reads and by the order of processes.
 * Vector clocks with a place for each process say so in time linear in transactions times processes (AWDIT; see
 * `commit-order.ts`).
 */

import { type DependencyGraph, EdgeList } from '../../../checkers/elle/dependency-graph.ts';
import type { Transactions } from '../../../checkers/elle/transactions.ts';
import { countBelow, entryOf } from '../../../checkers/places.ts';
import type { CommitOrder, Visit } from './commit-order.ts';
import type { ObservedReads } from './observed-reads.ts';

/** The transactions of a process that write a key, and their places among all of the process, both ascending. */
interface SessionWrites {
  readonly places: number[];
  readonly writers: number[];
}

export class CausalOrder {
  readonly #transactions: Transactions;
  readonly #reads: ObservedReads;
  readonly #graph: DependencyGraph;
  /** By transaction: a number for its process, and its place among all of the process. */
  readonly #sessions: Int32Array;
  readonly #places: Int32Array;
  #sessionCount = 0;
  /** By key and session. */
  readonly #writes = new Map<number, Map<number, SessionWrites>>();

  constructor(transactions: Transactions, reads: ObservedReads, order: CommitOrder) {
    this.#transactions = transactions;
    this.#reads = reads;
    const edges = new EdgeList();
    order.addReads(edges);
    order.addSessions(edges);
    this.#graph = edges.build(transactions.count);
    this.#sessions = new Int32Array(transactions.count);
    this.#places = new Int32Array(transactions.count);
    this.#numberSessions();
  }

  /**
   * Visits what is demanded. Of each process the last write of a key is enough, as its earlier ones are before it. If
   * reads and processes have no order, only what is before their first cycle is visited.
   */
  demand(visit: Visit): void {
    this.#inOrder((reader, clock) => {
      for (const read of this.#reads.ofFirst(reader)) {
        for (const [session, { places, writers }] of this.#writes.get(read.key) ?? []) {
          const seen = writers[countBelow(places, clock[session] as number) - 1];
          if (seen !== undefined && seen !== read.writer) visit({ seen, reader, read });
        }
      }
    });
  }

  #numberSessions(): void {
    const { processes, mopKeys } = this.#transactions;
    const numbers = new Map<number, number>();
    const lengths: number[] = [];
    for (const transaction of this.#reads.committed()) {
      const session = entryOf(numbers, processes[transaction] as number, () => lengths.push(0) - 1);
      const place = lengths[session] as number;
      lengths[session] = place + 1;
      this.#sessions[transaction] = session;
      this.#places[transaction] = place;
      for (const mop of this.#reads.finalWrites(transaction)) {
        const ofKey = entryOf(this.#writes, mopKeys[mop] as number, () => new Map<number, SessionWrites>());
        const { places, writers } = entryOf(ofKey, session, () => ({ places: [], writers: [] }));
        places.push(place);
        writers.push(transaction);
      }
    }
    this.#sessionCount = lengths.length;
  }

  /**
   * Visits the transactions after all that are before them, each with its clock: how many transactions of each process
   * are before it. A clock is dropped when it is used up.
   */
  #inOrder(visit: (transaction: number, clock: Int32Array) => void): void {
    const { starts, targets, vertexCount } = this.#graph;
    const waitsFor = new Int32Array(vertexCount);
    for (const target of targets) (waitsFor[target] as number)++;
    const clocks: (Int32Array | undefined)[] = new Array(vertexCount);
    const ready = [...this.#reads.committed()].filter((transaction) => waitsFor[transaction] === 0);
    for (const transaction of ready) {
      const clock = clocks[transaction] ?? new Int32Array(this.#sessionCount);
      visit(transaction, clock);
      clocks[transaction] = undefined;
      clock[this.#sessions[transaction] as number] = (this.#places[transaction] as number) + 1;
      for (let edge = starts[transaction] as number; edge < (starts[transaction + 1] as number); edge++) {
        const target = targets[edge] as number;
        const later = clocks[target];
        if (later === undefined) clocks[target] = clock.slice();
        else raise(later, clock);
        (waitsFor[target] as number)--;
        if (waitsFor[target] === 0) ready.push(target);
      }
    }
  }
}

function raise(clock: Int32Array, least: Int32Array): void {
  for (let place = 0; place < clock.length; place++) {
    if ((least[place] as number) > (clock[place] as number)) clock[place] = least[place] as number;
  }
}
