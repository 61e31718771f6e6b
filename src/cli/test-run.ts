/**
 * One run of a test: it is made, recorded, told and judged, and signals end it with its verdict.
 */

import { join, relative } from 'node:path';
import type { CheckResult } from '../checkers/checker.ts';
import { REPLAY_FILE, SHRUNK_FOLDER } from '../host/records/recorded-run.ts';
import type { RunFolder } from '../host/records/run-folder.ts';
import { type JunitCase, junitCaseOfRun, junitDocument, junitOfRun } from '../report/junit.ts';
import { formatAdvice, formatResults, formatVerdict, formatWarnings } from '../report/result-block.ts';
import { failureSignature } from '../search/failure.ts';
import { withOwnNode } from '../workloads/registry.ts';
import { exitStatusOf } from './exit-status.ts';
import { writeJunit } from './junit-file.ts';
import { makeSmall } from './make-small.ts';
import { describeLimits } from './node-limits.ts';
import { UsageError } from './options.ts';
import { describeProgress, Progress } from './progress.ts';
import { createRunFolder, finishRecord, recordIn, tryToDrawReport } from './recording.ts';
import { recordSmall, sayNotMadeSmall } from './small-failure.ts';
import { replayCommand, shellWord, testArguments } from './test-arguments.ts';
import {
  describeSpeed,
  type Execution,
  execute,
  type Finished,
  type TestOptions,
  type UnderWay,
  withMessageLog,
} from './test-execution.ts';
import { bedOf, PROCESS_EVENTS, SIMULATED_EVENTS, type TestTask } from './test-options.ts';

/** The test was given up before it began. */
const EXIT_QUIT = 2;

/** One run of a test, which may be one of many. */
export interface Round {
  readonly task: TestTask;
  readonly parsed: TestOptions;
  readonly signals: Signals;
  /** Those of earlier runs, for JUnit. This run adds its own. */
  readonly cases: JunitCase[];
  /** From 1. */
  readonly number: number;
  readonly count: number;
  /** When the round began, by the clock of this process. */
  readonly beganMs: number;
  /** Prints what leads to the verdict: results, record and report. */
  readonly tell: (text: string) => void;
}

/** A run that has ended, recorded and told. */
export interface RunEnd {
  readonly results: CheckResult;
  readonly status: number;
  /** Whether a signal stopped it before its end. */
  readonly interrupted: boolean;
  /** The path of its report; undefined if there is none. */
  readonly report: string | undefined;
}

/** Makes a run, tells its results, records it, and prints its verdict. */
export async function runOnce(round: Round): Promise<RunEnd> {
  const { task, parsed, signals, number, count, beganMs, tell } = round;
  const { values } = parsed;
  const { options } = task;
  const startedAt = new Date();
  const runFolder = openRunFolder(task, values, startedAt);
  const recording = runFolder === undefined ? undefined : recordIn(runFolder, options.nodes);
  let execution: Execution | undefined;
  const describeRunning = describeProgress(options.timeLimitMs, () => (execution as Execution).underWay.run.status());
  const progress = new Progress(process.stderr, () =>
    execution === undefined ? 'starting the store' : describeRunning(),
  );
  const observer = withMessageLog(recording?.observer ?? {}, parsed, progress);
  let finished: Finished;
  try {
    quitOnSecondSignal(signals, progress);
    execution = await execute(task, parsed, { runFolder, progress, observer, beganMs });
    // Before the first line: its reader may send a signal at once.
    stopOnSignals(signals, execution.underWay, progress);
    progress.print(describeRun(round));
    finished = await execution.finish();
  } finally {
    progress.stop();
  }
  const { outcome, harness } = finished;
  const interrupted = execution.underWay.stopped;
  const { results } = outcome;
  if (count > 1) tell(`Run ${number} of ${count}, seed ${options.seed}\n\n`);
  tell(`${formatResults(results)}\n\n`);
  if (bedOf(task) === 'simulated') tell(`${describeSpeed(finished)}\n`);
  const again = describeAgain(task, parsed);
  const files = new FileProblems();
  files.attempt(() => {
    if (values.junit !== undefined) writeJunit(values.junit, describeJunit(round, results, again));
  });
  files.attempt(() => {
    if (runFolder === undefined) return;
    finishRecord(runFolder, {
      time: startedAt.toISOString(),
      again,
      options: describeOptionsOf(round),
      harness,
      traffic: recording?.traffic.entries(),
      ...(interrupted && { interrupted }),
      ...results,
    });
  });
  /** Prints the verdict as the last line of stdout, and reports file problems. Returns the exit status. */
  const conclude = (): number => {
    process.stdout.write(`${formatWarnings(results)}${formatAdvice(results)}${formatVerdict(results)}\n`);
    files.throwAny();
    return exitStatusOf(results['valid?']);
  };
  if (bedOf(task) === 'simulated' && !interrupted && hasFailed(results) && values.shrink > 0)
    await explain(round, runFolder, conclude);
  let report: string | undefined;
  if (runFolder !== undefined) {
    tell(describeRecord(runFolder, round, interrupted));
    report = tryToDrawReport(runFolder.folder, outcome.history);
    if (report !== undefined) tell(`Report: ${report}\n`);
  }
  return { results, status: conclude(), interrupted, report };
}

/** The options of the run, for its record. */
function describeOptionsOf({ task, parsed, number, count }: Round): Readonly<Record<string, unknown>> {
  const { workload, options } = task;
  const program = describeProgram(task) ?? null;
  const run = count > 1 ? { run: `${number} of ${count}` } : {};
  return { workload: workload.name, program, args: parsed.rest, ...options, ...run };
}

/**
 * Errors of writing files. They stop neither the other files nor the verdict.
 */
class FileProblems {
  readonly #errors: unknown[] = [];

  attempt(write: () => void): void {
    try {
      write();
    } catch (error) {
      this.#errors.push(error);
    }
  }

  /** Throws an Error if there were any. */
  throwAny(): void {
    if (this.#errors.length > 1) throw new Error(this.#errors.map((error) => (error as Error).message).join('\n'));
    if (this.#errors.length > 0) throw this.#errors[0];
  }
}

/**
 * Whether a simulated run broke a rule, so that it can be shrunk. A difference between two runs of one seed cannot.
 */
function hasFailed({ determinism: _, ...results }: CheckResult): boolean {
  return failureSignature(results).length > 0;
}

/**
 * Shrinks a failing run, tells it, and records it in the folder of the run. A signal stops shrinking and keeps the
 * smallest failure so far; a second one ends the process. Errors here do not change the verdict.
 *
 * @param conclude ends the command at a second signal. An error that it throws there is a crash.
 */
async function explain(round: Round, runFolder: RunFolder | undefined, conclude: () => number): Promise<void> {
  const { task, parsed, signals, tell } = round;
  const { options } = task;
  const workload = withOwnNode(task.workload);
  const endMs = performance.now() + parsed.values.shrink * 1000;
  let runs = 0;
  let stopped = false;
  const progress = new Progress(process.stderr, () => `the run failed; shrinking: ${runs} runs`);
  signals.onSignal = () => {
    if (stopped) {
      if (runFolder !== undefined) tell(describeRecord(runFolder, round));
      process.exit(conclude());
    }
    stopped = true;
    progress.print('keeping the smallest failure so far; Ctrl-C again to quit');
  };
  try {
    const small = await makeSmall(workload, options, {
      over: () => stopped || performance.now() >= endMs,
      onProgress: (count) => {
        runs = count;
      },
    });
    tell(`\n${small.origin}\n\n${small.lines.join('\n')}\n\n`);
    if (runFolder === undefined) return;
    const nested = runFolder.nested(SHRUNK_FOLDER);
    await recordSmall(
      nested,
      workload,
      small,
      replayCommand(relative('', join(nested.folder, REPLAY_FILE)), workload.modules),
    );
  } catch (error) {
    sayNotMadeSmall(error);
  } finally {
    signals.onSignal = () => {};
    progress.stop();
  }
}

function describeRecord({ folder, leftOut }: RunFolder, { task, number, count }: Round, interrupted = false): string {
  const run = count > 1 ? `run ${number} of ${count}` : [];
  const stopped = interrupted ? 'stopped by a signal before its end' : [];
  return `Recorded in ${[folder, run, `seed ${task.options.seed}`, stopped, leftOut ?? []].flat().join(', ')}\n`;
}

function describeAgain(task: TestTask, { values, rest }: TestOptions): string {
  const { workload, options } = task;
  const command =
    values.replay !== undefined
      ? [replayCommand(values.replay, workload.modules)]
      : ['snowstorm', 'test', ...testArguments(workload, options, bedOf(task)).map(shellWord)];
  const twice = values['check-determinism'] ? ['--check-determinism'] : [];
  const program = programOf(task);
  const node = program === undefined ? [] : ['--bin', shellWord(program)];
  const nodeArguments = rest.length === 0 ? [] : ['--', ...rest.map(shellWord)];
  return [...command, ...twice, ...node, ...nodeArguments].join(' ');
}

/** What --bin named. */
function programOf({ program, deployment }: TestTask): string | undefined {
  return deployment?.kind === 'served' ? deployment.program : program;
}

/** A case for each checker. Of a repeated test a case for each run so far. */
function describeJunit({ task, cases, number, count }: Round, results: CheckResult, command: string): string {
  const { workload, options } = task;
  const run = { workload: workload.name, seed: options.seed, results, reason: formatVerdict(results), command };
  if (count === 1) return junitDocument([junitOfRun(run)]);
  cases.push(junitCaseOfRun(run, number));
  return junitDocument([{ name: `snowstorm.${workload.name}`, cases }]);
}

/** Undefined if nothing is recorded. */
function openRunFolder(task: TestTask, { store, messages }: TestOptions['values'], time: Date): RunFolder | undefined {
  const isSimulated = bedOf(task) === 'simulated';
  if (store === 'none') {
    if (isSimulated) return undefined;
    throw new UsageError(
      `--store none cannot be combined with ${task.deployment?.words[0] ?? '--bin'}: processes write logs`,
    );
  }
  const { name } = task.workload;
  return createRunFolder(store, name, time, messages ?? (isSimulated ? SIMULATED_EVENTS : PROCESS_EVENTS));
}

/**
 * The effect of a signal changes during the command. There is always a listener: without one a signal would end the
 * process, and the verdict would be lost.
 */
export class Signals {
  onSignal: () => void = () => {};
  /** Whether a signal came. */
  came = false;

  constructor() {
    const listener = () => {
      this.came = true;
      this.onSignal();
    };
    process.on('SIGINT', listener).on('SIGTERM', listener);
  }
}

/** While the store under services starts there is no verdict to keep yet. What was started ends with this process. */
function quitOnSecondSignal(signals: Signals, progress: Progress): void {
  signals.onSignal = () => {
    signals.onSignal = () => process.exit(EXIT_QUIT);
    progress.print('stopping when the store has started; Ctrl-C again to quit');
  };
}

/**
 * The first signal ends the run and keeps its verdict. A second one does not wait for operations in flight. Later ones,
 * and those during the writing of the record, do nothing: the verdict is close.
 */
function stopOnSignals(signals: Signals, underWay: UnderWay, progress: Progress): void {
  signals.onSignal = () => {
    if (underWay.stopped) return underWay.run.abort();
    underWay.stopped = true;
    progress.print('stopping: the verdict covers what has run so far; Ctrl-C again to quit');
    return underWay.run.stop();
  };
  if (signals.came) signals.onSignal();
}

function describeRun({ task, number, count }: Round): string {
  const { workload, options } = task;
  const { concurrency, ratePerSecond, timeLimitMs, faults, seed, schedule, nodeLimits } = options;
  const clients = `${concurrency} client${concurrency === 1 ? '' : 's'}`;
  const faultText = faults.length === 0 ? 'no faults' : `faults: ${faults.join(', ')}`;
  const work =
    schedule === undefined
      ? `${ratePerSecond}/s for ${timeLimitMs / 1000} s, ${faultText}`
      : `replaying ${schedule.operations.length} operations and ${schedule.faults.length + schedule.messages.length} faults`;
  const run = count > 1 ? `run ${number} of ${count}: ` : '';
  return `${run}${workload.name}: ${describeNodes(task)}, ${clients}, ${work}${describeLimits(nodeLimits)}, seed ${seed}`;
}

function describeNodes(task: TestTask): string {
  const { nodes } = task.options;
  const program = describeProgram(task);
  if (program === undefined) return `${nodes.length} simulated nodes`;
  const isModule = task.workload.modules?.node !== undefined;
  return `${nodes.length} ${isModule ? 'simulated ' : ''}× ${program}`;
}

/** What a node is: a program, a module of an author, services; undefined: our own, simulated. */
function describeProgram({ program, deployment, workload }: TestTask): string | undefined {
  if (deployment === undefined) return program ?? workload.modules?.node;
  if (deployment.kind === 'external') return `service at ${deployment.urls.join(', ')}`;
  return `${deployment.program ?? 'snowstorm'} serve on ${deployment.engine.text}`;
}
