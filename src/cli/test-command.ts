/**
 * `snowstorm test`: nodes, Maelstrom's network, a verdict. With `--bin` the nodes are processes, without it they are simulated in this one. Options,
 * defaults and exit statuses are Maelstrom's.
 */

import { readFileSync } from 'node:fs';
import { type CheckResult, mergeValidity, type Validity } from '../checkers/checker.ts';
import { ProcessBed } from '../host/process-bed.ts';
import { createRealScheduler } from '../host/real-scheduler.ts';
import { both, LineComparison } from '../host/run-lines.ts';
import { createSettle } from '../host/settle.ts';
import { Store } from '../host/store.ts';
import { formatResults, formatVerdict } from '../report/result-block.ts';
import { type RunObserver, type RunOutcome, TestRun } from '../simulator/run.ts';
import type { RunOptions } from '../simulator/run-options.ts';
import { parseReplay } from '../simulator/schedule.ts';
import { Simulation } from '../simulator/simulation.ts';
import { findWorkload, subjectOf, WORKLOADS } from '../workloads/registry.ts';
import type { Workload } from '../workloads/workload.ts';
import { number } from './amounts.ts';
import { describeOptions, type ParsedOptions, parseOptions, UsageError } from './options.ts';
import { describeProgress, Progress } from './progress.ts';
import { reportRejections } from './rejections.ts';
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

type TestOptions = ParsedOptions<typeof TEST_OPTIONS>;

/** What is to be run. */
interface Task {
  readonly workload: Workload;
  readonly program: string | undefined;
  readonly options: RunOptions;
}

/** The run that goes on, for whoever watches and stops it. */
interface UnderWay {
  run: TestRun;
  /** Whether somebody wanted it to end before its time. */
  stopped: boolean;
}

/** How a run is made and ended, whatever bed it has. */
interface Execution {
  readonly underWay: UnderWay;
  /** Carries the run out, and says what is to be recorded about this machine. */
  readonly finish: () => Promise<{ outcome: RunOutcome; harness: Readonly<Record<string, number>> }>;
}

/** Runs the command; resolves to the exit status. */
export async function testCommand(args: readonly string[]): Promise<number> {
  const parsed = parseOptions(TEST_OPTIONS, args);
  if (parsed.values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const task =
    parsed.values.replay === undefined ? interpretTestOptions(parsed) : readReplay(parsed, parsed.values.replay);
  const { workload, options } = task;
  const store = openStore(parsed, workload.name);
  const progress = new Progress(
    process.stderr,
    describeProgress(options.timeLimitMs, () => execution.underWay.run.status()),
  );
  const record: RunObserver = store === undefined ? {} : recordIn(store);
  const execution =
    task.program === undefined
      ? simulate(task, parsed, store, progress, record)
      : runProcesses(task, task.program, parsed, store as Store, progress, record);
  // First of all: whoever sees the first line may send a signal.
  stopOnSignals(execution.underWay, progress);
  progress.print(describeRun(task));
  let finished: Awaited<ReturnType<Execution['finish']>>;
  try {
    finished = await execution.finish();
  } finally {
    progress.stop();
  }
  const { results } = finished.outcome;
  process.stdout.write(`${formatResults(results)}\n\n`);
  if (task.program === undefined) process.stdout.write(`${describeSpeed(finished)}\n`);
  try {
    if (store !== undefined) {
      store.finish({
        options: { workload: workload.name, program: task.program ?? null, args: parsed.rest, ...options },
        harness: finished.harness,
        ...results,
      });
      process.stdout.write(
        `Recorded in ${[store.folder, `seed ${options.seed}`, store.leftOut ?? []].flat().join(', ')}\n`,
      );
    }
  } finally {
    // Whatever becomes of the record: the verdict is what all the time was spent for.
    process.stdout.write(`${formatVerdict(results)}\n`);
  }
  return EXIT_STATUS.get(results['valid?']) as number;
}

function runProcesses(
  { workload, options }: Task,
  program: string,
  { values, rest }: TestOptions,
  store: Store,
  progress: Progress,
  record: RunObserver,
): Execution {
  const bed = new ProcessBed({
    program,
    args: rest,
    logFolder: store.logFolder,
    ...(values['log-stderr'] && {
      onStderr: (nodeId: string, line: string) => progress.print(`${nodeId}: ${line}`),
    }),
  });
  // Since the process began, so that the record can tell how long its start took.
  const schedulerStartMs = performance.now();
  const run = new TestRun(options, workload.test, bed, createRealScheduler(), record);
  return {
    underWay: { run, stopped: false },
    finish: async () => {
      try {
        const outcome = await run.run();
        return { outcome, harness: describeHarness({ 'start-milliseconds': outcome.startMs + schedulerStartMs }) };
      } finally {
        await bed.close();
      }
    },
  };
}

function simulate(
  { workload, options }: Task,
  { values }: TestOptions,
  store: Store | undefined,
  progress: Progress,
  record: RunObserver,
): Execution {
  const settle = createSettle();
  const subject = subjectOf(workload);
  const comparison = values['check-determinism'] ? new LineComparison() : undefined;
  const simulation = new Simulation({
    subject,
    options,
    settle,
    observer: comparison === undefined ? record : both(record, comparison.first),
    onLog: ({ nodeId, level, wallMs, message, fields }) => {
      const line = JSON.stringify({ level, time: new Date(wallMs).toISOString(), node: nodeId, message, ...fields });
      store?.writeLog(nodeId, line);
      if (values['log-stderr']) progress.print(`${nodeId}: ${line}`);
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

/** Where somebody stopped it in the real world, the same seed does not make the same run. */
const STOPPED_BEFORE_TWICE: CheckResult = {
  'valid?': 'unknown',
  error: 'the run was stopped before it could be made twice',
};

/** The results, with one checker more. */
function withDeterminism(results: CheckResult, determinism: CheckResult): CheckResult {
  return { ...results, determinism, 'valid?': mergeValidity([results['valid?'], determinism['valid?']]) };
}

function describeDeterminism({ difference, lineCount }: LineComparison): CheckResult {
  return difference === undefined
    ? { 'valid?': true, 'compared-lines': lineCount }
    : { 'valid?': false, error: `the same seed made another run: ${difference}` };
}

/** What the simulation cost. Only here and in the record's "harness" does anything depend on this machine. */
function describeSpeed({ outcome: { results }, harness }: Awaited<ReturnType<Execution['finish']>>): string {
  const { count: operationCount = 0 } = results.stats as { readonly count?: number };
  const seconds = (harness['simulation-milliseconds'] as number) / 1000;
  const megabytes = harness['resident-megabytes-max'] as number;
  const rate = number(Math.round(operationCount / seconds));
  return `Simulated and checked in ${seconds.toFixed(2)} s: ${rate} operations/s, ${number(Math.ceil(megabytes))} MB at most`;
}

function describeHarness(figures: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  return { ...figures, 'resident-megabytes-max': process.resourceUsage().maxRSS / 1024 };
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
function openStore({ values }: TestOptions, workload: string): Store | undefined {
  const { store, bin } = values;
  if (store === 'none') {
    if (bin !== undefined) throw new UsageError('--store none goes without --bin only: processes have logs');
    return undefined;
  }
  try {
    return new Store(
      store,
      workload,
      new Date(),
      values.messages ?? (bin === undefined ? SIMULATED_EVENTS : PROCESS_EVENTS),
    );
  } catch (error) {
    throw new UsageError(`--store ${store}: ${(error as Error).message}`);
  }
}

function recordIn(store: Store): RunObserver {
  return {
    onOperation: (operation) => store.writeOperation(operation),
    onMessage: (event, message, timeMs) => store.writeMessage(event, message, timeMs),
  };
}

/**
 * The first signal ends the run and keeps its verdict; a second one does not wait for what is under way. Later ones, and those that come while
 * the record is written, do nothing: the verdict is close.
 */
function stopOnSignals(underWay: UnderWay, progress: Progress): void {
  const onSignal = () => {
    if (underWay.stopped) return underWay.run.abort();
    underWay.stopped = true;
    progress.print('stopping: the verdict will be on what has run; once more to stop at once');
    return underWay.run.stop();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
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
