/** The half of a workload that a node serves, and the ports it needs. It knows nothing of tests. */

import type { LeaseOptions } from '../ids/fleet/leased-ids.ts';
import type { IdGeneratorOptions } from '../ids/id-generator.ts';
import type { Reservation } from '../ids/reservation.ts';
import type { Keeping } from '../kv/horizon.ts';
import type { Members } from '../kv/members.ts';
import type { RegisteredOptions } from '../kv/registered-members.ts';
import type { Ending, RetentionOptions } from '../kv/retention.ts';
import type { LinearizableStore } from '../kv/store.ts';
import type { Handler, NodeContext } from '../node/context.ts';
import type { Folder } from '../protocol/folder.ts';
import type { Rpc } from '../protocol/rpc.ts';
import type { ErasurePorts } from './erasure/erased.ts';

/** Ports that a node needs beyond its context. The host gives real ones, the simulator its own. */
export interface NodePorts {
  /** Opens the store of all data, once for each node, with this patience. Default: Maelstrom's lin-kv. */
  readonly openStore?: (
    context: NodeContext,
    patienceMs: number | undefined,
  ) => LinearizableStore | Promise<LinearizableStore>;
  /** How long the store may be away without anybody noticing, ms: all timers follow from it (`kv/timings.ts`). */
  readonly patienceMs?: number | undefined;
  /**
   * Who may have left something unfinished. `fixed`: the nodes of `node_ids`. `registered`: those that have registered
   * in the store, so that nodes need not know each other. Default: fixed.
   */
  readonly membership?: Membership | undefined;
  /**
   * The reservation of timestamps that survives this node; undefined if the node runs without one.
   *
   * @param kv the node's store
   */
  readonly openReservation: (context: NodeContext, kv: LinearizableStore) => Promise<Reservation | undefined>;
  /**
   * Opens the node's own folder, which outlives its lives within a run. Absent, or undefined: it has none, and what it
   * keeps ends with it.
   */
  readonly openFolder?: ((context: NodeContext) => Promise<Folder | undefined>) | undefined;
  readonly idLimits: IdLimits;
  /** Options of leased node numbers. Absent: a node's number is its place in `node_ids`. */
  readonly lease?: LeaseOptions | undefined;
  /**
   * Limits of what is served, by the names in the workload's own table: only those that differ from its defaults. Tests
   * alone set any.
   */
  readonly limits?: Readonly<Record<string, number>>;
  /**
   * How long nodes gather what they tell each other: little, so that it is everywhere soon, or long, for few messages.
   * Default: fast.
   */
  readonly gossip?: 'fast' | 'frugal' | undefined;
  /**
   * Where vouchers are credited: in wallets of their own, or in the accounts of transfers, so that the money can be
   * transferred (`voucher/account-wallets.ts`). All nodes on a store must agree, for ever. Default: own.
   */
  readonly wallets?: 'own' | 'accounts' | undefined;
  /**
   * What serves lin-kv: the nodes together, by Raft, or Maelstrom's service behind them. All nodes must agree. Default:
   * raft.
   */
  readonly linKv?: 'raft' | 'service' | undefined;
  /**
   * How long what is finished is kept: an engine, and a time in ms. All nodes of a store must have it. Absent: for
   * ever.
   */
  readonly retention?: Pick<RetentionOptions, 'engine' | 'retainMs' | 'graceMs'> | undefined;
  /** How accounts are erased, where wallets are accounts. All nodes of a store must have it. Absent: none is. */
  readonly erasure?: ErasurePorts | undefined;
}

/** What a workload gets at its start: the node's ports, with the store open. */
export interface WorkloadPorts
  extends Omit<NodePorts, 'openStore' | 'openFolder' | 'patienceMs' | 'membership' | 'retention'> {
  readonly kv: LinearizableStore;
  /** The names of all workloads that the node serves: some share a `start`, and differ a little. Default: unknown. */
  readonly served?: readonly string[];
  /** The node's own folder; see {@link NodePorts}. Workloads of a node share it, and each has file names of its own. */
  readonly openFolder?: (() => Promise<Folder | undefined>) | undefined;
  /** Default: those of `node_ids`. All workloads of a node share one. */
  readonly members?: Members;
  /** What ends, and when. A workload adds its documents that end. */
  readonly retention?: (Keeping & { add(ending: Ending): void }) | undefined;
}

export type Membership = 'fixed' | ({ readonly kind: 'registered' } & RegisteredOptions);

/** What an operator may set for the ids of a node. */
export type IdLimits = Pick<IdGeneratorOptions, 'leadMsMax' | 'maxSkewMs' | 'windowMs'>;

/** What a node serves of a workload. */
export interface ServedWorkload {
  /** The name for `-w`. */
  readonly name: string;
  /** The messages that `start` makes handlers for. No two workloads of a node may declare the same type. */
  readonly rpcs: readonly Rpc[];
  /**
   * Makes the handlers once the node knows its id. A rejection refuses `init` and ends the node. Workloads that test
   * the same handlers share one function, and a node calls it once.
   */
  readonly start: (context: NodeContext, ports: WorkloadPorts) => Promise<readonly Handler[]>;
  /**
   * A node serves it only if `--workload`, or the harness that tests it, names it: it is only for nodes that Maelstrom
   * or this harness starts together. It sends messages of its own accord, sends on what it is asked, or needs a folder.
   */
  readonly whenAsked?: true;
}
