/**
 * How `snowstorm test` makes a run: with processes, services or simulated nodes, and twice to compare both runs.
 */

import { type CheckResult, mergeValidity } from '../checkers/checker.ts';
import type { NetworkEvent } from '../harness/network.ts';
import { type RunObserver, type RunOutcome, TestRun } from '../harness/run.ts';
import { CHALLENGE_VARIABLE, WORKLOAD_VARIABLE } from '../host/node-environment.ts';
import type { LogOptions } from '../host/processes/logged-process.ts';
import { ProcessBed } from '../host/processes/process-bed.ts';
import { createRealScheduler } from '../host/real-scheduler.ts';
import type { RunFolder } from '../host/records/run-folder.ts';
import { both, LineComparison, logLine, messageText } from '../host/records/run-lines.ts';
import { createSettle } from '../host/settle.ts';
import { Simulation } from '../simulator/simulation.ts';
import { subjectOf, withOwnNode } from '../workloads/registry.ts';
import { number } from './amounts.ts';
import type { Deployment } from './deployment-options.ts';
import type { ParsedOptions } from './options.ts';
import type { Progress } from './progress.ts';
import { reportRejections } from './rejections.ts';
import type { RealRun } from './services-execution.ts';
import type { TEST_OPTIONS, TestTask } from './test-options.ts';

export type TestOptions = ParsedOptions<typeof TEST_OPTIONS>;

/** The current run, for its progress and for signals. */
export interface UnderWay {
  run: TestRun;
  /** Whether a signal asked for an early end. */
  stopped: boolean;
}

/** How a run is made, on every bed. */
export interface Execution {
  readonly underWay: UnderWay;
  /** Makes the run, and returns figures of this machine for the record. */
  readonly finish: () => Promise<Finished>;
}

export interface Finished {
  readonly outcome: RunOutcome;
  readonly harness: Readonly<Record<string, number>>;
}

interface Surroundings {
  /** Undefined: nothing is recorded. Runs of processes are always recorded. */
  readonly runFolder: RunFolder | undefined;
  readonly progress: Progress;
  readonly observer: RunObserver;
  /** When the start began, by the clock of this process. */
  readonly beganMs: number;
}

/** The observer, which also prints messages as Maelstrom logs them, if the options ask for that. */
export function withMessageLog(observer: RunObserver, { values }: TestOptions, progress: Progress): RunObserver {
  const words = new Map<NetworkEvent, string>();
  if (values['log-net-send']) words.set('send', ':send');
  if (values['log-net-recv']) words.set('receive', ':recv');
  if (words.size === 0) return observer;
  return both(observer, {
    onMessage: (event, message) => {
      const word = words.get(event);
      if (word !== undefined) progress.print(`${word} ${messageText(message)}`);
    },
  });
}

/** Prepares the run of a task. Rejects with an Error for people if what it needs cannot be started. */
export async function execute(task: TestTask, parsed: TestOptions, surroundings: Surroundings): Promise<Execution> {
  if (task.deployment !== undefined) return runServices(task, task.deployment, parsed, surroundings);
  return task.program === undefined
    ? simulate(task, parsed, surroundings)
    : runProcesses(task, task.program, parsed, surroundings);
}

function runProcesses(
  { workload, options, challenge }: TestTask,
  program: string,
  parsed: TestOptions,
  surroundings: Surroundings,
): Execution {
  const environment = {
    [WORKLOAD_VARIABLE]: workload.name,
    ...(challenge !== undefined && { [CHALLENGE_VARIABLE]: challenge }),
  };
  const bed = new ProcessBed({ program, args: parsed.rest, environment, ...logsOf(parsed, surroundings) });
  // For the duration of the start in the record.
  const schedulerStartMs = performance.now() - surroundings.beganMs;
  const run = new TestRun(options, workload.test, bed, createRealScheduler(), surroundings.observer);
  return realExecution({ run, close: () => bed.close() }, schedulerStartMs);
}

async function runServices(
  task: TestTask,
  deployment: Deployment,
  parsed: TestOptions,
  surroundings: Surroundings,
): Promise<Execution> {
  // No other run waits for the code of etcd and of HTTP.
  const { prepareServices } = await import('./services-execution.ts');
  const services = await prepareServices(task, deployment, logsOf(parsed, surroundings), surroundings.observer);
  return realExecution(services, performance.now() - surroundings.beganMs);
}

/** Where nodes in processes of their own write to. */
function logsOf({ values }: TestOptions, { runFolder, progress }: Surroundings): LogOptions {
  const record = runFolder as RunFolder;
  return {
    logFolder: record.logFolder,
    onLogLost: (path, error) => record.addLoss(path, error),
    ...(values['log-stderr'] && {
      onStderr: (nodeId: string, line: string) => progress.print(`${nodeId}: ${line}`),
    }),
  };
}

/** @param schedulerStartMs when the clock of the run was made, since the start of the command */
function realExecution({ run, close }: RealRun, schedulerStartMs: number): Execution {
  return {
    underWay: { run, stopped: false },
    finish: async () => {
      const before = process.cpuUsage();
      try {
        const outcome = await run.run();
        const { user, system } = process.cpuUsage(before);
        const figures = {
          'start-milliseconds': outcome.startMs + schedulerStartMs,
          // From the start of the nodes to the verdict, without the nodes.
          'cpu-milliseconds': (user + system) / 1000,
        };
        return { outcome, harness: describeHarness(figures) };
      } finally {
        await close();
      }
    },
  };
}

function simulate(
  { workload, options }: TestTask,
  { values }: TestOptions,
  { runFolder, progress, observer }: Surroundings,
): Execution {
  const settle = createSettle();
  const subject = subjectOf(withOwnNode(workload));
  const comparison = values['check-determinism'] ? new LineComparison() : undefined;
  const simulation = new Simulation({
    subject,
    options,
    settle,
    observer: comparison === undefined ? observer : both(observer, comparison.first),
    onLog: (entry) => {
      const line = logLine(entry);
      runFolder?.writeLog(entry.nodeId, line);
      if (values['log-stderr']) progress.print(`${entry.nodeId}: ${line}`);
    },
  });
  const underWay: UnderWay = { run: simulation.run, stopped: false };
  const finish = async () => {
    const startMs = performance.now();
    const outcome = await simulation.finish();
    const harness = describeHarness({ 'simulation-milliseconds': performance.now() - startMs });
    if (comparison === undefined) return { outcome, harness };
    if (!underWay.stopped) {
      const second = new Simulation({ subject, options, settle, observer: comparison.second });
      underWay.run = second.run;
      await second.finish();
    }
    const determinism = underWay.stopped ? STOPPED_BEFORE_TWICE : describeDeterminism(comparison);
    return { outcome: { ...outcome, results: withDeterminism(outcome.results, determinism) }, harness };
  };
  return {
    underWay,
    finish: () => {
      const stopReporting = reportRejections({ report: (violation) => underWay.run.report(violation) });
      return finish().finally(stopReporting);
    },
  };
}

/** A run that a signal stopped cannot be repeated. */
const STOPPED_BEFORE_TWICE: CheckResult = {
  'valid?': 'unknown',
  error: 'the run was stopped before it could be made twice',
};

/** The results, with the verdict on determinism. */
function withDeterminism(results: CheckResult, determinism: CheckResult): CheckResult {
  return { ...results, determinism, 'valid?': mergeValidity([results['valid?'], determinism['valid?']]) };
}

function describeDeterminism({ difference, lineCount }: LineComparison): CheckResult {
  return difference === undefined
    ? { 'valid?': true, 'compared-lines': lineCount }
    : { 'valid?': false, error: `the same seed made another run: ${difference}` };
}

/** The cost of the simulation. Only this text and "harness" in the record depend on this machine. */
export function describeSpeed({ outcome: { results }, harness }: Finished): string {
  const { count: operationCount = 0 } = results.stats as { readonly count?: number };
  const seconds = (harness['simulation-milliseconds'] as number) / 1000;
  const megabytes = harness['resident-megabytes-max'] as number;
  const rate = number(Math.round(operationCount / seconds));
  return `Simulated and checked in ${seconds.toFixed(2)} s: ${rate} operations/s, ${number(Math.ceil(megabytes))} MB at most`;
}

function describeHarness(figures: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  return { ...figures, 'resident-megabytes-max': process.resourceUsage().maxRSS / 1024 };
}
