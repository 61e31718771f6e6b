/** A workload that is tested with a node of an author's. */

import { FAULTS, type Fault, NODE_FAULTS } from '../harness/fault.ts';
import type { WorkloadTest } from '../harness/workload-test.ts';
import { type NodeDefinition, startOwnNode } from './own-node.ts';
import type { TestedWorkload, Workload } from './workload.ts';

/** What a node survives if its author does not say: each fault that takes nothing away from it. */
const SURVIVED: readonly Fault[] = NODE_FAULTS.filter(
  (fault) => !/^(?:kill|disk)/.test(fault) && fault !== 'clock-restart',
);

/** The same test, with a node of an author's in place of ours. Throws an Error for faults that do not exist. */
export function withNode(workload: TestedWorkload & Pick<Workload, 'small'>, node: NodeDefinition): Workload {
  const { survives = SURVIVED } = node;
  const unknown = survives.find((fault) => !FAULTS.includes(fault));
  if (unknown !== undefined)
    throw new Error(`${node.name} survives ${JSON.stringify(unknown)}: there is no such fault; ${FAULTS.join(', ')}`);
  const { name, text, modules, small } = workload;
  return {
    ...{ name, text, survives },
    ...(modules && { modules }),
    test: testOf(workload.test, survives),
    ...(small && { small: testOf(small, survives) }),
    rpcs: [],
    start: (context, { kv, openFolder = async () => undefined }) =>
      startOwnNode(node, () => ({ kv, openFolder }))(context),
  };
}

/** Without options of the nodes that this workload has otherwise. */
function testOf(test: WorkloadTest, survives: readonly Fault[]): WorkloadTest {
  const { options = {}, ...rest } = test;
  const kept = Object.fromEntries(Object.entries(options).filter(([, { ofNodes }]) => !ofNodes));
  return { ...rest, options: kept, survivesDiskLoss: survives.includes('disk-loss') };
}
