/**
 * The options of a run, by Maelstrom's names and with its defaults.
 */

import type { LatencyDistributionName } from './latency.ts';
import type { Fault } from './nemesis.ts';

export interface RunOptions {
  /** Node ids, in the order of `node_ids`. */
  readonly nodes: readonly string[];
  /** Number of client workers. */
  readonly concurrency: number;
  /** Operations a second, over all workers; 0: none at all. */
  readonly ratePerSecond: number;
  readonly timeLimitMs: number;
  readonly latencyMeanMs: number;
  readonly latencyDistribution: LatencyDistributionName;
  readonly faults: readonly Fault[];
  readonly nemesisIntervalMs: number;
  readonly availability?: 'total' | number;
  readonly seed: string;
}
