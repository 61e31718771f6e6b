/**
 * `snowstorm test`: real node processes, Maelstrom's network, a verdict. Options, defaults and exit statuses are Maelstrom's.
 */

import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import type { CheckResult, Validity } from '../checkers/checker.ts';
import { ProcessBed } from '../host/process-bed.ts';
import { createRealScheduler } from '../host/real-scheduler.ts';
import { Store } from '../host/store.ts';
import { partitionShapes } from '../simulator/grudge.ts';
import { LATENCY_DISTRIBUTIONS } from '../simulator/latency.ts';
import { FAULTS, type Fault } from '../simulator/nemesis.ts';
import { TestRun } from '../simulator/run.ts';
import type { RunOptions } from '../simulator/run-options.ts';
import { findWorkload, WORKLOADS } from '../workloads/registry.ts';
import type { Workload } from '../workloads/workload.ts';
import {
  describeOptions,
  type Option,
  type ParsedOptions,
  parseNumber,
  parseOneOf,
  parseOptions,
  parseWhole,
  switchOption,
  UsageError,
} from './options.ts';
import { Progress } from './progress.ts';
import { formatResults, formatVerdict } from './result-block.ts';

const EXIT_STATUS: ReadonlyMap<Validity, number> = new Map<Validity, number>([
  [true, 0],
  [false, 1],
  ['unknown', 2],
]);

const NODES_DEFAULT = ['n1', 'n2', 'n3', 'n4', 'n5'];
const NODE_COUNT_MAX = 1024;
const TIME_LIMIT_S = 60;
const NEMESIS_INTERVAL_S = 10;
const RATE = 5;
const SEED_MAX = 2 ** 32;

/** Workers, or workers a node. */
interface Concurrency {
  readonly count: number;
  readonly perNode: boolean;
}

const OPTIONS = {
  workload: {
    short: 'w',
    value: 'NAME',
    text: `What to test: ${WORKLOADS.map(({ name }) => name).join(', ')}. Required.`,
    absent: undefined,
    parse: (name: string): Workload | undefined => {
      const workload = findWorkload(name);
      if (workload === undefined) throw new Error(`expected one of ${WORKLOADS.map((known) => known.name).join(', ')}`);
      return workload;
    },
  } satisfies Option<Workload | undefined>,
  bin: {
    value: 'FILE',
    text: 'The program that runs a node. Required. What follows -- goes to it as arguments.',
    absent: undefined,
    parse: (file: string): string | undefined => file,
  } satisfies Option<string | undefined>,
  'node-count': {
    value: 'N',
    text: `Runs nodes n0 … n(N-1). Default: the nodes ${NODES_DEFAULT[0]} … ${NODES_DEFAULT[NODES_DEFAULT.length - 1]}.`,
    absent: undefined,
    parse: (text: string): number | undefined => parseWhole(1, NODE_COUNT_MAX)(text),
  } satisfies Option<number | undefined>,
  'time-limit': {
    value: 'SECONDS',
    text: `How long operations are begun. Default: ${TIME_LIMIT_S}.`,
    absent: TIME_LIMIT_S,
    parse: parseNumber(0, 1e6),
  } satisfies Option<number>,
  rate: {
    value: 'R',
    text: `Operations a second, over all clients. Default: ${RATE}.`,
    absent: RATE,
    parse: parseNumber(0),
  } satisfies Option<number>,
  concurrency: {
    value: 'C',
    text: 'Number of clients; 4n: four a node. Default: 1n.',
    absent: { count: 1, perNode: true },
    parse: (text: string): Concurrency => {
      const match = /^([1-9]\d{0,6})(n?)$/.exec(text);
      if (match === null) throw new Error('expected a number of clients such as 10, or of clients a node such as 2n');
      return { count: Number(match[1]), perNode: match[2] === 'n' };
    },
  } satisfies Option<Concurrency>,
  latency: {
    value: 'MS',
    text: 'Mean delay of messages between nodes, in whole ms. Default: 0.',
    absent: 0,
    parse: parseWhole(0, 1e6),
  } satisfies Option<number>,
  'latency-dist': {
    value: 'TYPE',
    text: `How delays are distributed: ${LATENCY_DISTRIBUTIONS.join(', ')}. Default: constant.`,
    absent: 'constant',
    parse: parseOneOf(LATENCY_DISTRIBUTIONS),
  } satisfies Option<(typeof LATENCY_DISTRIBUTIONS)[number]>,
  nemesis: {
    value: 'FAULTS',
    text: `Faults to inject, separated by commas: ${FAULTS.join(', ')}. Default: none.`,
    absent: [],
    parse: (text: string): readonly Fault[] => [...new Set(text.split(/\s*,\s*/).map(parseOneOf(FAULTS)))],
  } satisfies Option<readonly Fault[]>,
  'nemesis-interval': {
    value: 'SECONDS',
    text: `Mean time between two steps of the nemesis. Default: ${NEMESIS_INTERVAL_S}.`,
    absent: NEMESIS_INTERVAL_S,
    parse: parseNumber(Number.MIN_VALUE),
  } satisfies Option<number>,
  availability: {
    value: 'A',
    text: 'Fraction of operations that must be ok: a number from 0 to 1, or total. Default: not checked.',
    absent: undefined,
    parse: (text: string): RunOptions['availability'] | undefined =>
      text === 'total' ? 'total' : parseNumber(0, 1)(text),
  } satisfies Option<RunOptions['availability'] | undefined>,
  seed: {
    value: 'SEED',
    text: 'Makes the same choices again: pace, values, faults. Default: a new one, printed.',
    absent: undefined,
    parse: (text: string): string | undefined => {
      if (text === '') throw new Error('expected a number or a word');
      return text;
    },
  } satisfies Option<string | undefined>,
  store: {
    value: 'DIR',
    text: 'Where runs are recorded. Default: store.',
    absent: 'store',
    parse: (text: string): string => {
      if (text === '') throw new Error('expected a folder');
      return text;
    },
  } satisfies Option<string>,
  'log-stderr': switchOption('Shows what the nodes write to stderr; it is in node-logs/ anyway.'),
  help: switchOption('Prints this text.', 'h'),
};

const HELP = `Usage: snowstorm test -w NAME --bin FILE [options] [-- arguments of the node]

Starts real processes, sends them what Maelstrom would, injects faults, checks the history.
${WORKLOADS.map(({ name, text }) => `  ${name.padEnd(12)} ${text}`).join('\n')}

${describeOptions(OPTIONS)}

Exit status: 0 valid, 1 invalid, 2 unknown, 254 bad arguments, 255 the command itself failed.
`;

/** Runs the command; resolves to the exit status. */
export async function testCommand(args: readonly string[]): Promise<number> {
  const parsed = parseOptions(OPTIONS, args);
  if (parsed.values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const { workload, program, options } = interpret(parsed);
  const store = openStore(parsed.values.store, workload.name);
  const progress = new Progress(process.stderr, options.timeLimitMs, () => run.status());
  const bed = new ProcessBed({
    program,
    args: parsed.rest,
    logFolder: store.logFolder,
    ...(parsed.values['log-stderr'] && {
      onStderr: (nodeId: string, line: string) => progress.print(`${nodeId}: ${line}`),
    }),
  });
  // Since the process began, so that the record can tell how long its start took.
  const schedulerStartMs = performance.now();
  const run = new TestRun(options, workload.test, bed, createRealScheduler(), {
    onOperation: (operation) => store.writeOperation(operation),
    onMessage: (event, message, timeMs) => store.writeMessage(event, message, timeMs),
  });
  progress.print(describeRun(workload, options, program));
  stopOnSignals(run, progress);
  let results: CheckResult;
  let harness: Readonly<Record<string, number>>;
  try {
    const outcome = await run.run();
    results = outcome.results;
    harness = {
      'start-milliseconds': outcome.startMs + schedulerStartMs,
      'resident-megabytes-max': process.resourceUsage().maxRSS / 1024,
    };
  } finally {
    progress.stop();
    await bed.close();
  }
  // Before anything else may fail: the result is what all the time was spent for.
  process.stdout.write(`${formatResults(results)}\n\n`);
  await store.finish({
    options: { workload: workload.name, program, args: parsed.rest, ...options },
    harness,
    ...results,
  });
  const { leftOut } = store;
  process.stdout.write(
    `Recorded in ${store.folder}, seed ${options.seed}\n${leftOut === undefined ? '' : `${leftOut}\n`}`,
  );
  process.stdout.write(`${formatVerdict(results)}\n`);
  return EXIT_STATUS.get(results['valid?']) as number;
}

function interpret({ values, words }: ParsedOptions<typeof OPTIONS>): {
  workload: Workload;
  program: string;
  options: RunOptions;
} {
  if (words.length > 0)
    throw new UsageError(`unexpected argument ${JSON.stringify(words[0])}; arguments of the node go after --`);
  if (values.workload === undefined) throw new UsageError('-w NAME is missing: which workload is to be tested?');
  if (values.bin === undefined) throw new UsageError('--bin FILE is missing: which program runs a node?');
  const nodeCount = values['node-count'];
  const nodes = nodeCount === undefined ? NODES_DEFAULT : Array.from({ length: nodeCount }, (_, index) => `n${index}`);
  if (values.nemesis.includes('partition') && partitionShapes(nodes.length).length === 0) {
    throw new UsageError('--nemesis partition needs at least two nodes: a single one cannot be cut off from anybody');
  }
  // Left to itself this would look like a program that is not there.
  if (!existsSync(tmpdir())) throw new UsageError(`TMPDIR ${tmpdir()}: there is no such folder; nodes run in it`);
  const { count, perNode } = values.concurrency;
  return {
    workload: values.workload,
    program: requireProgram(values.bin),
    options: {
      nodes,
      concurrency: perNode ? count * nodes.length : count,
      ratePerSecond: values.rate,
      timeLimitMs: values['time-limit'] * 1000,
      latencyMeanMs: values.latency,
      latencyDistribution: values['latency-dist'],
      faults: values.nemesis,
      nemesisIntervalMs: values['nemesis-interval'] * 1000,
      seed: values.seed ?? String(Math.floor(Math.random() * SEED_MAX)),
      ...(values.availability === undefined ? {} : { availability: values.availability }),
    },
  };
}

function requireProgram(file: string): string {
  const program = resolve(file);
  const wrong = (text: string) => new UsageError(`--bin ${file}: ${text}`);
  if (!isFile(program, wrong)) throw wrong('this is not a file');
  try {
    accessSync(program, constants.X_OK);
  } catch {
    throw wrong('this file may not be executed; chmod +x it');
  }
  return program;
}

function isFile(path: string, wrong: (text: string) => UsageError): boolean {
  try {
    return statSync(path).isFile();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw wrong(code === 'ENOENT' || code === 'ENOTDIR' ? 'there is no such file' : message);
  }
}

function openStore(root: string, workload: string): Store {
  try {
    return new Store(root, workload, new Date());
  } catch (error) {
    throw new UsageError(`--store ${root}: ${(error as Error).message}`);
  }
}

/**
 * The first signal ends the run and keeps its verdict; a second one does not wait for what is under way. Later ones, and those that come while
 * the record is written, do nothing: the verdict is close.
 */
function stopOnSignals(run: TestRun, progress: Progress): void {
  let signals = 0;
  const onSignal = () => {
    if (++signals > 1) return run.abort();
    progress.print('stopping: the verdict will be on what has run; once more to stop at once');
    return run.stop();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
}

function describeRun(workload: Workload, options: RunOptions, program: string): string {
  const { nodes, concurrency, ratePerSecond, timeLimitMs, faults, seed } = options;
  const clients = `${concurrency} client${concurrency === 1 ? '' : 's'}`;
  const faultText = faults.length === 0 ? 'no faults' : `faults: ${faults.join(', ')}`;
  return `${workload.name}: ${nodes.length} × ${program}, ${clients}, ${ratePerSecond}/s for ${timeLimitMs / 1000} s, ${faultText}, seed ${seed}`;
}
