/** The test of g-set, a set that only grows. Source: `maelstrom.workload.g-set`. */

import { completeIndefinite, completeWith } from '../../harness/client.ts';
import { type Invoke, operationIn, type WorkloadTest } from '../../harness/workload-test.ts';
import { REQUESTS } from '../../simulator/node-limits.ts';
import { SET_LIMITS } from '../broadcast/set-node.ts';
import { CALM_MS, createMixedGenerator, FINAL_READS } from '../mixed-operations.ts';
import type { Workload } from '../workload.ts';
import { gSetChecker } from './checker/g-set-checker.ts';
import { Add, Read } from './messages.ts';
import { gSetNode } from './node.ts';

const OPERATIONS = new Map<string, Invoke>([
  ['add', async (client, { value }) => completeWith(await client.rpc(Add, { element: value }), value, () => value)],
  ['read', async (client) => completeWith(await client.rpc(Read, {}), null, (body) => body.value)],
]);

function testWith(strict: boolean): WorkloadTest {
  return {
    reusableClients: false,
    survivesDiskLoss: false,
    createGenerator: createMixedGenerator((value) => ({ f: 'add', value })),
    createInvoke: () => async (client, invocation) =>
      completeIndefinite(await operationIn('g-set', OPERATIONS, invocation.f)(client, invocation)),
    calmMs: CALM_MS,
    createFinalInvocations: () => FINAL_READS,
    checker: () => gSetChecker({ strict }),
    createWorkCounter: () => () => true,
  };
}

export const gSet: Workload = {
  ...gSetNode,
  text: 'Adds elements to a set, and expects all nodes to show all of them.',
  test: { ...testWith(false), configure: ({ strict }) => testWith(strict) },
  limits: { ...SET_LIMITS, requests: REQUESTS },
};
