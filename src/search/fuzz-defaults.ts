/**
 * The default options of a fuzzed run. It is short, has every fault often enough that several overlap, and has latency,
 * so that messages meet on their way.
 */

import { NODE_FAULTS, NODES_OF_LOSS_MIN } from '../harness/fault.ts';
import type { RunOptions } from '../harness/run-options.ts';
import type { WorkloadTest } from '../harness/workload-test.ts';

const NODES = ['n1', 'n2', 'n3', 'n4', 'n5'] as const;
/** More than are busy at once, because a client with a lost message waits for 5 s. */
const CLIENTS_PER_NODE = 4;

export type FuzzOptions = Partial<RunOptions> & {
  readonly seed: string;
  /** Its promises say which faults it must survive. */
  readonly test?: Pick<WorkloadTest, 'survivesDiskLoss'>;
};

/** The defaults, overridden by the given options. */
export function fuzzOptions({ test, ...given }: FuzzOptions): RunOptions {
  const { nodes = NODES } = given;
  const promise = test?.survivesDiskLoss ?? false;
  const survivesLoss = promise === 'one-at-a-time' ? nodes.length >= NODES_OF_LOSS_MIN : promise;
  return {
    nodes: NODES,
    concurrency: CLIENTS_PER_NODE * NODES.length,
    ratePerSecond: 50,
    timeLimitMs: 20_000,
    latencyMeanMs: 5,
    latencyDistribution: 'exponential',
    faults: NODE_FAULTS.filter((fault) => fault !== 'disk-loss' || survivesLoss),
    nemesisIntervalMs: 4000,
    ...given,
  };
}
