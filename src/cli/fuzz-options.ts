/**
 * The options of `snowstorm fuzz`: those of `snowstorm test` that make sense for thousands of short runs. The defaults
 * include every fault.
 */

import { availableParallelism } from 'node:os';
import type { RunOptions } from '../harness/run-options.ts';
import { fuzzOptions } from '../search/fuzz-defaults.ts';
import { drawSwarm, type Swarm, swarmOf } from '../search/swarm.ts';
import type { Workload } from '../workloads/workload.ts';
import type { Loaded } from './author-modules.ts';
import { type Option, type ParsedOptions, parseOneOf, parseWhole, switchOption, UsageError } from './options.ts';
import { interpretRun, requireNode, TEST_OPTIONS } from './test-options.ts';

const SEED_COUNT = 1000;
const JOBS_MAX = 256;

const DEFAULTS = fuzzOptions({ seed: '1' });

export const FUZZ_OPTIONS = {
  workload: TEST_OPTIONS.workload,
  node: TEST_OPTIONS.node,
  seeds: {
    value: 'N',
    text: `How many seeds to try. Default: ${SEED_COUNT}.`,
    absent: SEED_COUNT,
    parse: parseWhole(1),
  } satisfies Option<number>,
  from: {
    value: 'S',
    text: 'The first seed. Seeds are consecutive whole numbers. Default: 1.',
    absent: 1,
    parse: parseWhole(0),
  } satisfies Option<number>,
  'keep-going': switchOption('Tries all seeds even if some fail.'),
  'check-determinism': switchOption('Runs every seed twice, compares every line, and prints a digest of all runs.'),
  jobs: {
    value: 'N',
    text: 'How many runs are made in parallel. Default: one for each core.',
    absent: undefined,
    parse: (text: string): number | undefined => parseWhole(1, JOBS_MAX)(text),
  } satisfies Option<number | undefined>,
  'node-count': TEST_OPTIONS['node-count'],
  nodes: TEST_OPTIONS.nodes,
  'time-limit': {
    ...TEST_OPTIONS['time-limit'],
    text: `How long new operations start. Default: ${DEFAULTS.timeLimitMs / 1000}.`,
    absent: DEFAULTS.timeLimitMs / 1000,
  },
  rate: {
    ...TEST_OPTIONS.rate,
    text: `Operations a second, over all clients. Default: ${DEFAULTS.ratePerSecond}.`,
    absent: DEFAULTS.ratePerSecond,
  },
  concurrency: {
    ...TEST_OPTIONS.concurrency,
    text: 'Number of clients; 4n: four for each node. Default: 4n.',
    absent: { count: DEFAULTS.concurrency / DEFAULTS.nodes.length, perNode: true },
  },
  latency: {
    ...TEST_OPTIONS.latency,
    text: `Mean delay of messages between nodes, in whole ms. Default: ${DEFAULTS.latencyMeanMs}.`,
    absent: DEFAULTS.latencyMeanMs,
  },
  'latency-dist': {
    ...TEST_OPTIONS['latency-dist'],
    text: `How delays are distributed, see test --help. Default: ${DEFAULTS.latencyDistribution}.`,
    absent: DEFAULTS.latencyDistribution,
  },
  nemesis: {
    ...TEST_OPTIONS.nemesis,
    text: 'Faults to inject, see test --help. Default: all.',
    absent: [{ fault: 'all' as const, value: undefined }],
  },
  'nemesis-interval': {
    ...TEST_OPTIONS['nemesis-interval'],
    text: `Mean time between two steps of the nemesis. Default: ${DEFAULTS.nemesisIntervalMs / 1000}.`,
    absent: DEFAULTS.nemesisIntervalMs / 1000,
  },
  swarm: {
    value: 'on|off',
    text: `Whether about half of the seeds run with some of the faults only, with smaller limits of the nodes
and at another pace. What you choose yourself is not drawn. Default: on.`,
    absent: 'on',
    parse: parseOneOf(['on', 'off']),
  } satisfies Option<'on' | 'off'>,
  limits: { ...TEST_OPTIONS.limits, text: 'Smaller limits of the nodes, see test --help. Default: drawn.' },
  availability: TEST_OPTIONS.availability,
  'init-timeout': TEST_OPTIONS['init-timeout'],
  store: { ...TEST_OPTIONS.store, text: 'The folder where a failure is recorded, shrunk, or none. Default: store.' },
  junit: { ...TEST_OPTIONS.junit, text: 'Also writes the verdict on every seed to FILE as JUnit XML, for CI.' },
  help: switchOption('Prints this text.', 'h'),
};

export interface FuzzTask {
  readonly workload: Workload;
  readonly from: number;
  readonly seedCount: number;
  readonly jobs: number;
  /** The options of every run, without its seed and before anything is drawn. */
  readonly options: Omit<RunOptions, 'seed'>;
  /** What each seed draws; undefined: nothing. */
  readonly swarm: Swarm | undefined;
}

/** Options of the pace. If one of them is given, none of them is drawn. */
const PACE = ['rate', 'time-limit', 'concurrency', 'nemesis-interval'];

/** The options of the run of a seed. */
export function optionsOfSeed({ options, swarm }: Pick<FuzzTask, 'options' | 'swarm'>, seed: string): RunOptions {
  return swarm === undefined ? { ...options, seed } : drawSwarm({ ...options, seed }, swarm);
}

/** What the command line asks for. Throws a {@link UsageError} that names what is wrong with it. */
export function interpretFuzzOptions(
  { values, words, rest, texts }: ParsedOptions<typeof FUZZ_OPTIONS>,
  loaded?: Omit<Loaded, 'notes'>,
): FuzzTask {
  const [unexpected] = [...words, ...rest];
  if (unexpected !== undefined) throw new UsageError(`unexpected argument ${JSON.stringify(unexpected)}`);
  const workload = requireNode(values.workload, loaded, 'test');
  const seedsMax = Number.MAX_SAFE_INTEGER - values.from + 1;
  if (values.seeds > seedsMax) {
    const both = `--from ${values.from} and --seeds ${values.seeds}`;
    throw new UsageError(`${both}: seeds go up to ${Number.MAX_SAFE_INTEGER}`);
  }
  return {
    workload,
    from: values.from,
    seedCount: values.seeds,
    jobs: Math.min(values.jobs ?? availableParallelism(), values.seeds),
    options: interpretRun(values, workload, 'simulated', texts),
    swarm: values.swarm === 'off' ? undefined : undrawn(swarmOf(workload), texts),
  };
}

/** @param texts of the options that were given */
function undrawn(swarm: Swarm, texts: Readonly<Record<string, string>>): Swarm {
  const isGiven = (name: string) => texts[name] !== undefined;
  return {
    faults: !isGiven('nemesis'),
    pace: !PACE.some(isGiven),
    limits: isGiven('limits') ? {} : swarm.limits,
    options: Object.fromEntries(Object.entries(swarm.options).filter(([name]) => !isGiven(name))),
  };
}
