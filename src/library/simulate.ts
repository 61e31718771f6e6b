/**
 * Simulated tests from code: the runs that `snowstorm test`, `fuzz`, `explore` and `--replay` make for a node in a
 * module. A seed makes the same run here and there.
 */

import type { CheckResult, Validity } from '../checkers/checker.ts';
import { makeSmall } from '../cli/make-small.ts';
import { reportRejections } from '../cli/rejections.ts';
import { FAULTS, type Fault } from '../harness/fault.ts';
import { encodeReplay, parseReplay, type Replay } from '../harness/replay.ts';
import type { RunOptions } from '../harness/run-options.ts';
import type { History } from '../history/history.ts';
import { describeImpurity, watchImpurity } from '../host/modules/impurity-watch.ts';
import { startWatchdog } from '../host/modules/watchdog.ts';
import { createSettle } from '../host/settle.ts';
import { formatVerdict } from '../report/result-block.ts';
import { failureSignature } from '../search/failure.ts';
import { runSeed } from '../search/fuzz.ts';
import { fuzzOptions } from '../search/fuzz-defaults.ts';
import { drawSwarm, swarmOf } from '../search/swarm.ts';
import { Simulation } from '../simulator/simulation.ts';
import { withNode } from '../workloads/author-workload.ts';
import type { NodeDefinition } from '../workloads/own-node.ts';
import type { WorkloadDefinition } from '../workloads/own-workload.ts';
import { findWorkload, subjectOf, WORKLOADS } from '../workloads/registry.ts';
import type { Workload } from '../workloads/workload.ts';
import { checkSetup, isSuffered, requireFaults, textsOfOptions } from './setup-check.ts';

const SEEDS = 100;
const SHRINK_MS = 10_000;

/** What is tested, and how hard. */
export interface Setup
  extends Partial<
    Pick<
      RunOptions,
      | 'nodes'
      | 'concurrency'
      | 'ratePerSecond'
      | 'timeLimitMs'
      | 'latencyMeanMs'
      | 'latencyDistribution'
      | 'nemesisIntervalMs'
      | 'availability'
    >
  > {
  /** Made by `defineNode`. */
  readonly node: NodeDefinition;
  /** A workload of Maelstrom's by its name, such as `broadcast`; or one that `defineWorkload` made. */
  readonly workload: string | WorkloadDefinition;
  /** The nodes n0 … n(N-1). Default: five, unless `nodes` names them. */
  readonly nodeCount?: number;
  /** The faults of the runs. Default: those that the node survives. */
  readonly faults?: readonly Fault[];
  /** The options that the workload declares, by name. Default: theirs. */
  readonly options?: Readonly<Record<string, string | number | boolean>>;
  /** How long a failure is shrunk at most, ms. Default: 10 s. */
  readonly shrinkMs?: number;
}

/** What every function here resolves to. `expectValid` and the matcher `toBeValid` take it. */
export interface Report {
  /** `unknown`: the runs show too little to be judged. */
  readonly valid: Validity;
  /** The verdict in a sentence. */
  readonly verdict: string;
  /** The failure, shrunk, event by event; absent if there is none. */
  readonly story?: string;
  /** The shrunk schedule, as JSON, for {@link replay} and `snowstorm test --replay`; absent if there is none. */
  readonly schedule?: string;
  /** Where the node reaches for what no seed repeats, such as the time: sentences with file and line. */
  readonly impurities: readonly string[];
}

/** A report on one run. */
export interface RunReport extends Report {
  /** The seed of the run. */
  readonly seed: string;
  /** By the names of Jepsen and Maelstrom. */
  readonly results: CheckResult;
  /** All operations, in their order. */
  readonly history: History;
}

/** A report on many seeds. */
export interface FuzzReport extends Report {
  /** The seeds that were tried. */
  readonly seedCount: number;
  /** The operations of all runs. */
  readonly operationCount: number;
  /** The seed that failed; absent if none did. */
  readonly failedSeed?: string;
}

/**
 * Makes one run. Rejects with a TypeError that names what is wrong with the options.
 *
 * @param given what is tested, and the seed
 */
export async function run(given: Setup & { readonly seed?: string }): Promise<RunReport> {
  const { seed = '1', ...setup } = checkSetup('run', given);
  const workload = workloadOf(setup);
  const options = optionsOf(setup, workload, seed);
  return watched(async () => {
    const made = await simulate(workload, options);
    return { ...made, seed, ...(await explainIf(made, workload, options, setup)) };
  });
}

/**
 * Makes a run for each seed until one fails, and shrinks that one. Rejects as {@link run} does.
 *
 * @param given what is tested, and with which seeds
 *
 * @example
 * ```ts
 * import type { NodeDefinition } from 'snowstorm';
 * import { expectValid, fuzz } from 'snowstorm/testing';
 *
 * declare const node: NodeDefinition;
 * expectValid(await fuzz({ node, workload: 'broadcast', seeds: 100 }));
 * ```
 */
export async function fuzz(
  given: Setup & {
    /** How many. Default: 100. */
    readonly seeds?: number;
    /** The first one. Default: 1. */
    readonly from?: number;
  },
): Promise<FuzzReport> {
  const { seeds = SEEDS, from = 1, ...setup } = checkSetup('fuzz', given);
  if (seeds > Number.MAX_SAFE_INTEGER - from + 1)
    throw new TypeError(`from ${from} and seeds ${seeds}: seeds go up to ${Number.MAX_SAFE_INTEGER}`);
  const workload = workloadOf(setup);
  const optionsOfSeed = (seed: number) => drawn(setup, workload, String(seed));
  optionsOfSeed(from);
  return watched(async () => {
    let operationCount = 0;
    let undecided: string | undefined;
    for (let seed = from; seed < from + seeds; seed++) {
      const options = optionsOfSeed(seed);
      const onRun = reporter();
      const context = { subject: subjectOf(workload), settle: createSettle(), onRun };
      const verdict = await runSeed(context, options).finally(onRun.stop);
      operationCount += verdict.operationCount;
      const reason = formatVerdict(verdict.results);
      if (verdict.validity === 'unknown') undecided ??= `Seed ${seed}: ${reason}`;
      if (verdict.validity !== false) continue;
      const failed = { valid: false, verdict: `Seed ${seed}: ${reason}`, results: verdict.results } as const;
      const explained = await explainIf(failed, workload, options, setup);
      const seedCount = seed - from + 1;
      return {
        valid: false,
        verdict: failed.verdict,
        seedCount,
        operationCount,
        failedSeed: String(seed),
        ...explained,
      };
    }
    const tally = `${seeds} seeds, ${operationCount} operations: all valid`;
    return {
      valid: undecided === undefined ? true : 'unknown',
      verdict: undecided ?? tally,
      seedCount: seeds,
      operationCount,
    };
  });
}

/**
 * Repeats a recorded schedule: that of a report, or the text of a file that `fuzz` wrote. It has the options of its
 * run, which replace those that are given here. Rejects as {@link run} does.
 *
 * @param given what is tested, and the schedule
 */
export async function replay(given: Setup & { readonly schedule: string }): Promise<RunReport> {
  const { schedule, ...setup } = checkSetup('replay', given);
  const workload = workloadOf(setup);
  const recorded = readSchedule(schedule);
  if (recorded.workload !== workload.name)
    throw new Error(`the schedule is of the workload ${recorded.workload}, not of ${workload.name}`);
  textsOfOptions(workload, recorded.options.workloadOptions);
  return watched(async () => {
    const options = { ...recorded.options, schedule: recorded.schedule };
    const made = await simulate(workload, options);
    return { ...made, seed: options.seed, ...(made.valid === false && { schedule }) };
  });
}

function readSchedule(text: string): Replay {
  try {
    return parseReplay(text);
  } catch (error) {
    throw new TypeError(`schedule: ${(error as Error).message}`);
  }
}

/** Watches the node meanwhile. */
export async function watched<Made>(make: () => Promise<Made>): Promise<Made & Pick<Report, 'impurities'>> {
  const impurities: string[] = [];
  startWatchdog();
  const stop = watchImpurity((use) => impurities.push(describeImpurity(use)));
  try {
    return { ...(await make()), impurities };
  } finally {
    stop();
  }
}

/** Throws an Error if there is no such workload. */
export function workloadOf({ node, workload: asked }: Pick<Setup, 'node' | 'workload'>): Workload {
  const workload = typeof asked === 'string' ? findWorkload(asked) : asked;
  if (workload !== undefined) return withNode(workload, node);
  const names = WORKLOADS.map(({ name }) => name).join(', ');
  throw new Error(`there is no workload ${JSON.stringify(asked)}; expected one of ${names}, or one of yours`);
}

function optionsOf({ nodeCount, ...setup }: Setup, workload: Workload, seed: string): RunOptions {
  const { node: _node, workload: _workload, shrinkMs: _shrinkMs, options: own, faults: chosen, ...given } = setup;
  const names = nodeCount === undefined ? {} : { nodes: Array.from({ length: nodeCount }, (_, index) => `n${index}`) };
  const { concurrency: clients, nodes: usual, ...usualOptions } = fuzzOptions({ seed, test: workload.test });
  const nodes = given.nodes ?? names.nodes ?? usual;
  const concurrency = (clients / usual.length) * nodes.length;
  if (chosen !== undefined) requireFaults(chosen, workload, nodes.length);
  const faults = FAULTS.filter((fault) =>
    chosen === undefined ? isSuffered(fault, workload, nodes.length) : chosen.includes(fault),
  );
  const workloadOptions = textsOfOptions(workload, own);
  return { ...usualOptions, faults, concurrency, ...given, nodes, ...(workloadOptions && { workloadOptions }) };
}

/** What is chosen is not drawn, as on the command line. */
function drawn(setup: Setup, workload: Workload, seed: string): RunOptions {
  const swarm = swarmOf(workload);
  const { ratePerSecond, timeLimitMs, concurrency, nemesisIntervalMs, options = {} } = setup;
  const own = Object.entries(swarm.options).filter(([name]) => options[name] === undefined);
  return drawSwarm(optionsOf(setup, workload, seed), {
    ...swarm,
    faults: setup.faults === undefined,
    pace: (ratePerSecond ?? timeLimitMs ?? concurrency ?? nemesisIntervalMs) === undefined,
    options: Object.fromEntries(own),
  });
}

/** Reports unhandled rejections to the run that is under way. */
function reporter(): ((simulation: Simulation) => void) & { readonly stop: () => void } {
  let running: Simulation | undefined;
  const stop = reportRejections({ report: (violation) => running?.run.report(violation) });
  return Object.assign(
    (simulation: Simulation) => {
      running = simulation;
    },
    { stop },
  );
}

type Made = Pick<RunReport, 'valid' | 'verdict' | 'results' | 'history'>;

async function simulate(workload: Workload, options: RunOptions): Promise<Made> {
  const simulation = new Simulation({ subject: subjectOf(workload), options, settle: createSettle() });
  const stop = reportRejections(simulation.run);
  const { results, history } = await simulation.finish().finally(stop);
  return { valid: results['valid?'], verdict: formatVerdict(results), results, history };
}

async function explainIf(
  { valid, results }: Pick<RunReport, 'valid' | 'results'>,
  workload: Workload,
  options: RunOptions,
  { shrinkMs = SHRINK_MS }: Setup,
): Promise<Pick<Report, 'story' | 'schedule'>> {
  if (valid !== false || failureSignature(results).length === 0) return {};
  const endMs = performance.now() + shrinkMs;
  try {
    const over = () => performance.now() >= endMs;
    const small = await makeSmall(workload, options, { over, onProgress: () => {} });
    const { found } = small;
    return {
      story: `${small.origin}\n\n${small.lines.join('\n')}`,
      schedule: encodeReplay({ workload: workload.name, options: found.options, schedule: found.schedule }),
    };
  } catch (error) {
    return { story: `The run was not made small: ${(error as Error).message}` };
  }
}
