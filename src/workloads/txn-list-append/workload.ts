/** The test of txn-list-append. Source: `maelstrom.workload.txn-list-append`. */

import { transactionWorkload } from '../transaction-test.ts';
import type { Workload } from '../workload.ts';
import { txnListAppendChecker } from './checker/txn-list-append-checker.ts';
import type { ListAppendLimits } from './limits.ts';
import { Txn } from './messages.ts';
import { txnListAppendNode } from './node.ts';

export const txnListAppend: Workload = {
  ...txnListAppendNode,
  ...transactionWorkload({
    name: 'txn-list-append',
    text: 'Executes transactions that append to lists and read them, and looks for anomalies.',
    write: 'append',
    rpc: Txn,
    // A node keeps all its data in the store.
    own: { survivesDiskLoss: true, consistencyModels: ['strict-serializable'] },
    createChecker: txnListAppendChecker,
  }),
  limits: {
    group: [1, 2, 5],
    gather: [1, 30],
    recent: [1, 40, 200],
    leaf: [1, 2, 4],
    tail: [1, 2, 5],
    writers: [1, 2, 6],
    cache: [1, 4, 32],
  } satisfies Record<keyof ListAppendLimits, readonly number[]>,
};
