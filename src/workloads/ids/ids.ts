/**
 * ids: everything that the id service does, mixed: single ids and batches of both kinds, their status, assignments, with nodes that come and go.
 */

import type { Workload } from '../workload.ts';
import { startIds } from './node.ts';
import { idsTest } from './workload.ts';

/** Every other life of a simulated node is that of a new machine: it must look for a number like a stranger. */
const LIVES_PER_MACHINE = 2;
/** So few numbers to spare that those of the dead are needed. */
const SPARE_NUMBERS = 0;

export const ids: Workload = {
  name: 'ids',
  text: 'Asks for ids of both kinds, one or many, for their status, and for ids assigned to keys.',
  start: startIds,
  test: idsTest,
  simulate: ({ nodeId, nodeIds }, life) => ({
    // Short enough that leases are lost and taken over within a run.
    lease: {
      leaseMs: 500,
      numberCount: nodeIds.length + SPARE_NUMBERS,
      identity: `${nodeId}/${Math.floor(life / LIVES_PER_MACHINE)}`,
    },
    idLimits: { windowMs: 3000 },
  }),
};
