/** The test of txn-rw-register. Source: `maelstrom.workload.txn-rw-register`. */

import { transactionWorkload } from '../transaction-test.ts';
import type { Workload } from '../workload.ts';
import { txnRwRegisterChecker } from './checker/txn-rw-register-checker.ts';
import type { RegisterLimits } from './limits.ts';
import { Txn } from './messages.ts';
import { txnRwRegisterNode } from './node.ts';

export const txnRwRegister: Workload = {
  ...txnRwRegisterNode,
  ...transactionWorkload({
    name: 'txn-rw-register',
    text: 'Executes transactions that write registers and read them, and looks for anomalies.',
    write: 'w',
    rpc: Txn,
    // A node that waits for no other cannot have its data elsewhere, nor know what others write.
    own: { survivesDiskLoss: false, consistencyModels: ['causal-cerone'] },
    createChecker: txnRwRegisterChecker,
  }),
  limits: {
    gather: [1, 100],
    batch: [1, 2, 8],
    kept: [1, 4, 32],
    early: [1, 2, 8],
    registers: [1, 2, 5],
    journal: [1, 500, 5000],
  } satisfies Record<keyof RegisterLimits, readonly number[]>,
};
