/**
 * `lost-update`: several ok transactions read the same version of a key and then wrote the key. Neither needs an order
 * of the writes, so this sees more than cycles do (`elle.txn/lost-update-cases`).
 *
 * As in Elle, a read counts even after a write of the same transaction.
 */

import type { Anomalies } from './anomalies.ts';
import { mopOf, mopsOf, operationOf, READ, repeatingTransactions, type Transactions } from './transactions.ts';

/**
 * @param versionOf tells the version that a mop read from others of its key
 */
export function findLostUpdates(
  transactions: Transactions,
  versionOf: (mop: number) => string | number,
  anomalies: Anomalies,
): void {
  const readers = new Map<number, Map<string | number, { mop: number; transactions: number[] }>>();
  const { mopKinds, mopKeys } = transactions;
  const firstReads = new Map<number, number>();
  for (const transaction of repeatingTransactions(transactions)) {
    firstReads.clear();
    for (const mop of mopsOf(transactions, transaction)) {
      const key = mopKeys[mop] as number;
      const read = firstReads.get(key);
      if (mopKinds[mop] === READ) {
        if (read === undefined) firstReads.set(key, mop);
      } else if (read !== undefined && read >= 0) {
        addReader(readers, key, versionOf(read), read, transaction);
        // Written: later writes of it say nothing new.
        firstReads.set(key, -1);
      }
    }
  }
  for (const [key, byVersion] of readers) {
    for (const { mop, transactions: found } of byVersion.values()) {
      if (found.length < 2) continue;
      anomalies.add('lost-update', {
        key: transactions.elements.keyText(key),
        value: (mopOf(transactions, found[0] as number, mop) as readonly unknown[])[2],
        txns: found.map((transaction) => operationOf(transactions, transaction)),
      });
    }
  }
}

function addReader(
  readers: Map<number, Map<string | number, { mop: number; transactions: number[] }>>,
  key: number,
  version: string | number,
  mop: number,
  transaction: number,
): void {
  let byVersion = readers.get(key);
  if (byVersion === undefined) {
    byVersion = new Map();
    readers.set(key, byVersion);
  }
  const found = byVersion.get(version);
  if (found === undefined) byVersion.set(version, { mop, transactions: [transaction] });
  else found.transactions.push(transaction);
}
