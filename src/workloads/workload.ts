/**
 * What a workload is: the handlers that a node serves, and the test that proves them. A node's program is built of
 * the first half only, so each half has a file and a registry.
 */

import type { WorkloadTest } from '../harness/workload-test.ts';
import type { NodeContext } from '../node/context.ts';
import type { NodePorts, ServedWorkload } from './served-workload.ts';

export interface Workload extends ServedWorkload {
  /** What its test does, in one sentence. */
  readonly text: string;
  readonly test: WorkloadTest;
  /**
   * The same with less of everything, for explorations, which run it thousands of times; absent: `test` is small
   * enough.
   */
  readonly small?: WorkloadTest;
  /** How its simulated nodes are set up, where that is not what a process without options does. */
  readonly simulate?: (context: NodeContext, life: number) => Pick<NodePorts, 'idLimits' | 'lease'>;
}
