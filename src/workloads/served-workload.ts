/** The half of a workload that a node serves, and what it needs for that. Nothing here knows of tests. */

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

/** What a node serves of a workload. */
export interface ServedWorkload {
  /** The name for `-w`. */
  readonly name: string;
  /**
   * Makes the handlers of a node that has learnt who it is. A rejection refuses `init` and ends the node. Workloads
   * that test the same handlers name the same function, and a node starts it once.
   */
  readonly start: (context: NodeContext, ports: WorkloadPorts) => Promise<readonly Handler[]>;
}
