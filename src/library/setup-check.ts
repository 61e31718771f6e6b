/**
 * Checks what `run`, `fuzz`, `explore` and `replay` are given, by name, type and the limits of the command line: a
 * misspelt option would be a test of something else, unnoticed. An error names the option, what is wrong with it and
 * what would be right.
 */

import { findObstacle, promisesOf } from '../cli/chosen-faults.ts';
import { nearestName } from '../cli/option-guess.ts';
import { parseNumber, parseOneOf, parseWhole } from '../cli/options.ts';
import {
  CLIENT_COUNT_MAX,
  DEPTH_MAX,
  EXPLORED_NODE_COUNT_MAX,
  EXPLORED_OPERATION_COUNT_MAX,
  LATENCY_MS_MAX,
  NODE_COUNT_MAX,
  requireNodeNames,
  SECONDS_MAX,
} from '../cli/run-limits.ts';
import { FAULTS, type Fault } from '../harness/fault.ts';
import { LATENCY_DISTRIBUTIONS } from '../harness/latency.ts';
import { ACTIONS } from '../search/explore-steps.ts';
import { isNodeDefinition } from '../workloads/own-node.ts';
import { isWorkloadDefinition } from '../workloads/own-workload.ts';
import type { Workload } from '../workloads/workload.ts';

/** Of a value in an error. */
const SHOWN_LENGTH_MAX = 60;

/** Throws an Error that says what is expected. */
type Check = (value: unknown) => void;

const number = (minimum: number, maximum?: number): Check => ofType('number', parseNumber(minimum, maximum));
const whole = (minimum: number, maximum?: number): Check => ofType('number', parseWhole(minimum, maximum));
const word = (words: readonly string[]): Check => ofType('string', parseOneOf(words));
const list = (what: string, each: Check): Check => {
  return (value) => {
    if (!Array.isArray(value)) throw new Error(`expected an array of ${what}`);
    for (const item of value) each(item);
  };
};

/** The parsers of the command line, for values that are not texts. */
function ofType(type: 'number' | 'string', parse: (text: string) => unknown): Check {
  return (value) => {
    // A text of digits is no number: "5" + 1 is "51".
    const isOfType = typeof value === type;
    try {
      parse(isOfType ? String(value) : '');
    } catch (error) {
      throw new Error((error as Error).message);
    }
    if (!isOfType) throw new Error('expected a text');
  };
}

const filled: Check = (value) => {
  if (typeof value !== 'string' || value === '') throw new Error("expected a text that is not empty, such as '1'");
};

const SUBJECT: Readonly<Record<string, Check>> = {
  node: (value) => {
    if (!isNodeDefinition(value))
      throw new Error('expected what defineNode made: the default export of the module of a node');
  },
  workload: (value) => {
    if (typeof value !== 'string' && !isWorkloadDefinition(value))
      throw new Error('expected a name, such as broadcast, or what defineWorkload made');
  },
  options: (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new Error("expected an object, such as { topology: 'grid' }");
    for (const [name, given] of Object.entries(value))
      if (!['string', 'number', 'boolean'].includes(typeof given))
        throw new Error(`expected a text, a number or a boolean as ${name}`);
  },
};

const SETUP: Readonly<Record<string, Check>> = {
  ...SUBJECT,
  nodeCount: whole(1, NODE_COUNT_MAX),
  nodes: (value) => {
    list('names of nodes', filled)(value);
    requireNodeNames(value as readonly string[]);
  },
  concurrency: whole(1, CLIENT_COUNT_MAX),
  ratePerSecond: number(0),
  timeLimitMs: number(0, SECONDS_MAX * 1000),
  latencyMeanMs: whole(0, LATENCY_MS_MAX),
  latencyDistribution: word(LATENCY_DISTRIBUTIONS),
  nemesisIntervalMs: number(Number.MIN_VALUE),
  availability: (value) => {
    if (value !== 'total' && !(typeof value === 'number' && value >= 0 && value <= 1))
      throw new Error("expected a number from 0 to 1, or 'total'");
  },
  faults: list('faults', word(FAULTS)),
  shrinkMs: number(0, SECONDS_MAX * 1000),
};

/** What each function takes. */
const KNOWN = {
  run: { ...SETUP, seed: filled },
  fuzz: { ...SETUP, seeds: whole(1), from: whole(0) },
  replay: { ...SETUP, schedule: filled },
  explore: {
    ...SUBJECT,
    nodeCount: whole(1, EXPLORED_NODE_COUNT_MAX),
    operationCount: whole(1, EXPLORED_OPERATION_COUNT_MAX),
    actions: list('actions', word(ACTIONS)),
    depth: whole(1, DEPTH_MAX),
    schedulesMax: whole(1),
    seed: filled,
  },
} satisfies Readonly<Record<string, Readonly<Record<string, Check>>>>;

/** Names on the command line that are not near to those from code. */
const MEANT: Readonly<Record<string, string>> = {
  nemesis: 'faults',
  rate: 'ratePerSecond',
  latency: 'latencyMeanMs',
  limit: 'timeLimitMs',
  operations: 'operationCount',
  'max-schedules': 'schedulesMax',
  seed: 'from',
  shrink: 'shrinkMs',
  workloadOptions: 'options',
};

/**
 * The options without those that are undefined. Throws a TypeError that names what is wrong.
 *
 * @param called the name of the function
 */
export function checkSetup<Given extends object>(called: keyof typeof KNOWN, given: Given): Given {
  if (typeof given !== 'object' || given === null)
    throw new TypeError(`${called} ${show(given)}: expected an object, such as { node, workload: 'broadcast' }`);
  const known: Readonly<Record<string, Check>> = KNOWN[called];
  const set = Object.entries(given).filter(([, value]) => value !== undefined);
  for (const [name, value] of set) {
    const check = Object.hasOwn(known, name) ? known[name] : undefined;
    if (check === undefined) throw new TypeError(describeUnknown(called, name, Object.keys(known)));
    requireValue(name, value, check);
  }
  for (const name of ['node', 'workload', ...(called === 'replay' ? ['schedule'] : [])])
    if (!set.some(([key]) => key === name)) throw new TypeError(`${name} is missing: ${called} needs it`);
  const { nodes, nodeCount } = given as { readonly nodes?: unknown; readonly nodeCount?: unknown };
  if (nodes !== undefined && nodeCount !== undefined)
    throw new TypeError('nodes cannot be combined with nodeCount: it names all nodes');
  return Object.fromEntries(set) as Given;
}

function requireValue(name: string, value: unknown, check: Check): void {
  try {
    check(value);
  } catch (error) {
    throw new TypeError(`${name} ${show(value)}: ${(error as Error).message}`);
  }
}

function describeUnknown(called: string, name: string, known: readonly string[]): string {
  const listed = Object.hasOwn(MEANT, name) ? MEANT[name] : undefined;
  const meant = listed !== undefined && known.includes(listed) ? listed : nearestName(known, name.replaceAll('-', ''));
  const help = meant === undefined ? `expected some of ${known.join(', ')}` : `did you mean ${meant}?`;
  return `${name}: ${called} has no such option; ${help}`;
}

function show(value: unknown): string {
  const text = typeof value === 'object' && value !== null ? tryJson(value) : String(value);
  const shown = typeof value === 'string' ? JSON.stringify(value) : text;
  return shown.length > SHOWN_LENGTH_MAX ? `${shown.slice(0, SHOWN_LENGTH_MAX)}…` : shown;
}

function tryJson(value: object): string {
  try {
    return JSON.stringify(value);
  } catch {
    return 'of this kind';
  }
}

/** Throws a TypeError for a fault that this many simulated nodes cannot suffer. */
export function requireFaults(faults: readonly Fault[], workload: Workload, nodeCount: number): void {
  for (const fault of faults) {
    const reason = obstacleOf(fault, workload, nodeCount);
    if (reason !== undefined) throw new TypeError(`faults: ${fault} ${reason}`);
  }
}

/** Whether the nodes promise to survive a fault, and are enough of them to suffer it. */
export function isSuffered(fault: Fault, workload: Workload, nodeCount: number): boolean {
  return (workload.survives ?? FAULTS).includes(fault) && obstacleOf(fault, workload, nodeCount) === undefined;
}

function obstacleOf(fault: Fault, workload: Workload, nodeCount: number): string | undefined {
  return findObstacle(fault, { nodeCount, bed: 'simulated', ...promisesOf(workload) });
}

/** The options of a workload as texts. Throws a TypeError for one that it does not have, or whose value is wrong. */
export function textsOfOptions(
  { name: workload, test: { options: known = {} } }: Pick<Workload, 'name' | 'test'>,
  given: Readonly<Record<string, string | number | boolean>> = {},
): Readonly<Record<string, string>> | undefined {
  const texts = Object.entries(given).map(([name, value]) => {
    const option = Object.hasOwn(known, name) ? known[name] : undefined;
    if (option === undefined) {
      const names = Object.keys(known);
      const meant = nearestName(names, name);
      const all = names.length === 0 ? 'it has none' : `it has ${names.join(', ')}`;
      const help = meant === undefined ? all : `did you mean ${meant}?`;
      throw new TypeError(`options.${name}: the workload ${workload} has no such option; ${help}`);
    }
    const text = String(value);
    requireValue(`options.${name}`, value, () => option.parse(text));
    return [name, text] as const;
  });
  return texts.length === 0 ? undefined : Object.fromEntries(texts);
}
