/**
 * The options of `snowstorm test`, with Maelstrom's names and defaults, and their meaning for a run.
 */

import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, resolve } from 'node:path';
import { FAULTS, type Fault, isEngineFault, isMessageFault, NODE_FAULTS, needsMachine } from '../harness/fault.ts';
import { MESSAGE_FAULT_RATE_DEFAULT } from '../harness/fault-plan.ts';
import { LATENCY_DISTRIBUTIONS } from '../harness/latency.ts';
import { INIT_TIMEOUT_MS, type RunOptions } from '../harness/run-options.ts';
import { SERVICE_NAMES } from '../harness/services/names.ts';
import { isClient } from '../protocol/client-id.ts';
import { findWorkload, WORKLOADS } from '../workloads/registry.ts';
import type { Workload } from '../workloads/workload.ts';
import { limitsOption, limitsText, requireLimits } from './node-limits.ts';
import {
  drawSeed,
  exceedOne,
  type Option,
  type ParsedOptions,
  parseNumber,
  parseOneOf,
  parseWhole,
  seedOption,
  switchOption,
  UsageError,
} from './options.ts';
import { tableOfWorkloadOptions, workloadOptionsOf } from './workload-options.ts';

const NODES_DEFAULT = ['n1', 'n2', 'n3', 'n4', 'n5'];
const NODE_COUNT_MAX = 1024;
const TIME_LIMIT_S = 60;
const NEMESIS_INTERVAL_S = 10;
const RATE = 5;
const SHRINK_S = 10;

/** How many message events are recorded by default. */
export const PROCESS_EVENTS = 100_000;
export const SIMULATED_EVENTS = 20_000;

/** The number of workers, in total or for each node. */
interface Concurrency {
  readonly count: number;
  readonly perNode: boolean;
}

/** Maelstrom's. */

const HELP_TEXT_WIDTH = 95;

/** Breaks a long list into lines. */
function wrap(text: string): string {
  return text.replaceAll(new RegExp(`(.{1,${HELP_TEXT_WIDTH}})(?: |$)`, 'g'), '$1\n').trimEnd();
}

/** A fault of the command line. */
export interface ChosenFault {
  readonly fault: Fault | 'all';
  /** Mean interval in ms, or the probability of a message fault; undefined: the default. */
  readonly value: number | undefined;
}

/** The least number of nodes for a fault; 1 for faults that are not listed. */
const FAULT_NODES_MIN: Readonly<Partial<Record<Fault, number>>> = { partition: 2, 'one-way': 2, bridge: 3 };

function parseFaults(text: string): readonly ChosenFault[] {
  return text.split(/\s*,\s*/).map((part) => {
    const [name = '', value, ...more] = part.split('=');
    const fault = parseOneOf([...FAULTS, 'all' as const])(name);
    if (value === undefined) return { fault, value: undefined };
    if (fault === 'all' || more.length > 0) throw new Error(`expected NAME or NAME=N, not ${part}`);
    if (isMessageFault(fault)) return { fault, value: parseNumber(0, 1)(value) };
    return { fault, value: parseNumber(Number.MIN_VALUE)(value) * 1000 };
  });
}

/**
 * The faults of `--nemesis`, as far as this workload and these nodes can suffer them. Throws a {@link UsageError} for a
 * named fault that they cannot suffer.
 */
export function interpretFaults(
  chosen: readonly ChosenFault[],
  { nodeCount, processes, survivesDiskLoss }: { nodeCount: number; processes: boolean; survivesDiskLoss: boolean },
): Pick<RunOptions, 'faults' | 'faultValues'> {
  const obstacle = (fault: Fault): string | undefined => {
    const nodesMin = FAULT_NODES_MIN[fault] ?? 1;
    if (nodeCount < nodesMin) {
      return nodesMin === 2 ? 'needs at least two nodes' : `needs at least ${nodesMin} nodes`;
    }
    if (isEngineFault(fault)) return 'is a fault of a store that the test has started';
    if (processes && needsMachine(fault)) return 'needs a simulated node; leave out --bin';
    if (fault === 'disk-loss' && !survivesDiskLoss) return 'is a fault that this workload does not claim to survive';
    return undefined;
  };
  const faults = new Set<Fault>();
  const faultValues: Partial<Record<Fault, number>> = {};
  for (const { fault, value } of chosen) {
    if (fault === 'all') {
      for (const each of FAULTS) if (obstacle(each) === undefined) faults.add(each);
      continue;
    }
    const reason = obstacle(fault);
    if (reason !== undefined) throw new UsageError(`--nemesis ${fault} ${reason}`);
    faults.add(fault);
    if (value !== undefined) faultValues[fault] = value;
  }
  refuseSurplus([...faults], faultValues);
  return { faults: FAULTS.filter((fault) => faults.has(fault)), faultValues };
}

/**
 * A message meets one fate at most. With a sum above 1 the last faults would be rarer than requested, unnoticed.
 */
function refuseSurplus(faults: readonly Fault[], faultValues: Readonly<Partial<Record<Fault, number>>>): void {
  const rates = faults
    .filter(isMessageFault)
    .map((fault) => ({ fault, rate: faultValues[fault] ?? MESSAGE_FAULT_RATE_DEFAULT }));
  if (!exceedOne(rates.map(({ rate }) => rate))) return;
  const list = rates.map(({ fault, rate }) => `${fault} (${rate})`).join(', ');
  throw new UsageError(`--nemesis: the probabilities of ${list} add up to more than 1`);
}

/** Throws an Error that says what is expected: names that cannot be taken for anything else on the network. */
function parseNodes(text: string): readonly string[] {
  const nodes = text.trim().split(/\s*,\s*/);
  if (nodes.includes('')) throw new Error('expected names of nodes separated by commas, such as n1,n2,n3');
  if (/^\d+$/.test(text))
    throw new Error(`expected names of nodes, such as n1,n2,n3; for ${text} nodes use --node-count ${text}`);
  if (nodes.length > NODE_COUNT_MAX) throw new Error(`expected at most ${NODE_COUNT_MAX} nodes, not ${nodes.length}`);
  const client = nodes.find(isClient);
  if (client !== undefined)
    throw new Error(`expected names that do not begin with c like those of clients, not ${client}`);
  const service = nodes.find((id) => SERVICE_NAMES.includes(id));
  if (service !== undefined) throw new Error(`expected names of nodes, but ${service} is a service`);
  const twice = nodes.find((id, index) => nodes.indexOf(id) < index);
  if (twice !== undefined) throw new Error(`expected each name once, but ${twice} is given twice`);
  return nodes;
}

export const TEST_OPTIONS = {
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
    text: `The program of a node: a path, or a name in PATH. It runs in the system's temporary folder. The
words after -- are its arguments. Without --bin our own node is simulated in this process on
virtual time: hours in seconds, and a seed reproduces its run.`,
    absent: undefined,
    parse: (file: string): string | undefined => file,
  } satisfies Option<string | undefined>,
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
    text: 'Number of clients; 4n: four for each node. Default: 1n.',
    absent: { count: 1, perNode: true },
    parse: (text: string): Concurrency => {
      const match = /^([1-9]\d{0,6})(n?)$/.exec(text);
      if (match === null)
        throw new Error('expected a number of clients such as 10, or of clients for each node such as 2n');
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
    text: `Faults to inject, separated by commas:
${wrap([...NODE_FAULTS, 'all'].join(', '))}.
NAME=N: mean interval in seconds; for ${FAULTS.filter(isMessageFault).join(', ')} a probability
(default ${MESSAGE_FAULT_RATE_DEFAULT}). With --bin there are no faults of disks and clocks. Default: none.`,
    absent: [],
    parse: parseFaults,
  } satisfies Option<readonly ChosenFault[]>,
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
    text: `How long a node may take to start and answer its first init. Default: ${INIT_TIMEOUT_MS / 1000}.`,
    absent: undefined,
    parse: (text: string): number | undefined => parseNumber(Number.MIN_VALUE, 1e6)(text),
  } satisfies Option<number | undefined>,
  limits: limitsOption,
  seed: seedOption('Repeats all choices: pace, values, faults. Default: a new seed, which is printed.'),
  replay: {
    value: 'FILE',
    text: 'Replays a recorded schedule, which replaces all options of the run; not with --bin.',
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
  'check-determinism': switchOption('Runs twice and compares every line; not with --bin.'),
  store: {
    value: 'DIR',
    text: 'The folder where runs are recorded; none: nowhere, not with --bin. Default: store.',
    absent: 'store',
    parse: (text: string): string => {
      if (text === '') throw new Error('expected a folder');
      return text;
    },
  } satisfies Option<string>,
  messages: {
    value: 'N',
    text: `How many message events are recorded at most. Default: ${PROCESS_EVENTS}; without --bin
${SIMULATED_EVENTS}, since the seed reproduces them all.`,
    absent: undefined,
    parse: (text: string): number | undefined => parseWhole(0)(text),
  } satisfies Option<number | undefined>,
  shrink: {
    value: 'SECONDS',
    text: `How long a failing simulated run is shrunk for its report. Default: ${SHRINK_S}.`,
    absent: SHRINK_S,
    parse: parseNumber(0, 1e6),
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

/** What the command line asks for. Throws a {@link UsageError} that names what is wrong with it. */
export function interpretTestOptions({ values, words, rest, texts }: ParsedOptions<typeof TEST_OPTIONS>): {
  workload: Workload;
  /** The program of a node; undefined: nodes are simulated. */
  program: string | undefined;
  options: RunOptions;
} {
  if (words.length > 0)
    throw new UsageError(`unexpected argument ${JSON.stringify(words[0])}; arguments of the node go after --`);
  if (values.workload === undefined) throw new UsageError('-w NAME is missing: name the workload to test');
  if (values.bin === undefined) {
    if (rest.length > 0) throw new UsageError('arguments after -- are for a program: --bin FILE is missing');
  } else {
    if (values['check-determinism']) throw new UsageError('--check-determinism cannot be combined with --bin');
    // Otherwise the error would look like a missing program.
    if (!existsSync(tmpdir())) throw new UsageError(`TMPDIR ${tmpdir()}: there is no such folder; nodes run in it`);
  }
  return {
    workload: values.workload,
    program: values.bin === undefined ? undefined : requireProgram(values.bin),
    options: {
      ...interpretRun(values, values.workload, values.bin !== undefined, texts),
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
>;

/**
 * The run that the options describe, but for its seed. Throws a {@link UsageError} for faults that cannot be had.
 *
 * @param texts of the options that were given, those of the workload among them
 */
export function interpretRun(
  values: RunValues,
  workload: Workload,
  processes: boolean,
  texts: Readonly<Record<string, string>>,
): Omit<RunOptions, 'seed'> {
  if (values.nodes !== undefined && values['node-count'] !== undefined)
    throw new UsageError('--nodes cannot be combined with --node-count: it names all nodes');
  const nodes = values.nodes ?? interpretNodes(values['node-count']);
  const { count, perNode } = values.concurrency;
  const workloadOptions = workloadOptionsOf(workload, WORKLOAD_OPTIONS, texts);
  if (processes) requireNoNodeOptions(workload, workloadOptions);
  const nodeLimits = interpretLimits(values.limits, workload, processes);
  return {
    nodes,
    concurrency: perNode ? count * nodes.length : count,
    ratePerSecond: values.rate,
    timeLimitMs: values['time-limit'] * 1000,
    latencyMeanMs: values.latency,
    latencyDistribution: values['latency-dist'],
    ...interpretFaults(values.nemesis, {
      nodeCount: nodes.length,
      processes,
      survivesDiskLoss: workload.test.survivesDiskLoss,
    }),
    nemesisIntervalMs: values['nemesis-interval'] * 1000,
    ...(values.availability === undefined ? {} : { availability: values.availability }),
    ...(values['init-timeout'] === undefined ? {} : { initTimeoutMs: values['init-timeout'] * 1000 }),
    ...(workloadOptions === undefined ? {} : { workloadOptions }),
    ...(nodeLimits === undefined ? {} : { nodeLimits }),
  };
}

/** A process has options of its own. */
function requireNoNodeOptions({ test }: Workload, given: Readonly<Record<string, string>> = {}): void {
  for (const [name, text] of Object.entries(given)) {
    if (test.options?.[name]?.ofNodes)
      throw new UsageError(`--${name} cannot be combined with --bin; give it to the node: -- --${name} ${text}`);
  }
}

function interpretLimits(
  limits: RunOptions['nodeLimits'],
  workload: Workload,
  processes: boolean,
): RunOptions['nodeLimits'] {
  if (limits !== undefined && processes)
    throw new UsageError('--limits cannot be combined with --bin: a process has its own limits');
  try {
    requireLimits(workload, limits);
  } catch (error) {
    throw new UsageError(`--limits ${limitsText(limits)}: ${(error as Error).message}`);
  }
  return limits;
}

/** The program's full path. A name without a slash that is not a program here is looked up in PATH, as in Maelstrom. */
function requireProgram(file: string): string {
  const program = resolve(file);
  const wrong = (text: string) => new UsageError(`--bin ${file}: ${text}`);
  if (file !== '' && !file.includes('/')) {
    const found = [program, ...pathFolders().map((folder) => resolve(folder, file))].find(isProgram);
    if (found !== undefined) return found;
    if (!existsSync(program)) throw wrong('there is no such file here and no such program in PATH');
  }
  if (!isFile(program, wrong)) throw wrong('this is not a file');
  try {
    accessSync(program, constants.X_OK);
  } catch {
    throw wrong('this file is not executable; chmod +x it');
  }
  return program;
}

function pathFolders(): readonly string[] {
  return (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
}

/** Whether it is an executable file. */
function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function isFile(path: string, wrong: (text: string) => UsageError): boolean {
  try {
    return statSync(path).isFile();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw wrong(code === 'ENOENT' || code === 'ENOTDIR' ? 'there is no such file' : message);
  }
}
