/** What workloads need beyond a node's own context, kept in memory. */

import { MemoryReservation } from '../../src/ids/reservation.ts';
import type { WorkloadPorts } from '../../src/workloads/workload.ts';

export function memoryPorts(): WorkloadPorts {
  return { openReservation: async () => new MemoryReservation(), idLimits: {} };
}
