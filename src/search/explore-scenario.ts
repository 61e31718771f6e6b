/**
 * The small scenario that an exploration runs again and again: a few operations at fixed moments, and nothing left to
 * chance but what its seed decides. Small is enough: most crash bugs need few operations, if only the crash comes at
 * the right moment ("ALICE" of Pillai et al., OSDI 2014).
 */

import { configureTest } from '../harness/configure-test.ts';
import type { RunOptions } from '../harness/run-options.ts';
import type { Schedule } from '../harness/schedule.ts';
import type { WorkloadTest } from '../harness/workload-test.ts';
import { SeededRandom } from '../protocol/random.ts';
import type { Simulation, SimulationOptions } from '../simulator/simulation.ts';

/** Nodes are asked by so many clients each, so that one of them asks while another still waits for a dead life. */
const WORKERS_PER_NODE = 2;
/**
 * After the last operation there is time for the longest fault and for the client that waits for an answer until its
 * end, ms.
 */
const REST_MS = 25_000;

/** The options of a run that says beforehand what is done when. */
export type Scenario = RunOptions & { readonly schedule: Schedule };

/** Makes one run of the scenario, with what looks into it. */
export type Simulate = (
  options: RunOptions,
  hooks: Pick<SimulationOptions, 'onStep' | 'arrange' | 'random'>,
) => Simulation;

export interface ScenarioOptions {
  readonly test: WorkloadTest;
  readonly seed: string;
  readonly nodeCount: number;
  readonly operationCount: number;
  /** Between the beginnings of two operations, ms; 0: all begin at once, each with a worker of its own. */
  readonly intervalMs: number;
}

/** The first operations that the seed draws, without any fault. */
export function drawScenario({ test, seed, nodeCount, operationCount, intervalMs }: ScenarioOptions): Scenario {
  const concurrency = intervalMs === 0 ? Math.max(operationCount, nodeCount) : nodeCount * WORKERS_PER_NODE;
  const nodes = Array.from({ length: nodeCount }, (_, index) => `n${index}`);
  const latencyMeanMs = 0;
  const configured = configureTest(test, { nodes, concurrency, latencyMeanMs });
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
    seed,
    schedule: {
      operations: Array.from({ length: operationCount }, (_, index) => ({
        atMs: index * intervalMs,
        worker: index % concurrency,
        ...next(),
      })),
      faults: [],
      messages: [],
    },
  };
}
