/** The test of txn-list-append. Source: `maelstrom.workload.txn-list-append`. */

import { transactionWorkload } from '../transaction-test.ts';
import { txnListAppendChecker } from './checker/txn-list-append-checker.ts';

export const txnListAppend = transactionWorkload({
  name: 'txn-list-append',
  text: 'Executes transactions that append to lists and read them, and looks for anomalies.',
  write: 'append',
  readsLists: true,
  createChecker: txnListAppendChecker,
});
