/**
 * A subject as processes and as simulated nodes, with the same options. Its mutants are built for the file that imports
 * this.
 */

import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { beforeAll, expect } from 'vitest';
import type { CheckResult, Validity } from '../../src/checkers/checker.ts';
import type { Fault } from '../../src/harness/fault.ts';
import { TestRun } from '../../src/harness/run.ts';
import type { RunOptions } from '../../src/harness/run-options.ts';
import { ProcessBed } from '../../src/host/processes/process-bed.ts';
import { createRealScheduler } from '../../src/host/real-scheduler.ts';
import { createSettle } from '../../src/host/settle.ts';
import { Simulation, type Subject } from '../../src/simulator/simulation.ts';
import { processesThatName } from './snowstorm-process.ts';
import { temporaryFolder } from './temporary-folder.ts';

const folder = temporaryFolder();
const program = join(folder, 'mutants.cjs');

beforeAll(async () => {
  await build({
    entryPoints: [fileURLToPath(new URL('../fixtures/mutants/main.ts', import.meta.url))],
    bundle: true,
    platform: 'node',
    format: 'cjs',
    outfile: program,
    logLevel: 'silent',
  });
});

/** Faults that can be injected into a process and that a right node survives. */
export const FAULTS: readonly Fault[] = ['partition', 'kill', 'pause', 'loss', 'duplication', 'reordering', 'delay'];

export const OPTIONS: RunOptions = {
  nodes: ['n0', 'n1', 'n2'],
  concurrency: 12,
  ratePerSecond: 100,
  timeLimitMs: 4000,
  latencyMeanMs: 2,
  latencyDistribution: 'exponential',
  faults: [],
  nemesisIntervalMs: 500,
  seed: 'both beds',
};

async function runProcesses({ name, test }: Subject, options: RunOptions): Promise<CheckResult> {
  const own = mkdtempSync(join(folder, `${name}-`));
  const args = [program, name, join(own, 'state')];
  const bed = new ProcessBed({ program: process.execPath, args, logFolder: join(own, 'logs') });
  try {
    return (await new TestRun(options, test, bed, createRealScheduler()).run()).results;
  } finally {
    await bed.close();
    expect(processesThatName(own)).toEqual([]);
  }
}

export async function simulate(subject: Subject, options: RunOptions): Promise<CheckResult> {
  return (await new Simulation({ subject, options, settle: createSettle() }).finish()).results;
}

export interface Verdict {
  readonly run: Validity;
  readonly workload: Validity | undefined;
}

export function verdictOf(results: CheckResult): Verdict {
  return { run: results['valid?'], workload: (results.workload as CheckResult | undefined)?.['valid?'] };
}

/** How often processes run that do not show their error. Each run gets twice the time of the one before. */
const ATTEMPTS_MAX = 3;

/**
 * The results of processes that are expected to show an error. A run takes real time, and on a busy machine the first
 * answers can come when it is over.
 */
async function runUntilWrong(subject: Subject, options: RunOptions, attempt = 1): Promise<CheckResult> {
  const results = await runProcesses(subject, options);
  if (results['valid?'] === false || attempt === ATTEMPTS_MAX) return results;
  return runUntilWrong(subject, { ...options, timeLimitMs: 2 * options.timeLimitMs }, attempt + 1);
}

/** Runs the subject on both beds with the same options, and expects the same sentence about the error. */
export async function expectOnBoth(subject: Subject, options: RunOptions, verdict: Verdict): Promise<CheckResult[]> {
  const simulated = await simulate(subject, options);
  expect(verdictOf(simulated), JSON.stringify(simulated.protocol)).toEqual(verdict);
  const real = await (verdict.run === true ? runProcesses : runUntilWrong)(subject, options);
  expect(verdictOf(real), JSON.stringify(real)).toEqual(verdict);
  expect(brokenRules(real)).toEqual(brokenRules(simulated));
  return [simulated, real];
}

function brokenRules({ protocol }: CheckResult): string[] {
  const { violations = [] } = protocol as { violations?: { rule: string }[] };
  return [...new Set(violations.map(({ rule }) => rule))];
}

export const VALID: Verdict = { run: true, workload: true };
export const WORKLOAD_WRONG: Verdict = { run: false, workload: false };
export const PROTOCOL_BROKEN: Verdict = { run: false, workload: true };
