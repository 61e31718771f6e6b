/**
 * All checkers by the names of their workloads, one line each. `snowstorm check` takes them from here. A workload
 * without a node of ours has a line, too: its histories come from Maelstrom.
 */

import type { Checker } from '../checkers/checker.ts';
import { broadcastChecker } from './broadcast/checker/broadcast-checker.ts';
import { echoChecker } from './echo/checker/echo-checker.ts';
import { gSetChecker } from './g-set/checker/g-set-checker.ts';
import { idsChecker } from './ids/checker/ids-checker.ts';
import { kafkaChecker } from './kafka/checker/kafka-checker.ts';
import { linKvChecker } from './lin-kv/checker/lin-kv-checker.ts';
import { pnCounterChecker } from './pn-counter/checker/pn-counter-checker.ts';
import { sagaChecker } from './saga/checker/saga-checker.ts';
import { txnListAppendChecker } from './txn-list-append/checker/txn-list-append-checker.ts';
import { txnRwRegisterChecker } from './txn-rw-register/checker/txn-rw-register-checker.ts';
import { uniqueIdsChecker } from './unique-ids/checker/unique-ids-checker.ts';
import { voucherChecker } from './voucher/checker/voucher-checker.ts';

/** How to judge. A checker ignores what it has no use for. */
export interface JudgeOptions {
  /** Whether a breach of a rule beyond Jepsen's (`checkers/beyond.ts`) makes the run invalid. */
  readonly strict: boolean;
  /** The consistency models that transactions must have. Absent: those of the workload. */
  readonly consistencyModels?: readonly string[];
}

/** The judge of one workload. */
export interface Judge {
  /** The name of the workload. */
  readonly workload: string;
  /** Whether it has an opinion on consistency models. Absent: it has none. */
  readonly takesModels?: true;
  /** Whether it looks for final reads, so that a history must tell which ones are. Absent: it does not. */
  readonly needsFinalReads?: true;
  /** Throws an Error that says what is wrong with the options. */
  readonly checker: (options: JudgeOptions) => Checker;
}

const JUDGES: readonly Judge[] = [
  { workload: 'echo', checker: echoChecker },
  { workload: 'unique-ids', checker: uniqueIdsChecker },
  { workload: 'ids', checker: idsChecker },
  { workload: 'voucher', checker: voucherChecker },
  { workload: 'saga', checker: sagaChecker },
  { workload: 'broadcast', checker: broadcastChecker },
  { workload: 'g-set', checker: gSetChecker },
  { workload: 'g-counter', needsFinalReads: true, checker: pnCounterChecker },
  { workload: 'pn-counter', needsFinalReads: true, checker: pnCounterChecker },
  { workload: 'lin-kv', checker: linKvChecker },
  { workload: 'kafka', checker: kafkaChecker },
  { workload: 'txn-list-append', takesModels: true, checker: txnListAppendChecker },
  { workload: 'txn-rw-register', takesModels: true, checker: txnRwRegisterChecker },
];

/** The names of all workloads that can be judged. */
export const JUDGED_WORKLOADS: readonly string[] = JUDGES.map(({ workload }) => workload);

export function findJudge(workload: string): Judge | undefined {
  return JUDGES.find((judge) => judge.workload === workload);
}
