/**
 * What a workload is: the handlers that a node serves, and the test that proves them. One object holds both, so that a new workload is one
 * file (or folder) and one line in the registry.
 */

import type { WorkloadTest } from '../harness/workload-test.ts';
import type { LeaseOptions } from '../ids/fleet/leased-ids.ts';
import type { IdGeneratorOptions } from '../ids/id-generator.ts';
import type { Reservation } from '../ids/reservation.ts';
import type { LinearizableStore } from '../kv/store.ts';
import type { Handler, NodeContext } from '../node/context.ts';

/** What a node needs beyond its own context. The host gives real ones, the simulator its own. */
export interface NodePorts {
  /** Opens the store of all that is kept, once a node. Default: Maelstrom's lin-kv. */
  readonly openStore?: (context: NodeContext) => LinearizableStore;
  /**
   * The reservation of timestamps that survives this node; undefined when it was told to do without.
   *
   * @param kv the node's store
   */
  readonly openReservation: (context: NodeContext, kv: LinearizableStore) => Promise<Reservation | undefined>;
  readonly idLimits: IdLimits;
  /** Node numbers are leased in the store; absent: a node's number is its place in `node_ids`. */
  readonly lease?: LeaseOptions | undefined;
}

/** What a workload is given when it starts: the node's ports, with its store open. */
export interface WorkloadPorts extends Omit<NodePorts, 'openStore'> {
  readonly kv: LinearizableStore;
}

/** What the operator of a node may set of its ids. */
export type IdLimits = Pick<IdGeneratorOptions, 'leadMsMax' | 'maxSkewMs' | 'windowMs'>;

export interface Workload {
  /** The name for `-w`. */
  readonly name: string;
  /** What its test does, in one sentence. */
  readonly text: string;
  /**
   * Makes the handlers of a node that has learnt who it is. A rejection refuses `init` and ends the node. Workloads that test the same handlers
   * name the same function, and a node starts it once.
   */
  readonly start: (context: NodeContext, ports: WorkloadPorts) => Promise<readonly Handler[]>;
  readonly test: WorkloadTest;
  /** The same with less of everything, for explorations, which run it thousands of times; absent: `test` is small enough. */
  readonly small?: WorkloadTest;
  /** How its simulated nodes are set up, where that is not what a process without options does. */
  readonly simulate?: (context: NodeContext, life: number) => Pick<NodePorts, 'idLimits' | 'lease'>;
}
