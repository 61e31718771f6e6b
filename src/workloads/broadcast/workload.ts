/** The test of broadcast. Source: `maelstrom.workload.broadcast`. */

import { completeWith } from '../../harness/client.ts';
import { type Invoke, operationIn, type WorkloadTest } from '../../harness/workload-test.ts';
import { REQUESTS } from '../../simulator/node-limits.ts';
import { CALM_MS, createMixedGenerator, FINAL_READS } from '../mixed-operations.ts';
import { GRID, parseTopology, TOPOLOGIES, type TopologyOf } from '../topologies.ts';
import type { Workload } from '../workload.ts';
import { broadcastChecker } from './checker/broadcast-checker.ts';
import { Broadcast, Read, Topology } from './messages.ts';
import { broadcastNode } from './node.ts';
import { SET_LIMITS } from './set-node.ts';

const OPERATIONS = new Map<string, Invoke>([
  [
    'broadcast',
    async (client, { value }) => completeWith(await client.rpc(Broadcast, { message: value }), value, () => value),
  ],
  ['read', async (client) => completeWith(await client.rpc(Read, {}), null, ({ messages }) => messages)],
]);

function testWith(nodes: readonly string[], topologyOf: TopologyOf, strict: boolean): WorkloadTest {
  const topology = topologyOf(nodes);
  return {
    reusableClients: false,
    idempotent: new Set(['read']),
    survivesDiskLoss: false,
    setUp: async (client) => completeWith(await client.rpc(Topology, { topology }), null, () => null),
    createGenerator: createMixedGenerator((value) => ({ f: 'broadcast', value })),
    createInvoke: () => (client, invocation) => operationIn('broadcast', OPERATIONS, invocation.f)(client, invocation),
    calmMs: CALM_MS,
    createFinalInvocations: () => FINAL_READS,
    checker: () => broadcastChecker({ strict }),
    createWorkCounter: () => () => true,
  };
}

const broadcastTest: WorkloadTest = {
  ...testWith([], GRID, false),
  options: {
    topology: {
      value: Object.keys(TOPOLOGIES).join('|'),
      text: 'The neighbours that nodes are told. They may ignore it. Default: grid.',
      absent: GRID,
      parse: parseTopology,
    },
  },
  configure: ({ nodes, strict, options }) => testWith(nodes, options.topology as TopologyOf, strict),
};

/** The same without a first phase, which a node that is killed in it cannot pass. */
function withoutSetUp({ setUp: _setUp, ...test }: WorkloadTest): WorkloadTest {
  return test;
}

export const broadcast: Workload = {
  ...broadcastNode,
  text: 'Gives values to nodes, and expects all nodes to show all of them.',
  test: broadcastTest,
  small: {
    ...withoutSetUp(broadcastTest),
    configure: ({ nodes, strict, options }) => withoutSetUp(testWith(nodes, options.topology as TopologyOf, strict)),
  },
  limits: { ...SET_LIMITS, requests: REQUESTS },
};
