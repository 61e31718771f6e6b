/**
 * What a workload is: the handlers that a node serves, and the test that checks them. A node's program is built from
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
   * The same test with less to do, for explorations, which run it thousands of times. Absent: `test` is small enough.
   */
  readonly small?: WorkloadTest;
  /** The setup of its simulated nodes, if it differs from a process without options. */
  readonly simulate?: (context: NodeContext, life: number) => Pick<NodePorts, 'idLimits' | 'lease'>;
}
