/**
 * The anomalies of list-append that need no cycle, as `elle.list-append` finds them and with the fields that it gives
 * them.
 */

import type { Anomalies } from '../../../checkers/elle/anomalies.ts';
import {
  eachMop,
  FAIL,
  INFO,
  mopOf,
  NIL,
  OK,
  operationOf,
  POSSIBLE,
  READ,
  repeatingTransactions,
  type Transactions,
  WRITE,
} from '../../../checkers/elle/transactions.ts';
import { failedWriters, intermediateWriters, NONE } from '../../../checkers/elle/writers.ts';
import { listOf, type VersionOrders } from './version-orders.ts';

export function findListAppendAnomalies(
  transactions: Transactions,
  orders: VersionOrders,
  ordersOfAll: VersionOrders,
  isAmbiguous: Uint8Array,
  anomalies: Anomalies,
): void {
  findAbortedReads(transactions, isAmbiguous, anomalies);
  findIntermediateReads(transactions, isAmbiguous, anomalies);
  findInternal(transactions, anomalies);
  findDuplicates(transactions, anomalies);
  findDirtyUpdates(transactions, ordersOfAll, isAmbiguous, anomalies);
  for (const { key, mops } of orders.incompatible) {
    const [shorter, longer] = mops.map((mop) => valuesOf(transactions, listOf(transactions, mop)));
    anomalies.add('incompatible-order', { key: transactions.elements.keyText(key), values: [shorter, longer] });
  }
}

/** G1a: a list has an element of a transaction that failed. */
function findAbortedReads(transactions: Transactions, isAmbiguous: Uint8Array, anomalies: Anomalies): void {
  const { elements, mopKinds } = transactions;
  const writers = failedWriters(transactions, isAmbiguous);
  if (writers === undefined) return;
  eachMop(transactions, [OK], (mop, transaction) => {
    if (mopKinds[mop] !== READ) return;
    for (const element of listOf(transactions, mop)) {
      const writer = writers[element] as number;
      if (writer === NONE) continue;
      anomalies.add('G1a', {
        ...readAt(transactions, transaction, mop),
        writer: operationOf(transactions, writer),
        element: elements.valueOf(element),
      });
    }
  });
}

/** G1b: a list ends with an element after which its transaction appended another one to the key. */
function findIntermediateReads(transactions: Transactions, isAmbiguous: Uint8Array, anomalies: Anomalies): void {
  const { elements, mopKinds } = transactions;
  const writers = intermediateWriters(transactions, isAmbiguous);
  eachMop(transactions, [OK], (mop, transaction) => {
    if (mopKinds[mop] !== READ) return;
    const last = listOf(transactions, mop).at(-1);
    const writer = last === undefined ? NONE : (writers[last] as number);
    if (writer === NONE || writer === transaction) return;
    anomalies.add('G1b', {
      ...readAt(transactions, transaction, mop),
      writer: operationOf(transactions, writer),
      element: elements.valueOf(last as number),
    });
  });
}

/**
 * `internal`: a read contradicts what its transaction read or appended before. `future-read`: what it appends later.
 */
function findInternal(transactions: Transactions, anomalies: Anomalies): void {
  for (const transaction of repeatingTransactions(transactions)) {
    findContradiction(transactions, transaction, anomalies);
    findFutureRead(transactions, transaction, anomalies);
  }
}

/** What a transaction knows of a list: from the start, or only its end. */
interface Known {
  readonly isWhole: boolean;
  readonly elements: readonly number[];
}

function findContradiction(transactions: Transactions, transaction: number, anomalies: Anomalies): void {
  const { mopStarts, mopKinds, mopKeys, mopElements } = transactions;
  // A null that was read is not remembered as a whole list, but an append after it is: Elle 0.2.2 does so.
  const states = new Map<number, Known | 'null'>();
  for (let mop = mopStarts[transaction] as number; mop < (mopStarts[transaction + 1] as number); mop++) {
    const key = mopKeys[mop] as number;
    const state = states.get(key);
    if (mopKinds[mop] === WRITE) {
      const before = state === 'null' ? { isWhole: true, elements: [] } : (state ?? { isWhole: false, elements: [] });
      states.set(key, { ...before, elements: [...before.elements, mopElements[mop] as number] });
      continue;
    }
    const list = Array.from(listOf(transactions, mop));
    if (state !== undefined && state !== 'null' && !agrees(state, list)) {
      const expected = valuesOf(transactions, state.elements);
      anomalies.add('internal', {
        ...readAt(transactions, transaction, mop),
        expected: state.isWhole ? expected : ['...', ...expected],
      });
      return;
    }
    states.set(key, mopElements[mop] === NIL ? 'null' : { isWhole: true, elements: list });
  }
}

function agrees({ isWhole, elements }: Known, list: readonly number[]): boolean {
  const offset = list.length - elements.length;
  if (isWhole ? offset !== 0 : offset < 0) return false;
  return elements.every((element, place) => list[offset + place] === element);
}

function findFutureRead(transactions: Transactions, transaction: number, anomalies: Anomalies): void {
  const { mopStarts, mopKinds, mopElements, elements } = transactions;
  const reads = new Map<number, number>();
  for (let mop = mopStarts[transaction] as number; mop < (mopStarts[transaction + 1] as number); mop++) {
    if (mopKinds[mop] === READ) {
      for (const element of listOf(transactions, mop)) if (!reads.has(element)) reads.set(element, mop);
      continue;
    }
    const element = mopElements[mop] as number;
    const read = reads.get(element);
    if (read === undefined) continue;
    anomalies.add('future-read', { ...readAt(transactions, transaction, read), element: elements.valueOf(element) });
    return;
  }
}

/** `duplicate-elements`: a list has an element more than once. */
function findDuplicates(transactions: Transactions, anomalies: Anomalies): void {
  const { elements } = transactions;
  const lastMop = new Int32Array(elements.count).fill(-1);
  eachMop(transactions, POSSIBLE, (mop, transaction) => {
    if (transactions.mopKinds[mop] !== READ) return;
    const list = listOf(transactions, mop);
    let isDuplicated = false;
    for (const element of list) {
      isDuplicated ||= lastMop[element] === mop;
      lastMop[element] = mop;
    }
    if (!isDuplicated) return;
    const counts = new Map<number, number>();
    for (const element of list) counts.set(element, (counts.get(element) ?? 0) + 1);
    const repeated = [...counts].filter(([, count]) => count > 1);
    anomalies.add('duplicate-elements', {
      ...readAt(transactions, transaction, mop),
      duplicates: Object.fromEntries(repeated.map(([element, count]) => [String(elements.valueOf(element)), count])),
    });
  });
}

/**
 * `dirty-update`: in the order of a key, an element of a failed transaction is followed by one of an ok transaction,
 * with nothing but elements of failed or indefinite ones between.
 */
function findDirtyUpdates(
  transactions: Transactions,
  { ofKey }: VersionOrders,
  isAmbiguous: Uint8Array,
  anomalies: Anomalies,
): void {
  const { elements, types, mopKinds, mopElements } = transactions;
  const writers = new Int32Array(elements.count).fill(NONE);
  eachMop(transactions, [OK, INFO, FAIL], (mop, transaction) => {
    const element = mopElements[mop] as number;
    if (mopKinds[mop] === WRITE && isAmbiguous[element] === 0) writers[element] = transaction;
  });
  for (let key = 0; key < elements.keyCount; key++) {
    let failed = NONE;
    let between: number[] = [];
    for (const element of ofKey(key)) {
      const writer = writers[element] as number;
      if (writer === NONE) continue;
      between.push(element);
      if (types[writer] === OK) {
        if (failed !== NONE) {
          anomalies.add('dirty-update', {
            key: elements.keyText(key),
            values: valuesOf(transactions, between),
            txns: [operationOf(transactions, failed), '...', operationOf(transactions, writer)],
          });
        }
        failed = NONE;
        between = [element];
      } else if (types[writer] === FAIL && failed === NONE) {
        failed = writer;
        between = [element];
      }
    }
  }
}

function readAt(transactions: Transactions, transaction: number, mop: number) {
  return { op: operationOf(transactions, transaction), mop: mopOf(transactions, transaction, mop) };
}

function valuesOf({ elements }: Transactions, list: Iterable<number>): unknown[] {
  return Array.from(list, (element) => elements.valueOf(element));
}
