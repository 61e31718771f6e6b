/**
 * The options of `snowstorm test`, with Maelstrom's names and defaults, and their meaning for a run.
 */

import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { LATENCY_DISTRIBUTIONS } from '../harness/latency.ts';
import { INIT_TIMEOUT_MS, type RunOptions } from '../harness/run-options.ts';
import { looksLikeModule } from '../host/modules/load-module.ts';
import { findWorkload, WORKLOADS, withOwnNode } from '../workloads/registry.ts';
import type { TestedWorkload, Workload } from '../workloads/workload.ts';
import { chooseWorkload, type Loaded, nodeOption } from './author-modules.ts';
import { type Ground, interpretFaults, nemesisOption, promisesOf } from './chosen-faults.ts';
import { DEPLOYMENT_OPTIONS, type Deployment, interpretDeployment } from './deployment-options.ts';
import { limitsOption, limitsText, requireLimits } from './node-limits.ts';
import {
  drawSeed,
  type Option,
  type ParsedOptions,
  parseNumber,
  parseOneOf,
  parseWhole,
  seedOption,
  switchOption,
  UsageError,
  wrapList,
} from './options.ts';
import { requireProgram } from './program-file.ts';
import { CLIENT_COUNT_MAX, LATENCY_MS_MAX, NODE_COUNT_MAX, requireNodeNames, SECONDS_MAX } from './run-limits.ts';
import { tableOfWorkloadOptions, workloadOptionsOf } from './workload-options.ts';

const NODES_DEFAULT = ['n1', 'n2', 'n3', 'n4', 'n5'];
const TIME_LIMIT_S = 60;
const NEMESIS_INTERVAL_S = 10;
const RATE = 5;
const SHRINK_S = 10;
const NAMES_MAX = 36 ** 6;
/** An instance opens its store before it serves. */
const SERVICE_INIT_TIMEOUT_MS = 30_000;

/** How many message events are recorded by default. */
export const PROCESS_EVENTS = 100_000;
export const SIMULATED_EVENTS = 20_000;

/** The number of workers, in total or for each node. */
interface Concurrency {
  readonly count: number;
  readonly perNode: boolean;
}

/** Throws an Error that says what is expected: names that cannot be taken for anything else on the network. */
function parseNodes(text: string): readonly string[] {
  const nodes = text.trim().split(/\s*,\s*/);
  if (nodes.includes('')) throw new Error('expected names of nodes separated by commas, such as n1,n2,n3');
  if (/^\d+$/.test(text))
    throw new Error(`expected names of nodes, such as n1,n2,n3; for ${text} nodes use --node-count ${text}`);
  requireNodeNames(nodes);
  return nodes;
}

/** The option `-w`. A module is not loaded yet, so it is undefined. */
function workloadOption(workloads: readonly TestedWorkload[]): Option<TestedWorkload | undefined> {
  const names = workloads.map(({ name }) => name);
  return {
    short: 'w',
    value: 'NAME',
    text: `What to test. Required.\n${wrapList(names)};
or a module of yours, whose default export defineWorkload of snowstorm/testing made.`,
    absent: undefined,
    parse: (name) => {
      if (looksLikeModule(name)) return undefined;
      const workload = workloads.find((known) => known.name === name);
      if (workload === undefined) throw new Error(`expected one of ${names.join(', ')}`);
      return workload;
    },
  };
}

export const TEST_OPTIONS = {
  workload: workloadOption(WORKLOADS),
  node: nodeOption,
  bin: {
    value: 'FILE',
    text: `The program of a node: a path, or a name in PATH. It runs in the system's temporary folder. The
words after -- are its arguments. Without --bin, --serve and --url our own node is simulated in
this process on virtual time: hours in seconds, and a seed reproduces its run.`,
    absent: undefined,
    parse: (file: string): string | undefined => file,
  } satisfies Option<string | undefined>,
  ...DEPLOYMENT_OPTIONS,
  'node-count': {
    value: 'N',
    text: `Runs nodes n0 … n(N-1). Default: the nodes ${NODES_DEFAULT[0]} … ${NODES_DEFAULT[NODES_DEFAULT.length - 1]}.`,
    absent: undefined,
    parse: (text: string): number | undefined => parseWhole(1, NODE_COUNT_MAX)(text),
  } satisfies Option<number | undefined>,
  nodes: {
    value: 'LIST',
    text: 'Runs nodes with these names, separated by commas, in place of --node-count.',
    absent: undefined,
    parse: (text: string): readonly string[] | undefined => parseNodes(text),
  } satisfies Option<readonly string[] | undefined>,
  'time-limit': {
    value: 'SECONDS',
    text: `How long new operations start. Default: ${TIME_LIMIT_S}.`,
    absent: TIME_LIMIT_S,
    parse: parseNumber(0, SECONDS_MAX),
  } satisfies Option<number>,
  rate: {
    value: 'R',
    text: `Operations a second, over all clients. Default: ${RATE}.`,
    absent: RATE,
    parse: parseNumber(0),
  } satisfies Option<number>,
  concurrency: {
    value: 'C',
    text: 'Number of clients; 4n: four for each node. Default: 1n.',
    absent: { count: 1, perNode: true },
    parse: (text: string): Concurrency => {
      const match = /^([1-9]\d*)(n?)$/.exec(text);
      if (match === null || Number(match[1]) > CLIENT_COUNT_MAX)
        throw new Error('expected a number of clients such as 10, or of clients for each node such as 2n');
      return { count: Number(match[1]), perNode: match[2] === 'n' };
    },
  } satisfies Option<Concurrency>,
  latency: {
    value: 'MS',
    text: 'Mean delay of messages between nodes, in whole ms. Default: 0.',
    absent: 0,
    parse: parseWhole(0, LATENCY_MS_MAX),
  } satisfies Option<number>,
  'latency-dist': {
    value: 'TYPE',
    text: `How delays are distributed: ${LATENCY_DISTRIBUTIONS.join(', ')}. Default: constant.`,
    absent: 'constant',
    parse: parseOneOf(LATENCY_DISTRIBUTIONS),
  } satisfies Option<(typeof LATENCY_DISTRIBUTIONS)[number]>,
  nemesis: nemesisOption,
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
  'init-timeout': {
    value: 'SECONDS',
    text: `How long a node may take to start and answer its first init. Default: ${INIT_TIMEOUT_MS / 1000}; with --serve
and --url ${SERVICE_INIT_TIMEOUT_MS / 1000}.`,
    absent: undefined,
    parse: (text: string): number | undefined => parseNumber(Number.MIN_VALUE, SECONDS_MAX)(text) * 1000,
  } satisfies Option<number | undefined>,
  strict: switchOption(`What only rules beyond Jepsen's find makes the run invalid. Without it, it is a warning.`),
  limits: limitsOption,
  seed: seedOption('Repeats all choices: pace, values, faults. Default: a new seed, which is printed.'),
  replay: {
    value: 'FILE',
    text: 'Replays a recorded schedule, which replaces all options of the run; simulated nodes only.',
    absent: undefined,
    parse: (file: string): string | undefined => file,
  } satisfies Option<string | undefined>,
  'test-count': {
    value: 'N',
    text: `Repeats the test up to N times, each time with another seed made from this one, until a run
is not valid. Default: 1.`,
    absent: 1,
    parse: parseWhole(1),
  } satisfies Option<number>,
  'check-determinism': switchOption('Runs twice and compares every line; simulated nodes only.'),
  store: {
    value: 'DIR',
    text: 'The folder where runs are recorded; none: nowhere, simulated nodes only. Default: store.',
    absent: 'store',
    parse: (text: string): string => {
      if (text === '') throw new Error('expected a folder');
      return text;
    },
  } satisfies Option<string>,
  messages: {
    value: 'N',
    text: `How many message events are recorded at most. Default: ${PROCESS_EVENTS}; of simulated
nodes ${SIMULATED_EVENTS}, since the seed reproduces them all.`,
    absent: undefined,
    parse: (text: string): number | undefined => parseWhole(0)(text),
  } satisfies Option<number | undefined>,
  shrink: {
    value: 'SECONDS',
    text: `How long a failing simulated run is shrunk for its report. Default: ${SHRINK_S}.`,
    absent: SHRINK_S,
    parse: parseNumber(0, SECONDS_MAX),
  } satisfies Option<number>,
  junit: {
    value: 'FILE',
    text: 'Also writes the verdict to FILE as JUnit XML, for CI.',
    absent: undefined,
    parse: (file: string): string | undefined => file,
  } satisfies Option<string | undefined>,
  'log-stderr': switchOption('Shows the stderr of the nodes, which is also in node-logs/.'),
  'log-net-send': switchOption('Shows every message on stderr when it is sent. Messages are also in messages.jsonl.'),
  'log-net-recv': switchOption('Shows every message on stderr when it is received.'),
  help: switchOption('Prints this text.', 'h'),
};

/** Node ids, in the order of `node_ids`. */
export function interpretNodes(nodeCount: number | undefined): readonly string[] {
  return nodeCount === undefined ? NODES_DEFAULT : Array.from({ length: nodeCount }, (_, index) => `n${index}`);
}

/** The options of all workloads. */
export const WORKLOAD_OPTIONS = tableOfWorkloadOptions(WORKLOADS, Object.keys(TEST_OPTIONS));

/** What to test: which workload, on which nodes, by which run. */
export interface TestTask {
  readonly workload: TestedWorkload | Workload;
  /** The program of a node; undefined: nodes are simulated, or services. */
  readonly program: string | undefined;
  /** Services that are tested in place of nodes. */
  readonly deployment: Deployment | undefined;
  readonly options: RunOptions;
  /** The challenge of which it is a run, if of any. */
  readonly challenge?: string;
}

/** The names of a run, for a system that keeps what earlier runs left. */
export function drawNames(): string {
  return Math.floor(Math.random() * NAMES_MAX).toString(36);
}

/** Where the nodes of a task live. */
export function bedOf({ program, deployment }: Pick<TestTask, 'program' | 'deployment'>): Ground['bed'] {
  return deployment ?? (program === undefined ? 'simulated' : 'processes');
}

/**
 * A workload that can be simulated. Throws a {@link UsageError} where there is no node.
 *
 * @param why what is done with it: `test`
 */
export function requireNode(
  named: TestedWorkload | undefined,
  loaded: Omit<Loaded, 'notes'> | undefined,
  why: string,
): Workload {
  const workload = chooseWorkload(named, loaded ?? {});
  if (workload === undefined) throw new UsageError(`-w NAME is missing: name the workload to ${why}`);
  if (!isSimulable(workload))
    throw new UsageError(`-w ${workload.name}: there is no node of ours that serves it; give yours with --node MODULE`);
  return withOwnNode(workload);
}

function isSimulable(workload: TestedWorkload | Workload): boolean {
  return 'start' in workload || (workload.modules === undefined && findWorkload(workload.name) !== undefined);
}

/**
 * What the command line asks for. Throws a {@link UsageError} that names what is wrong with it.
 *
 * @param loaded the modules that it names; absent: none
 */
export function interpretTestOptions(
  { values, words, rest, texts }: ParsedOptions<typeof TEST_OPTIONS>,
  loaded: Omit<Loaded, 'notes'> = {},
): TestTask {
  const { bin } = values;
  const workload = chooseWorkload(values.workload, loaded);
  if (words.length > 0)
    throw new UsageError(`unexpected argument ${JSON.stringify(words[0])}; arguments of the node go after --`);
  if (workload === undefined) throw new UsageError('-w NAME is missing: name the workload to test');
  const deployment = interpretDeployment(values, bin, texts, rest);
  if (values.node !== undefined && (deployment !== undefined || bin !== undefined))
    throw new UsageError(`--node cannot be combined with ${deployment?.words[0] ?? '--bin'}: it is simulated`);
  if (!isSimulable(workload) && (deployment !== undefined || bin === undefined))
    throw new UsageError(
      `-w ${workload.name}: there is no node of ours that serves it; name the program of yours with --bin FILE, or its module with --node MODULE`,
    );
  if (deployment === undefined && bin === undefined) {
    if (rest.length > 0) throw new UsageError('arguments after -- are for a program: --bin FILE is missing');
  } else {
    const given = deployment?.words[0] ?? '--bin';
    if (deployment?.kind === 'served' && deployment.engine.kind === 'given' && deployment.engine.store.folder)
      if (values['test-count'] > 1)
        throw new UsageError('--test-count cannot be combined with a folder as --engine: every run needs a new one');
    if (values['check-determinism']) throw new UsageError(`--check-determinism cannot be combined with ${given}`);
    // Otherwise the error would look like a missing program.
    if (!existsSync(tmpdir())) throw new UsageError(`TMPDIR ${tmpdir()}: there is no such folder; nodes run in it`);
  }
  const program = deployment === undefined && bin !== undefined ? requireProgram('bin', bin) : undefined;
  const bed = bedOf({ program, deployment });
  return {
    workload,
    program,
    deployment,
    options: {
      ...interpretRun(values, workload, bed, texts),
      ...(deployment?.isUsed && { names: drawNames() }),
      seed: values.seed ?? drawSeed(),
    },
  };
}

type RunValues = Pick<
  ParsedOptions<typeof TEST_OPTIONS>['values'],
  | 'nodes'
  | 'node-count'
  | 'time-limit'
  | 'rate'
  | 'concurrency'
  | 'latency'
  | 'latency-dist'
  | 'nemesis'
  | 'nemesis-interval'
  | 'availability'
  | 'init-timeout'
  | 'limits'
> & { readonly strict?: boolean };

/**
 * The run that the options describe, but for its seed. Throws a {@link UsageError} for faults that cannot be had.
 *
 * @param texts of the options that were given, those of the workload among them
 */
export function interpretRun(
  values: RunValues,
  workload: TestedWorkload | Workload,
  bed: Ground['bed'],
  texts: Readonly<Record<string, string>>,
): Omit<RunOptions, 'seed'> {
  if (values.nodes !== undefined && values['node-count'] !== undefined)
    throw new UsageError('--nodes cannot be combined with --node-count: it names all nodes');
  const isSimulated = bed === 'simulated';
  const nodes = typeof bed === 'object' ? bed.nodes : (values.nodes ?? interpretNodes(values['node-count']));
  const { count, perNode } = values.concurrency;
  const workloadOptions = workloadOptionsOf(workload, WORKLOAD_OPTIONS, texts);
  if (!isSimulated) requireNoNodeOptions(workload, bed, workloadOptions);
  const nodeLimits = interpretLimits(values.limits, workload, isSimulated);
  const initTimeoutMs = values['init-timeout'] ?? (typeof bed === 'object' ? SERVICE_INIT_TIMEOUT_MS : undefined);
  return {
    nodes,
    concurrency: perNode ? count * nodes.length : count,
    ratePerSecond: values.rate,
    timeLimitMs: values['time-limit'] * 1000,
    latencyMeanMs: values.latency,
    latencyDistribution: values['latency-dist'],
    ...interpretFaults(values.nemesis, {
      nodeCount: nodes.length,
      bed,
      ...promisesOf(workload),
    }),
    nemesisIntervalMs: values['nemesis-interval'] * 1000,
    ...(values.strict && { strict: true }),
    ...(values.availability === undefined ? {} : { availability: values.availability }),
    ...(initTimeoutMs === undefined ? {} : { initTimeoutMs }),
    ...(workloadOptions === undefined ? {} : { workloadOptions }),
    ...(nodeLimits === undefined ? {} : { nodeLimits }),
  };
}

/** A process has options of its own. */
function requireNoNodeOptions(
  { test }: TestedWorkload,
  bed: Ground['bed'],
  given: Readonly<Record<string, string>> = {},
): void {
  for (const [name, text] of Object.entries(given)) {
    if (!test.options?.[name]?.ofNodes) continue;
    if (typeof bed === 'object')
      throw new UsageError(`--${name} cannot be combined with ${bed.words[0]}: it is for simulated nodes`);
    throw new UsageError(`--${name} cannot be combined with --bin; give it to the node: -- --${name} ${text}`);
  }
}

function interpretLimits(
  limits: RunOptions['nodeLimits'],
  workload: TestedWorkload,
  isSimulated: boolean,
): RunOptions['nodeLimits'] {
  if (limits !== undefined && !isSimulated)
    throw new UsageError('--limits cannot be combined with --bin: a process has its own limits');
  try {
    requireLimits(workload, limits);
  } catch (error) {
    throw new UsageError(`--limits ${limitsText(limits)}: ${(error as Error).message}`);
  }
  return limits;
}
