/** The test of txn-rw-register. Source: `maelstrom.workload.txn-rw-register`. */

import { transactionWorkload } from '../transaction-test.ts';
import { txnRwRegisterChecker } from './checker/txn-rw-register-checker.ts';

export const txnRwRegister = transactionWorkload({
  name: 'txn-rw-register',
  text: 'Executes transactions that write registers and read them, and looks for anomalies.',
  write: 'w',
  readsLists: false,
  createChecker: txnRwRegisterChecker,
});
