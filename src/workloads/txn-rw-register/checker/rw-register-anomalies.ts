/**
 * The anomalies of rw-register that one transaction shows, as `elle.rw-register` finds them and with the fields that it
 * gives them.
 */

import type { Anomalies } from '../../../checkers/elle/anomalies.ts';
import {
  eachMop,
  mopOf,
  NIL,
  OK,
  operationOf,
  READ,
  repeatingTransactions,
  type Transactions,
  WRITE,
} from '../../../checkers/elle/transactions.ts';
import { failedWriters, intermediateWriters, NONE } from '../../../checkers/elle/writers.ts';

export function findRwRegisterAnomalies(transactions: Transactions, anomalies: Anomalies): void {
  findReadsOf('G1a', transactions, failedWriters(transactions), anomalies);
  findReadsOf('G1b', transactions, intermediateWriters(transactions), anomalies);
  findInternal(transactions, anomalies);
}

/** G1a: a value of a failed transaction was read. G1b: one that its transaction overwrote. */
function findReadsOf(
  type: 'G1a' | 'G1b',
  transactions: Transactions,
  writers: Int32Array | undefined,
  anomalies: Anomalies,
): void {
  if (writers === undefined) return;
  eachMop(transactions, [OK], (mop, transaction) => {
    const element = transactions.mopElements[mop] as number;
    if (transactions.mopKinds[mop] !== READ || element === NIL) return;
    const writer = writers[element] as number;
    if (writer === NONE || writer === transaction) return;
    anomalies.add(type, {
      op: operationOf(transactions, transaction),
      mop: mopOf(transactions, transaction, mop),
      writer: operationOf(transactions, writer),
    });
  });
}

/** `internal`: a read contradicts what its transaction read or wrote before. What was null is forgotten, as in Elle. */
function findInternal(transactions: Transactions, anomalies: Anomalies): void {
  const { elements, mopStarts, mopKinds, mopKeys, mopElements } = transactions;
  for (const transaction of repeatingTransactions(transactions)) {
    const start = mopStarts[transaction] as number;
    const end = mopStarts[transaction + 1] as number;
    for (let mop = start + 1; mop < end; mop++) {
      if (mopKinds[mop] === WRITE) continue;
      let before = mop - 1;
      while (before >= start && mopKeys[before] !== mopKeys[mop]) before--;
      const expected = before < start ? NIL : (mopElements[before] as number);
      if (expected === NIL || expected === mopElements[mop]) continue;
      anomalies.add('internal', {
        op: operationOf(transactions, transaction),
        mop: mopOf(transactions, transaction, mop),
        expected: elements.valueOf(expected),
      });
      break;
    }
  }
}
