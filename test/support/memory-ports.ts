/** What nodes and workloads need beyond a node's own context, kept in memory. */

import { LinKvStore } from '../../src/kv/lin-kv-store.ts';
import type { NodeContext } from '../../src/node/context.ts';
import type { NodePorts, WorkloadPorts } from '../../src/workloads/served-workload.ts';
import { MemoryReservation } from './memory-reservation.ts';

export function memoryPorts(): Pick<NodePorts, 'openReservation' | 'idLimits'> {
  return { openReservation: async () => new MemoryReservation(), idLimits: {} };
}

/** The same for one workload, which keeps its documents in lin-kv. */
export function workloadPorts(context: NodeContext): WorkloadPorts {
  return { ...memoryPorts(), kv: new LinKvStore(context) };
}
