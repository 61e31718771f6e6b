/**
 * `snowstorm test`: nodes, Maelstrom's network, a verdict. With `--bin` the nodes are processes, without it they are simulated in this one. Options,
 * defaults and exit statuses are Maelstrom's.
 */

import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { CheckResult, Validity } from '../checkers/checker.ts';
import { REPLAY_FILE, SHRUNK_FOLDER } from '../host/recorded-run.ts';
import type { Store } from '../host/store.ts';
import { junitDocument, junitOfRun } from '../report/junit.ts';
import { formatResults, formatVerdict } from '../report/result-block.ts';
import { failureSignature } from '../search/failure.ts';
import type { RunOptions } from '../simulator/run-options.ts';
import { parseReplay } from '../simulator/schedule.ts';
import { findWorkload, WORKLOADS } from '../workloads/registry.ts';
import { checkJunitFile, writeJunit } from './junit-file.ts';
import { describeOptions, parseOptions, UsageError } from './options.ts';
import { describeProgress, Progress } from './progress.ts';
import { createStore, finishRecord, recordIn, tryToDrawReport } from './recording.ts';
import { makeSmall, recordSmall, sayNotMadeSmall } from './small-failure.ts';
import { replayCommand, shellWord, testArguments } from './test-arguments.ts';
import {
  describeSpeed,
  execute,
  type Finished,
  type Task,
  type TestOptions,
  type UnderWay,
  withMessageLog,
} from './test-execution.ts';
import { interpretTestOptions, PROCESS_EVENTS, SIMULATED_EVENTS, TEST_OPTIONS } from './test-options.ts';

export const EXIT_STATUS: ReadonlyMap<Validity, number> = new Map<Validity, number>([
  [true, 0],
  [false, 1],
  ['unknown', 2],
]);

const HELP = `Usage: snowstorm test -w NAME [options]
       snowstorm test -w NAME --bin FILE [options] [-- arguments of the node]

Runs nodes, sends them what Maelstrom would, injects faults, checks the history.
${WORKLOADS.map(({ name, text }) => `  ${name.padEnd(12)} ${text}`).join('\n')}

${describeOptions(TEST_OPTIONS)}

Exit status: 0 valid, 1 invalid, 2 unknown, 254 bad arguments, 255 the command itself failed.
`;

/** Runs the command; resolves to the exit status. */
export async function testCommand(args: readonly string[]): Promise<number> {
  const parsed = parseOptions(TEST_OPTIONS, args);
  if (parsed.values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const { values } = parsed;
  const task = values.replay === undefined ? interpretTestOptions(parsed) : readReplay(parsed, values.replay);
  const { workload, options } = task;
  if (values.junit !== undefined) checkJunitFile(values.junit);
  const startedAt = new Date();
  const store = openStore(parsed, workload.name, startedAt);
  const recording = store === undefined ? undefined : recordIn(store, options.nodes);
  const progress = new Progress(
    process.stderr,
    describeProgress(options.timeLimitMs, () => execution.underWay.run.status()),
  );
  const observer = withMessageLog(recording?.observer ?? {}, parsed, progress);
  const execution = execute(task, parsed, { store, progress, observer });
  // First of all: whoever sees the first line may send a signal.
  const signals = new Signals();
  stopOnSignals(signals, execution.underWay, progress);
  progress.print(describeRun(task));
  let finished: Finished;
  try {
    finished = await execution.finish();
  } finally {
    progress.stop();
  }
  const { outcome, harness } = finished;
  const interrupted = execution.underWay.stopped;
  const { results } = outcome;
  process.stdout.write(`${formatResults(results)}\n\n`);
  if (task.program === undefined) process.stdout.write(`${describeSpeed(finished)}\n`);
  const again = describeAgain(task, parsed);
  const files = new FileProblems();
  files.attempt(() => {
    if (values.junit !== undefined) writeJunit(values.junit, describeJunit(task, results, again));
  });
  files.attempt(() => {
    if (store === undefined) return;
    finishRecord(store, {
      time: startedAt.toISOString(),
      again,
      options: { workload: workload.name, program: task.program ?? null, args: parsed.rest, ...options },
      harness,
      traffic: recording?.traffic.entries(),
      ...(interrupted && { interrupted }),
      ...results,
    });
  });
  /** Tells the verdict, which is the last word on stdout whatever became of the files. Returns the exit status. */
  const conclude = (): number => {
    process.stdout.write(`${formatVerdict(results)}\n`);
    files.throwAny();
    return EXIT_STATUS.get(results['valid?']) as number;
  };
  if (task.program === undefined && !interrupted && hasFailed(results) && values.shrink > 0)
    await explain(task, values.shrink, store, signals, conclude);
  if (store !== undefined) {
    process.stdout.write(describeRecord(store, options, interrupted));
    const report = tryToDrawReport(store.folder, outcome.history);
    if (report !== undefined) process.stdout.write(`Report: ${report}\n`);
  }
  return conclude();
}

/** What keeps files from being written. None of it keeps the others from being written, or the verdict from being told. */
class FileProblems {
  readonly #errors: unknown[] = [];

  attempt(write: () => void): void {
    try {
      write();
    } catch (error) {
      this.#errors.push(error);
    }
  }

  /** Throws if there were any. */
  throwAny(): void {
    if (this.#errors.length > 1) throw new Error(this.#errors.map((error) => (error as Error).message).join('\n'));
    if (this.#errors.length > 0) throw this.#errors[0];
  }
}

/** Whether a simulated run broke a rule, so that smaller ones can be held against it; two runs of one seed that differ are another matter. */
function hasFailed({ determinism: _, ...results }: CheckResult): boolean {
  return failureSignature(results).length > 0;
}

/**
 * Makes a failing run small, tells it, and records it within the record of the run. A signal ends it with what there is; a second one ends the process. Nothing
 * that goes wrong here changes the verdict.
 *
 * @param conclude the end of the command, where a second signal brings it at once. What it throws nobody catches, and is a crash.
 */
async function explain(
  { workload, options }: Task,
  seconds: number,
  store: Store | undefined,
  signals: Signals,
  conclude: () => number,
): Promise<void> {
  const endMs = performance.now() + seconds * 1000;
  let runs = 0;
  let stopped = false;
  const progress = new Progress(process.stderr, () => `the run failed; making it smaller: ${runs} runs`);
  signals.onSignal = () => {
    if (stopped) {
      if (store !== undefined) process.stdout.write(describeRecord(store, options));
      process.exit(conclude());
    }
    stopped = true;
    progress.print('stopping: what is as small as it is by now will do; once more to stop at once');
  };
  try {
    const small = await makeSmall(workload, options, {
      over: () => stopped || performance.now() >= endMs,
      onProgress: (count) => {
        runs = count;
      },
    });
    process.stdout.write(`\n${small.origin}\n\n${small.lines.join('\n')}\n\n`);
    if (store === undefined) return;
    const nested = store.nested(SHRUNK_FOLDER);
    await recordSmall(nested, workload, small, replayCommand(relative('', join(nested.folder, REPLAY_FILE))));
  } catch (error) {
    sayNotMadeSmall(error);
  } finally {
    signals.onSignal = () => {};
    progress.stop();
  }
}

function describeRecord({ folder, leftOut }: Store, { seed }: RunOptions, interrupted = false): string {
  const stopped = interrupted ? 'stopped by a signal before its end' : [];
  return `Recorded in ${[folder, `seed ${seed}`, stopped, leftOut ?? []].flat().join(', ')}\n`;
}

function describeAgain({ workload, program, options }: Task, { values, rest }: TestOptions): string {
  const command =
    values.replay !== undefined
      ? [replayCommand(values.replay)]
      : ['snowstorm', 'test', ...testArguments(workload, options).map(shellWord)];
  const twice = values['check-determinism'] ? ['--check-determinism'] : [];
  const node = program === undefined ? [] : ['--bin', shellWord(program)];
  const nodeArguments = rest.length === 0 ? [] : ['--', ...rest.map(shellWord)];
  return [...command, ...twice, ...node, ...nodeArguments].join(' ');
}

function describeJunit({ workload, options: { seed } }: Task, results: CheckResult, command: string): string {
  return junitDocument([
    junitOfRun({ workload: workload.name, seed, results, reason: formatVerdict(results), command }),
  ]);
}

function readReplay({ values, words, rest }: TestOptions, file: string): Task {
  if (values.bin !== undefined || rest.length > 0) throw new UsageError('--replay goes without --bin only');
  if (words.length > 0) throw new UsageError(`unexpected argument ${JSON.stringify(words[0])}`);
  try {
    const replay = parseReplay(readFileSync(file, 'utf8'));
    const workload = findWorkload(replay.workload);
    if (workload === undefined) throw new Error(`there is no workload ${JSON.stringify(replay.workload)}`);
    return { workload, program: undefined, options: { ...replay.options, schedule: replay.schedule } };
  } catch (error) {
    throw new UsageError(`--replay ${file}: ${(error as Error).message}`);
  }
}

/** Undefined where nothing is to be recorded. */
function openStore({ values }: TestOptions, workload: string, time: Date): Store | undefined {
  const { store, bin, messages } = values;
  if (store === 'none') {
    if (bin !== undefined) throw new UsageError('--store none goes without --bin only: processes have logs');
    return undefined;
  }
  return createStore(store, workload, time, messages ?? (bin === undefined ? SIMULATED_EVENTS : PROCESS_EVENTS));
}

/** What a signal does changes as the command goes on. It is listened to without a gap: left alone a signal ends the process, and the verdict is lost. */
class Signals {
  onSignal: () => void = () => {};

  constructor() {
    const listener = () => this.onSignal();
    process.on('SIGINT', listener).on('SIGTERM', listener);
  }
}

/**
 * The first signal ends the run and keeps its verdict; a second one does not wait for what is under way. Later ones, and those that come while
 * the record is written, do nothing: the verdict is close.
 */
function stopOnSignals(signals: Signals, underWay: UnderWay, progress: Progress): void {
  signals.onSignal = () => {
    if (underWay.stopped) return underWay.run.abort();
    underWay.stopped = true;
    progress.print('stopping: the verdict will be on what has run; once more to stop at once');
    return underWay.run.stop();
  };
}

function describeRun({ workload, options, program }: Task): string {
  const { nodes, concurrency, ratePerSecond, timeLimitMs, faults, seed, schedule } = options;
  const clients = `${concurrency} client${concurrency === 1 ? '' : 's'}`;
  const faultText = faults.length === 0 ? 'no faults' : `faults: ${faults.join(', ')}`;
  const where = program === undefined ? `${nodes.length} simulated nodes` : `${nodes.length} × ${program}`;
  const work =
    schedule === undefined
      ? `${ratePerSecond}/s for ${timeLimitMs / 1000} s, ${faultText}`
      : `replaying ${schedule.operations.length} operations and ${schedule.faults.length + schedule.messages.length} faults`;
  return `${workload.name}: ${where}, ${clients}, ${work}, seed ${seed}`;
}
