/** The option `--members` of workloads whose nodes finish what others left. It is an option of simulated nodes. */

import type { WorkloadOption } from '../harness/workload-test.ts';
import type { Membership } from './served-workload.ts';

export const MEMBERS_OPTION: WorkloadOption = {
  value: 'fixed|registered',
  text: `How nodes find what others left unfinished. fixed: they know each other, by node_ids. registered:
each registers in the store, under a new name in every life. Not with --bin: give it to the node.
Default: fixed.`,
  absent: 'fixed',
  parse: (text) => {
    if (text !== 'fixed' && text !== 'registered') throw new Error('expected fixed or registered');
    return text;
  },
  drawn: ['registered'],
  ofNodes: true,
};

/** Leases of members that `fuzz` draws, ms. So a pause of a node is longer than its lease. */
export const LEASES_MS = [600, 2000];

/** @param lease the limit `lease` of the nodes: the lease of a member, ms */
export function membershipOf(
  { members }: Readonly<Record<string, string>>,
  { lease }: Readonly<Record<string, number>>,
): Membership {
  return members === 'registered' ? { kind: 'registered', leaseMs: lease } : 'fixed';
}
