/** All workloads, one line each: what a node serves, and its test. `nodes.ts` lists only the first half. */

import { FolderReservation } from '../ids/folder-reservation.ts';
import type { Subject } from '../simulator/simulation.ts';
import { broadcast } from './broadcast/workload.ts';
import { echo } from './echo/workload.ts';
import { gSet } from './g-set/workload.ts';
import { ids } from './ids/workload.ts';
import { kafka } from './kafka/workload.ts';
import { linKv } from './lin-kv/workload.ts';
import { membershipOf } from './members-option.ts';
import { startWorkloads } from './nodes.ts';
import { gCounter, pnCounter } from './pn-counter/workload.ts';
import { saga } from './saga/workload.ts';
import type { NodePorts } from './served-workload.ts';
import { txnListAppend } from './txn-list-append/workload.ts';
import { txnRwRegister } from './txn-rw-register/workload.ts';
import { uniqueIds } from './unique-ids/workload.ts';
import { voucher } from './voucher/workload.ts';
import type { TestedWorkload, Workload } from './workload.ts';

/** Nodes of any origin can be tested with them. Each has a node of ours, so it can be simulated. */
export const WORKLOADS: readonly Workload[] = [
  echo, //
  uniqueIds,
  ids,
  voucher,
  saga,
  broadcast,
  gSet,
  gCounter,
  pnCounter,
  linKv,
  kafka,
  txnListAppend,
  txnRwRegister,
];

/** The same workload with its node: an author's, or ours. Throws an Error if there is none. */
export function withOwnNode(tested: TestedWorkload | Workload): Workload {
  if ('start' in tested) return tested;
  const workload = tested.modules === undefined ? findWorkload(tested.name) : undefined;
  if (workload === undefined) throw new Error(`there is no node of ours that serves ${tested.name}`);
  return workload;
}

export function findWorkload(name: string): Workload | undefined {
  return WORKLOADS.find((workload) => workload.name === name);
}

/** A workload as the simulator runs it: one node code on simulated machines. */
export function subjectOf(workload: Workload): Subject {
  return {
    name: workload.name,
    test: workload.ownTest ?? workload.test,
    startHandlers:
      ({ folder, life, limits, options }) =>
      (context) => {
        const ports: NodePorts = {
          openReservation: ({ nodeId }) => FolderReservation.open(folder, nodeId),
          openFolder: async () => folder,
          idLimits: {},
          limits,
          membership: membershipOf(options, limits),
          ...workload.simulate?.(context, life, limits),
        };
        return startWorkloads(ports, [workload])(context);
      },
  };
}
