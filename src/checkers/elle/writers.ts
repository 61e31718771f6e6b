/** Which transaction wrote each element, for anomalies that one read shows. */

import { EVERY_TYPE, eachMop, FAIL, INVOKED, type Transactions, WRITE } from './transactions.ts';

/** In place of a transaction: there is none. */
export const NONE = -1;

/**
 * For each element the failed transaction that wrote it; undefined if no failed one wrote anything. Ambiguous elements
 * have none.
 */
export function failedWriters(transactions: Transactions, isAmbiguous?: Uint8Array): Int32Array | undefined {
  let writers: Int32Array | undefined;
  eachMop(transactions, [FAIL], (mop, transaction) => {
    const element = transactions.mopElements[mop] as number;
    if (transactions.mopKinds[mop] !== WRITE || isAmbiguous?.[element] === 1) return;
    writers ??= new Int32Array(transactions.elements.count).fill(NONE);
    writers[element] = transaction;
  });
  return writers;
}

/** For each element the transaction that wrote it and then wrote its key again. Ambiguous elements have none. */
export function intermediateWriters(transactions: Transactions, isAmbiguous?: Uint8Array): Int32Array {
  const { elements, mopKinds, mopKeys, mopElements } = transactions;
  const writers = new Int32Array(elements.count).fill(NONE);
  const lastOfKey = new Int32Array(elements.keyCount);
  const transactionOfKey = new Int32Array(elements.keyCount).fill(NONE);
  const visit = (mop: number, transaction: number) => {
    if (mopKinds[mop] !== WRITE) return;
    const key = mopKeys[mop] as number;
    const last = lastOfKey[key] as number;
    if (transactionOfKey[key] === transaction && isAmbiguous?.[last] !== 1) writers[last] = transaction;
    transactionOfKey[key] = transaction;
    lastOfKey[key] = mopElements[mop] as number;
  };
  // What was answered counts more than what was asked for.
  eachMop(transactions, [INVOKED], visit);
  eachMop(
    transactions,
    EVERY_TYPE.filter((type) => type !== INVOKED),
    visit,
  );
  return writers;
}
