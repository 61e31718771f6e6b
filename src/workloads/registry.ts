/**
 * Every workload there is, a line each. A node serves all of them at once.
 */

import { FolderReservation } from '../ids/folder-reservation.ts';
import { LinKvStore } from '../kv/lin-kv-store.ts';
import type { StartHandlers } from '../node/node.ts';
import type { Subject } from '../simulator/simulation.ts';
import { echo } from './echo/workload.ts';
import { ids } from './ids/workload.ts';
import { saga } from './saga/workload.ts';
import { uniqueIds } from './unique-ids/workload.ts';
import { voucher } from './voucher/workload.ts';
import type { NodePorts, Workload } from './workload.ts';

export const WORKLOADS: readonly Workload[] = [
  echo, //
  uniqueIds,
  ids,
  voucher,
  saga,
];

export function findWorkload(name: string): Workload | undefined {
  return WORKLOADS.find((workload) => workload.name === name);
}

/** The handlers of all workloads together, which share one store. */
export function startWorkloads(
  { openStore = (context) => new LinKvStore(context), ...ports }: NodePorts,
  workloads: readonly Workload[] = WORKLOADS,
): StartHandlers {
  const starts = [...new Set(workloads.map(({ start }) => start))];
  return async (context) => {
    const kv = openStore(context);
    return (await Promise.all(starts.map((start) => start(context, { ...ports, kv })))).flat();
  };
}

/** A workload as the simulator runs it: one node code on simulated machines. */
export function subjectOf(workload: Workload): Subject {
  return {
    name: workload.name,
    test: workload.test,
    startHandlers:
      ({ folder, life }) =>
      (context) => {
        const ports: NodePorts = {
          openReservation: ({ nodeId }) => FolderReservation.open(folder, nodeId),
          idLimits: {},
          ...workload.simulate?.(context, life),
        };
        return startWorkloads(ports, [workload])(context);
      },
  };
}
