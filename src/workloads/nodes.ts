/**
 * What nodes serve, one line each. A node serves all of them at once. Its program is built from this file, so it must
 * not import test code; `test/rings.test.ts` checks that.
 */

import { LinKvStore } from '../kv/lin-kv-store.ts';
import type { StartHandlers } from '../node/node.ts';
import { echoNode } from './echo/node.ts';
import { idsNode } from './ids/node.ts';
import { sagaNode } from './saga/node.ts';
import type { NodePorts, ServedWorkload } from './served-workload.ts';
import { uniqueIdsNode } from './unique-ids/node.ts';
import { voucherNode } from './voucher/node.ts';

export const SERVED_WORKLOADS: readonly ServedWorkload[] = [
  echoNode, //
  uniqueIdsNode,
  idsNode,
  voucherNode,
  sagaNode,
];

/** The handlers of all workloads together, which share one store. */
export function startWorkloads(
  { openStore = (context) => new LinKvStore(context), ...ports }: NodePorts,
  workloads: readonly ServedWorkload[] = SERVED_WORKLOADS,
): StartHandlers {
  const starts = [...new Set(workloads.map(({ start }) => start))];
  return async (context) => {
    const kv = openStore(context);
    return (await Promise.all(starts.map((start) => start(context, { ...ports, kv })))).flat();
  };
}
