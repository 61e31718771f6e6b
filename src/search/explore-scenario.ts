/**
 * The small scenario that an exploration runs again and again: a few operations at fixed times. Its seed decides
 * everything else. Small is enough: most crash bugs need few operations, if the crash comes at the right moment
 * ("ALICE" of Pillai et al., OSDI 2014).
 */

import { configureTest } from '../harness/configure-test.ts';
import type { RunOptions } from '../harness/run-options.ts';
import type { Schedule } from '../harness/schedule.ts';
import type { WorkloadTest } from '../harness/workload-test.ts';
import { SeededRandom } from '../protocol/random.ts';
import type { Simulation, SimulationOptions } from '../simulator/simulation.ts';

/** Clients for each node, so that one asks while another still waits for a reply of a dead life. */
const WORKERS_PER_NODE = 2;
/** After the last operation there is time for the longest fault, and for a client that waits until its timeout, ms. */
const REST_MS = 25_000;

/** The options of a run whose operations are planned beforehand. */
export type Scenario = RunOptions & { readonly schedule: Schedule };

/** Makes one run of the scenario, observed and controlled by the arguments. */
export type Simulate = (
  options: RunOptions,
  hooks: Pick<SimulationOptions, 'onStep' | 'arrange' | 'random'>,
) => Simulation;

export interface ScenarioOptions {
  readonly test: WorkloadTest;
  readonly seed: string;
  readonly nodeCount: number;
  readonly operationCount: number;
  /** Between the begins of two operations, ms; 0: all begin at once, each by a worker of its own. */
  readonly intervalMs: number;
  /** Default: none. */
  readonly workloadOptions?: RunOptions['workloadOptions'] | undefined;
}

/** The first operations that the seed draws, without any fault. */
export function drawScenario({ workloadOptions, ...drawn }: ScenarioOptions): Scenario {
  const { test, seed, nodeCount, operationCount, intervalMs } = drawn;
  const own = workloadOptions && { workloadOptions };
  const concurrency = intervalMs === 0 ? Math.max(operationCount, nodeCount) : nodeCount * WORKERS_PER_NODE;
  const nodes = Array.from({ length: nodeCount }, (_, index) => `n${index}`);
  const latencyMeanMs = 0;
  const configured = configureTest(test, { nodes, concurrency, latencyMeanMs, ...own });
  const next = configured.createGenerator(new SeededRandom(seed).fork('scenario'));
  return {
    nodes,
    concurrency,
    ratePerSecond: 0,
    timeLimitMs: operationCount * intervalMs + REST_MS,
    latencyMeanMs,
    latencyDistribution: 'constant',
    faults: [],
    nemesisIntervalMs: 0,
    ...own,
    seed,
    schedule: {
      operations: Array.from({ length: operationCount }, (_, index) => ({
        atMs: index * intervalMs,
        worker: index % concurrency,
        ...next({ worker: index % concurrency, process: index % concurrency, atMs: index * intervalMs }),
      })),
      faults: [],
      messages: [],
    },
  };
}
