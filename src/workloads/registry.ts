/**
 * All workloads, one line each: what a node serves, and its test. `nodes.ts` lists only the first half.
 */

import { FolderReservation } from '../ids/folder-reservation.ts';
import type { Subject } from '../simulator/simulation.ts';
import { echo } from './echo/workload.ts';
import { ids } from './ids/workload.ts';
import { membershipOf } from './members-option.ts';
import { startWorkloads } from './nodes.ts';
import { saga } from './saga/workload.ts';
import type { NodePorts } from './served-workload.ts';
import { uniqueIds } from './unique-ids/workload.ts';
import { voucher } from './voucher/workload.ts';
import type { Workload } from './workload.ts';

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

/** A workload as the simulator runs it: one node code on simulated machines. */
export function subjectOf(workload: Workload): Subject {
  return {
    name: workload.name,
    test: workload.test,
    startHandlers:
      ({ folder, life, limits, options }) =>
      (context) => {
        const ports: NodePorts = {
          openReservation: ({ nodeId }) => FolderReservation.open(folder, nodeId),
          idLimits: {},
          limits,
          membership: membershipOf(options, limits),
          ...workload.simulate?.(context, life, limits),
        };
        return startWorkloads(ports, [workload])(context);
      },
  };
}
