/**
 * Edges between transactions that are before one another for reasons beside the data: in a process, or in real time.
 */

import { type EdgeList, PROCESS, REALTIME } from './dependency-graph.ts';
import { FAIL, INVOKED, OK, type Transactions } from './transactions.ts';

/** Relates each ok transaction to the next ok one of its process. */
export function addProcessOrder({ count, types, processes }: Transactions, edges: EdgeList): void {
  const last = new Map<number, number>();
  for (let transaction = 0; transaction < count; transaction++) {
    if (types[transaction] !== OK) continue;
    const process = processes[transaction] as number;
    const before = last.get(process);
    if (before !== undefined) edges.add(before, transaction, PROCESS);
    last.set(process, transaction);
  }
}

/**
 * Relates each ok transaction to those that were invoked after its completion; only to the next ones, from which the
 * others follow (`elle.core/realtime-graph`). There are at most as many edges for each transaction as were at work at
 * once, so it is linear.
 *
 * @returns whether there are any, those to failed transactions included: no cycle has these, so they are left out
 */
export function addRealtimeOrder(transactions: Transactions, edges: EdgeList): boolean {
  const { count, types } = transactions;
  const events = eventsOf(transactions);
  /** Completed, and not known to be before another one that is. */
  const latest: number[] = [];
  const placeInLatest = new Int32Array(count).fill(-1);
  const before: (readonly number[] | undefined)[] = new Array(count);
  let isAny = false;
  for (const event of events) {
    if (event === 0) continue;
    const transaction = Math.abs(event) - 1;
    if (event > 0) {
      isAny ||= latest.length > 0;
      if (types[transaction] === FAIL) continue;
      for (const earlier of latest) edges.add(earlier, transaction, REALTIME);
      before[transaction] = latest.slice();
    } else if (types[transaction] === OK) {
      for (const earlier of before[transaction] ?? []) {
        const place = placeInLatest[earlier] as number;
        if (place < 0) continue;
        const last = latest.pop() as number;
        if (last !== earlier) latest[place] = last;
        placeInLatest[last] = place;
        placeInLatest[earlier] = -1;
      }
      before[transaction] = undefined;
      placeInLatest[transaction] = latest.push(transaction) - 1;
    }
  }
  return isAny;
}

/** For each index of the history: number of the transaction + 1 invoked there, or minus that if completed there. */
function eventsOf({ history, count, types, indices, invocations }: Transactions): Int32Array {
  const events = new Int32Array(history.length);
  for (let transaction = 0; transaction < count; transaction++) {
    if (types[transaction] === INVOKED) continue;
    events[indices[transaction] as number] = -(transaction + 1);
    const invocation = invocations[transaction] as number;
    if (invocation >= 0) events[invocation] = transaction + 1;
  }
  return events;
}
