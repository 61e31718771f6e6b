/**
 * Judges transactions that read and write registers, as Maelstrom's txn-rw-register does with Elle. Rules beyond it are
 * those of `checkers/elle/txn-rules.ts` and of `commit-order.ts`.
 */

import { withBeyond } from '../../../checkers/beyond.ts';
import type { Checker, CheckResult } from '../../../checkers/checker.ts';
import { Anomalies } from '../../../checkers/elle/anomalies.ts';
import { EdgeList, PROCESS, REALTIME, RW, WR, WW } from '../../../checkers/elle/dependency-graph.ts';
import { judgeTransactions } from '../../../checkers/elle/elle.ts';
import { findLostUpdates } from '../../../checkers/elle/lost-updates.ts';
import { NIL, readTransactions } from '../../../checkers/elle/transactions.ts';
import { modelsAsked, type TxnCheckerOptions } from '../../../checkers/elle/txn-options.ts';
import { ambiguousElements, judgeTxnRules } from '../../../checkers/elle/txn-rules.ts';
import { judgeCommitOrders } from './commit-order-rules.ts';
import { findRwRegisterAnomalies } from './rw-register-anomalies.ts';
import { RwRegisterEdges } from './rw-register-edges.ts';
import { versionGraphOf } from './version-graph.ts';

/** The reason of an edge of several kinds is the first of these. */
const KIND_ORDER = [WR, WW, RW, PROCESS, REALTIME];

/** Throws an Error that names a model which is unknown or forbids nothing. */
export function txnRwRegisterChecker(options: TxnCheckerOptions): Checker {
  const models = modelsAsked(options);
  return {
    check(_test, history) {
      const transactions = readTransactions(history, { write: 'w', readsLists: false });
      const { mopElements } = transactions;
      const anomalies = new Anomalies();
      findRwRegisterAnomalies(transactions, anomalies);
      findLostUpdates(transactions, (mop) => mopElements[mop] as number, anomalies);
      const dependencies = new RwRegisterEdges(transactions, versionGraphOf(transactions, anomalies));
      const edges = new EdgeList();
      dependencies.addTo(edges);
      const explain = dependencies.explain.bind(dependencies);
      const result = judgeTransactions({ transactions, edges, kindOrder: KIND_ORDER, explain, anomalies }, models);
      const isAmbiguous = ambiguousElements(transactions);
      const elementsRead = (mop: number) => (mopElements[mop] === NIL ? [] : [mopElements[mop] as number]);
      const rules = {
        ...judgeTxnRules(transactions, elementsRead, isAmbiguous),
        ...judgeCommitOrders(transactions, isAmbiguous, models),
      };
      return withBeyond(options.emptyIsUnknown ? result : asMaelstrom(result), rules, options.strict);
    },
  };
}

/** Maelstrom's own wrapper: there is no unknown, and a valid result has the fields of an invalid one. */
function asMaelstrom(result: CheckResult): CheckResult {
  const types = (result['anomaly-types'] ?? []) as readonly string[];
  return { anomalies: null, ...result, 'anomaly-types': types, 'valid?': types.length === 0 };
}
