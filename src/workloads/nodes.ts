/**
 * What nodes serve, one line each. The program of a node is built from this file, so it must not import test code;
 * `test/rings.test.ts` checks that.
 */

import { LinKvStore } from '../kv/lin-kv-store.ts';
import { FixedMembers } from '../kv/members.ts';
import { RegisteredMembers } from '../kv/registered-members.ts';
import { Retention } from '../kv/retention.ts';
import type { LinearizableStore } from '../kv/store.ts';
import type { NodeContext } from '../node/context.ts';
import type { StartHandlers } from '../node/node.ts';
import { broadcastNode } from './broadcast/node.ts';
import { echoNode } from './echo/node.ts';
import { gSetNode } from './g-set/node.ts';
import { timeOfId } from './id-time.ts';
import { idsNode } from './ids/node.ts';
import { kafkaNode } from './kafka/node.ts';
import { linKvNode } from './lin-kv/node.ts';
import { gCounterNode, pnCounterNode } from './pn-counter/node.ts';
import { sagaNode } from './saga/node.ts';
import type { NodePorts, ServedWorkload } from './served-workload.ts';
import { txnListAppendNode } from './txn-list-append/node.ts';
import { txnRwRegisterNode } from './txn-rw-register/node.ts';
import { uniqueIdsNode } from './unique-ids/node.ts';
import { voucherNode } from './voucher/node.ts';

export const SERVED_WORKLOADS: readonly ServedWorkload[] = [
  echoNode, //
  uniqueIdsNode,
  idsNode,
  voucherNode,
  sagaNode,
  broadcastNode,
  gSetNode,
  gCounterNode,
  pnCounterNode,
  linKvNode,
  kafkaNode,
  txnListAppendNode,
  txnRwRegisterNode,
];

/** The handlers of all workloads together, which share one store. */
export function startWorkloads(
  { openStore = openLinKv, openFolder, patienceMs, membership = 'fixed', retention: kept, ...ports }: NodePorts,
  workloads: readonly ServedWorkload[] = servedTogether(SERVED_WORKLOADS),
): StartHandlers {
  const starts = [...new Set(workloads.map(({ start }) => start))];
  return async (context) => {
    const kv = await openStore(context, patienceMs);
    const members = membership === 'fixed' ? new FixedMembers(context) : new RegisteredMembers(context, kv, membership);
    const retention = kept && new Retention({ ...kept, context, timeOf: timeOfId });
    const served = workloads.map(({ name }) => name);
    const openOwnFolder = openFolder && (() => openFolder(context));
    const shared = { ...ports, kv, members, retention, served, openFolder: openOwnFolder };
    const started = starts.map((start) => start(context, shared));
    const handlers = (await Promise.all(started)).flat();
    // A node that died may have been the only one that was ever asked.
    if (membership !== 'fixed') members.start();
    retention?.start();
    return handlers;
  };
}

function openLinKv(context: NodeContext, patienceMs: number | undefined): LinearizableStore {
  return new LinKvStore(context, { patienceMs });
}

/** Two workloads that no node can serve together: each has handlers of its own for `type`. */
export interface Clash {
  readonly type: string;
  readonly earlier: ServedWorkload;
  readonly later: ServedWorkload;
}

/** The first clash among `workloads`; undefined if a node can serve them all. */
export function findClash(workloads: readonly ServedWorkload[]): Clash | undefined {
  const servedBy = new Map<string, ServedWorkload>();
  for (const later of workloads) {
    for (const { type } of later.rpcs) {
      const earlier = servedBy.get(type) ?? later;
      if (earlier.start !== later.start) return { type, earlier, later };
      servedBy.set(type, earlier);
    }
  }
  return undefined;
}

/** Those of `workloads` that a node serves unasked. Of two that clash it is the earlier one. */
export function servedTogether(workloads: readonly ServedWorkload[]): readonly ServedWorkload[] {
  const together: ServedWorkload[] = [];
  for (const workload of workloads) {
    if (!workload.whenAsked && findClash([...together, workload]) === undefined) together.push(workload);
  }
  return together;
}
