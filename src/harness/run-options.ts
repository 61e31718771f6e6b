/**
 * The options of a run, by Maelstrom's names and with its defaults.
 */

import type { Fault } from './fault.ts';
import type { LatencyDistributionName } from './latency.ts';
import type { Schedule } from './schedule.ts';

/** How long a node may take to answer its first `init` by default, ms. As in Maelstrom. */
export const INIT_TIMEOUT_MS = 10_000;

export interface RunOptions {
  /** Node ids, in the order of `node_ids`. */
  readonly nodes: readonly string[];
  /** Number of client workers. */
  readonly concurrency: number;
  /** Operations a second, over all workers together; 0: no operations. */
  readonly ratePerSecond: number;
  readonly timeLimitMs: number;
  readonly latencyMeanMs: number;
  readonly latencyDistribution: LatencyDistributionName;
  readonly faults: readonly Fault[];
  readonly nemesisIntervalMs: number;
  /** The mean interval of a fault in ms, or the probability of a message fault. Absent: the default. */
  readonly faultValues?: Readonly<Partial<Record<Fault, number>>>;
  readonly availability?: 'total' | number;
  /** How long a node may take to answer its first `init`, ms. Default: {@link INIT_TIMEOUT_MS}. */
  readonly initTimeoutMs?: number;
  /** The workload's own options by name, as texts from the command line. Default: none. */
  readonly workloadOptions?: Readonly<Record<string, string>>;
  /** Limits of all simulated nodes by name (`Workload.limits`): only those that differ from a real node's. */
  readonly nodeLimits?: Readonly<Record<string, number>>;
  /** In every name of the test, for a system that keeps what other runs left (`TestSetting.names`). Default: empty. */
  readonly names?: string;
  /** Whether a breach of a rule beyond Jepsen's makes the run invalid. Absent: it is a warning. */
  readonly strict?: true;
  readonly seed: string;
  /** What to replay, in place of the operations and faults that the seed would draw. */
  readonly schedule?: Schedule;
}
