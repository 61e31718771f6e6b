/**
 * Judges transactions that append to lists and read them, as Maelstrom's txn-list-append does with Elle. Rules beyond
 * it are those of `checkers/elle/txn-rules.ts`.
 */

import { withBeyond } from '../../../checkers/beyond.ts';
import type { Checker, CheckResult } from '../../../checkers/checker.ts';
import { Anomalies } from '../../../checkers/elle/anomalies.ts';
import { EdgeList, PROCESS, REALTIME, RW, WR, WW } from '../../../checkers/elle/dependency-graph.ts';
import { judgeTransactions } from '../../../checkers/elle/elle.ts';
import { findLostUpdates } from '../../../checkers/elle/lost-updates.ts';
import { NIL, readTransactions, type Transactions } from '../../../checkers/elle/transactions.ts';
import { modelsAsked, type TxnCheckerOptions } from '../../../checkers/elle/txn-options.ts';
import { ambiguousElements, firstWrites, judgeTxnRules } from '../../../checkers/elle/txn-rules.ts';
import { NEVER } from '../../../checkers/places.ts';
import { findListAppendAnomalies } from './list-append-anomalies.ts';
import { ListAppendEdges } from './list-append-edges.ts';
import { allOrders, committedOrders, listOf, type VersionOrders } from './version-orders.ts';

/** The reason of an edge of several kinds is the first of these. */
const KIND_ORDER = [WW, WR, RW, PROCESS, REALTIME];

/** Throws an Error that names a model which is unknown or forbids nothing. */
export function txnListAppendChecker(options: TxnCheckerOptions): Checker {
  const models = modelsAsked(options);
  return {
    check(_test, history) {
      const transactions = readTransactions(history, { write: 'append', readsLists: true });
      const orders = committedOrders(transactions);
      const ordersOfAll = allOrders(transactions) ?? orders;
      const isAmbiguous = ambiguousElements(transactions);
      const anomalies = new Anomalies();
      findListAppendAnomalies(transactions, orders, ordersOfAll, isAmbiguous, anomalies);
      findLostUpdates(transactions, (mop) => versionOf(transactions, orders, mop), anomalies);
      const dependencies = new ListAppendEdges(transactions, orders, isAmbiguous);
      const edges = new EdgeList();
      dependencies.addTo(edges);
      const explain = dependencies.explain.bind(dependencies);
      const result = judgeTransactions({ transactions, edges, kindOrder: KIND_ORDER, explain, anomalies }, models);
      const first = firstWrites(transactions);
      const rules = judgeTxnRules(transactions, (mop) => listOf(transactions, mop), isAmbiguous, first);
      return withBeyond(withPhantoms(result, ordersOfAll, first), rules, options.strict);
    },
  };
}

/** What tells the list that a mop read from others of its key. */
function versionOf(transactions: Transactions, { ofKey }: VersionOrders, mop: number): number | string {
  if (transactions.mopElements[mop] === NIL) return NIL;
  const list = listOf(transactions, mop);
  const order = ofKey(transactions.mopKeys[mop] as number);
  return list.every((element, place) => order[place] === element) ? list.length : list.join();
}

/**
 * The order of a key cannot have an element that was never appended: Elle throws then, and Jepsen says unknown. It is
 * surely wrong, so it is invalid here.
 */
function withPhantoms(result: CheckResult, { places }: VersionOrders, first: Float64Array): CheckResult {
  const hasPhantoms = places.some((place, element) => place >= 0 && first[element] === NEVER);
  if (!hasPhantoms || result['valid?'] === false) return result;
  return { ...result, 'valid?': false, summary: 'Elements were read that no transaction appended.' };
}
