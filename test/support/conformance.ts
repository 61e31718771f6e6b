/** A workload's own test on a bed, on virtual time. */

import { expect } from 'vitest';
import type { CheckResult } from '../../src/checkers/checker.ts';
import type { Bed } from '../../src/harness/bed.ts';
import { TestRun } from '../../src/harness/run.ts';
import type { RunOptions } from '../../src/harness/run-options.ts';
import type { WorkloadTest } from '../../src/harness/workload-test.ts';
import { SeededRandom } from '../../src/protocol/random.ts';
import { InProcessBed, type LogEntry } from '../../src/simulator/in-process-bed.ts';
import { subjectOf } from '../../src/workloads/registry.ts';
import type { Workload } from '../../src/workloads/workload.ts';
import { VirtualTime } from './virtual-time.ts';

/** What some workloads cannot promise. */
const AVAILABILITY: Readonly<Record<string, number>> = {
  // Its clients crash now and then.
  kafka: 0.98,
  // It needs a majority for each operation, and some are refused.
  'lin-kv': 0,
};

/** How many operations of a workload are ok. */
export function availabilityOf({ name }: Workload): NonNullable<RunOptions['availability']> {
  return AVAILABILITY[name] ?? 'total';
}

type Results = CheckResult & Readonly<Record<string, CheckResult>>;

const OPTIONS = {
  nodes: ['n0', 'n1', 'n2'],
  concurrency: 6,
  ratePerSecond: 200,
  timeLimitMs: 10_000,
  latencyMeanMs: 5,
  latencyDistribution: 'exponential',
  faults: ['partition'],
  nemesisIntervalMs: 1000,
  availability: 'total',
  seed: 'conformance',
} as const satisfies RunOptions;

export function newBed(time: VirtualTime, workload: Workload, onLog?: (entry: LogEntry) => void): InProcessBed {
  return new InProcessBed({
    scheduler: time,
    random: new SeededRandom('nodes'),
    startHandlers: subjectOf(workload).startHandlers,
    onLog,
  });
}

const LONGEST_MS = 600_000;
const STEP_MS = 1000;

/** Runs a workload's own test on a bed, on virtual time. */
export async function run(
  time: VirtualTime,
  bed: Bed,
  test: WorkloadTest,
  options: Partial<RunOptions> = {},
): Promise<Results> {
  const scheduler = { now: () => time.now(), schedule: (ms: number, act: () => void) => time.schedule(ms, act) };
  const running = new TestRun({ ...OPTIONS, ...options }, test, bed, scheduler).run();
  let over = false;
  void running.finally(() => {
    over = true;
  });
  // The final invocations take time, above all if they are not answered.
  for (let ms = 0; ms < LONGEST_MS && !over; ms += STEP_MS) await time.advance(STEP_MS);
  return (await running).results as Results;
}

/**
 * The workload for which {@link expectAnswersTwice} takes half a minute: it asks again about every copy of a transfer.
 */
export const SLOW_WHEN_DOUBLED = 'saga';

/** Every message comes twice, and every copy of a request is answered as declared. */
export async function expectAnswersTwice(workload: Workload): Promise<void> {
  const time = new VirtualTime();
  // Clients that stay open drop the second answer.
  const test = { ...subjectOf(workload).test, reusableClients: true };
  const results = await run(time, newBed(time, workload), test, {
    faults: ['duplication'],
    faultValues: { duplication: 1 },
    // Every copy is answered again, and asked about again.
    ratePerSecond: 50,
    availability: availabilityOf(workload),
  });
  expect(results).toMatchObject({ 'valid?': true, protocol: { count: 0 } });
  const { duplication } = (results.faults as CheckResult).started as Record<string, number>;
  expect(duplication).toBeGreaterThan(750);
}
