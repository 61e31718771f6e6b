/**
 * What a workload is: the handlers that a node serves, and the test that checks them. A node's program is built from
 * the first half only, so each half has a file and a registry.
 */

import type { Fault } from '../harness/fault.ts';
import type { WorkloadTest } from '../harness/workload-test.ts';
import type { NodeContext } from '../node/context.ts';
import type { NodePorts, ServedWorkload } from './served-workload.ts';

/** The half that tests nodes, of any origin. */
export interface TestedWorkload {
  /** The name for `-w`. */
  readonly name: string;
  /** What its test does, in one sentence. */
  readonly text: string;
  readonly test: WorkloadTest;
  /** The modules of an author that it is made of, as the command line names them. Absent: it is one of ours. */
  readonly modules?: AuthorModules;
}

/** Files, as they were named. */
export interface AuthorModules {
  readonly workload?: string;
  readonly node?: string;
}

/** A workload with a node of ours, so that it can be simulated. */
export interface Workload extends ServedWorkload, TestedWorkload {
  /**
   * The test that our node must pass, where that is not the one of any node: it promises less than the test demands of
   * others by default, or more. Simulations use it. Absent: `test`.
   */
  readonly ownTest?: WorkloadTest;
  /**
   * The same test with less to do, for explorations, which run it thousands of times. Absent: `test` is small enough.
   */
  readonly small?: WorkloadTest;
  /** The setup of its simulated nodes, if it differs from a process without options. */
  readonly simulate?: (
    context: NodeContext,
    life: number,
    limits: Readonly<Record<string, number>>,
  ) => Pick<NodePorts, 'idLimits' | 'lease'> & Partial<Pick<NodePorts, 'openReservation'>>;
  /**
   * The limits of its simulated nodes, by name, with the values that `fuzz` draws for each. They are small, so that a
   * short run reaches them. A value must leave the promises of the workload whole. Absent: it has none.
   */
  readonly limits?: Readonly<Record<string, readonly number[]>>;
  /** The faults that its node promises to survive. Absent: all, but for what `test` says. */
  readonly survives?: readonly Fault[];
}
