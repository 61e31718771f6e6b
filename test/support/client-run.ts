/**
 * A simulated run of 64 clients and three nodes without faults, for measuring. It goes on until the caller has enough.
 */

import type { Checker } from '../../src/checkers/checker.ts';
import type { RunOptions } from '../../src/harness/run-options.ts';
import type { WorkloadTest } from '../../src/harness/workload-test.ts';
import type { History } from '../../src/history/history.ts';
import { createSettle } from '../../src/host/settle.ts';
import { Simulation, type Subject } from '../../src/simulator/simulation.ts';

/** How often it checks whether that is enough, ms. */
const LOOK_MS = 5;

const nothingToCheck: () => Checker = () => ({ check: () => ({ 'valid?': true }) });

export interface ClientRun {
  readonly history: History;
  /** The messages of the run, per operation. */
  readonly messagesPerOperation: number;
  readonly valid: unknown;
}

export interface ClientRunOptions {
  readonly startHandlers: ReturnType<Subject['startHandlers']>;
  readonly createGenerator: WorkloadTest['createGenerator'];
  readonly createInvoke: WorkloadTest['createInvoke'];
  readonly isEnough: () => boolean;
  readonly options: Partial<RunOptions>;
}

export async function runClients({
  startHandlers,
  createGenerator,
  createInvoke,
  isEnough,
  options,
}: ClientRunOptions): Promise<ClientRun> {
  const simulation = new Simulation({
    subject: {
      name: 'clients',
      startHandlers: () => startHandlers,
      test: {
        reusableClients: true,
        survivesDiskLoss: true,
        createGenerator,
        createInvoke,
        checker: nothingToCheck,
      },
    },
    options: {
      nodes: ['n0', 'n1', 'n2'],
      concurrency: 64,
      ratePerSecond: 100_000,
      timeLimitMs: 1e9,
      latencyMeanMs: 1,
      latencyDistribution: 'exponential',
      faults: [],
      nemesisIntervalMs: 2000,
      seed: 'clients',
      ...options,
    },
    settle: createSettle(),
  });
  const look = () => {
    if (isEnough()) simulation.run.stop();
    else simulation.time.schedule(LOOK_MS, look);
  };
  simulation.time.schedule(LOOK_MS, look);
  const { history, results } = await simulation.finish();
  const { all } = results.net as unknown as { all: Record<string, number> };
  return { history, messagesPerOperation: all['msgs-per-op'] as number, valid: results['valid?'] };
}
