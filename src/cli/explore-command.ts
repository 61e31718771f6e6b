/**
 * `snowstorm explore`: a small scenario of a workload, with a crash, a pause or a cut at every step of every node, or
 * with its messages in every order. `snowstorm test` draws faults at random; this command tries all of them, and
 * reports what was covered. The first failure is told step by step and recorded.
 */

import type { Validity } from '../checkers/checker.ts';
import { junitDocument, junitOfExploration } from '../report/junit.ts';
import { explore } from '../search/explore.ts';
import { exploreOrders, followOrder, NoSuchChoiceError } from '../search/explore-orders.ts';
import { drawScenario, type Scenario, type Simulate } from '../search/explore-scenario.ts';
import {
  ACTIONS,
  type Action,
  faultOf,
  type Injection,
  judge,
  NoSuchStepError,
  type PlannedInjection,
  runWithInjections,
  type StepFilter,
  withFaults,
} from '../search/explore-steps.ts';
import type { Simulation } from '../simulator/simulation.ts';
import { WORKLOADS } from '../workloads/registry.ts';
import type { Workload } from '../workloads/workload.ts';
import { count, number } from './amounts.ts';
import type { Loaded } from './author-modules.ts';
import { createSimulate, type FailedRun, tellFailure } from './explore-failure.ts';
import { commandOf, EXPLORE_OPTIONS, type Explored, hitWords, orderWords, SCHEDULES_MAX } from './explore-options.ts';
import { describeInjections, formatExploration, formatHits, formatOrder, formatOrders } from './explore-result.ts';
import { Interruption } from './interruption.ts';
import { checkJunitFile, writeJunit } from './junit-file.ts';
import { parseWithModules } from './module-arguments.ts';
import { describeOptions, drawSeed, type ParsedOptions, UsageError } from './options.ts';
import { Progress } from './progress.ts';
import { reportRejections } from './rejections.ts';
import { requireNode, WORKLOAD_OPTIONS } from './test-options.ts';
import { describeWorkloadOptions, workloadOptionsOf } from './workload-options.ts';

/** Virtual time between the starts of two operations. It gives background work a chance to run in between. */
const OPERATION_INTERVAL_MS = 50;

const EXIT_FAILED = 1;
const EXIT_UNKNOWN = 2;

/** As they are explored. */
const SMALL_WORKLOADS = WORKLOADS.map((workload) => ({ ...workload, test: workload.small ?? workload.test }));

const helpText = (ownHelp: string) => `Usage: snowstorm explore -w NAME [options]

Runs a few operations again and again on virtual time: once for every step of a node (a line sent or received, a
disk operation, a timer) and for every fault that can hit the node there.
${WORKLOADS.map(({ name, text }) => `  ${name.padEnd(12)} ${text}`).join('\n')}

${describeOptions(EXPLORE_OPTIONS)}
${describeWorkloadOptions(SMALL_WORKLOADS)}${ownHelp}
Exit status: 0 all runs valid, 1 one of them invalid, 2 interrupted or undecided, 254 bad arguments, 255 the command itself failed.
`;

type ExploreValues = ParsedOptions<typeof EXPLORE_OPTIONS>['values'];

/** Runs the command; resolves to the exit status. */
export async function exploreCommand(args: readonly string[]): Promise<number> {
  const { parsed, loaded, ownHelp } = await parseWithModules(EXPLORE_OPTIONS, args);
  const { values } = parsed;
  if (values.help) {
    process.stdout.write(helpText(ownHelp));
    return 0;
  }
  const workload = checkOptions(parsed, loaded);
  if (values.junit !== undefined) checkJunitFile(values.junit);
  const explored = describeExploration(workload, parsed);
  let found: Found | undefined;
  let story: string | undefined;
  /** Writes the verdict so far, if there is one. Returns the exit status. */
  const conclude = (): number => {
    if (found === undefined) return EXIT_UNKNOWN;
    const status = exitStatus(found, interruption.came);
    if (values.junit !== undefined) writeJunit(values.junit, describeJunit(found, status, explored, story));
    return status;
  };
  const interruption = new Interruption('after the current run', conclude);
  const watch = new Watch(describeStart(explored), interruption);
  try {
    try {
      found = await search(workload, explored, values, watch, () => interruption.came);
    } finally {
      watch.stop();
      loaded.notes.tell();
    }
    process.stdout.write(`${found.text}\nSeed ${explored.seed}\n`);
    if (found.failed !== undefined) {
      interruption.stopsWhen = 'after the failure is told and recorded';
      interruption.announce = (text) => process.stderr.write(`${text}\n`);
      story = await tellFailure(found.failed, values.store);
    }
    return conclude();
  } finally {
    interruption.ignore();
  }
}

/** Returns the workload with its small test. Throws a {@link UsageError} for options that cannot be combined. */
function checkOptions({ values, words, rest }: ParsedOptions<typeof EXPLORE_OPTIONS>, loaded: Loaded): Workload {
  const { orders, order, hit, depth, actions, at } = values;
  const [unexpected] = [...words, ...rest];
  if (unexpected !== undefined) throw new UsageError(`unexpected argument ${JSON.stringify(unexpected)}`);
  const workload = requireNode(values.workload, loaded, 'explore');
  if ((orders || order !== undefined) && (depth ?? actions ?? at ?? hit) !== undefined)
    throw new UsageError(
      `--${orders ? 'orders' : 'order'} injects no faults, so --depth, --actions, --at and --hit cannot be used`,
    );
  if (orders && order !== undefined) throw new UsageError('--orders tries all orders, so --order cannot be used');
  if (hit !== undefined && depth !== undefined)
    throw new UsageError('--hit makes one run with the hits that it names, so --depth cannot be used');
  return { ...workload, test: workload.small ?? workload.test };
}

/** Those that the nodes promise to survive. */
function survivedActions({ survives }: Workload): readonly Action[] {
  return survives === undefined ? ACTIONS : ACTIONS.filter((action) => survives.includes(faultOf(action)));
}

function describeExploration(workload: Workload, { values, texts }: ParsedOptions<typeof EXPLORE_OPTIONS>): Explored {
  return {
    workload: workload.name,
    modules: workload.modules,
    nodeCount: values['node-count'],
    operationCount: values.operations,
    seed: values.seed ?? drawSeed(),
    actions: values.actions,
    at: values.at,
    options: workloadOptionsOf(workload, WORKLOAD_OPTIONS, texts),
  };
}

function describeStart({ workload, nodeCount, operationCount, seed }: Explored): string {
  return `${workload}: ${count(nodeCount, 'node')}, ${count(operationCount, 'operation')}, seed ${seed}`;
}

/**
 * Makes the runs that the options ask for.
 *
 * @param over whether it must stop before its end
 */
function search(
  workload: Workload,
  explored: Explored,
  values: ExploreValues,
  watch: Watch,
  over: () => boolean,
): Promise<Found> {
  const { orders, order, hit, depth = 1, actions = survivedActions(workload), at, 'max-schedules': limit } = values;
  const { nodeCount, operationCount, seed, options: workloadOptions } = explored;
  const intervalMs = orders || order !== undefined ? 0 : OPERATION_INTERVAL_MS;
  const shared: Shared = {
    workload,
    explored,
    simulate: createSimulate(workload, (simulation) => {
      watch.run = simulation.run;
    }),
    options: drawScenario({ test: workload.test, seed, nodeCount, operationCount, intervalMs, workloadOptions }),
    schedulesMax: limit ?? SCHEDULES_MAX,
    limit: limit === undefined ? [] : ['--max-schedules', String(limit)],
    over,
  };
  if (orders) return runOrders(shared, watch);
  if (order !== undefined) return runOrder(shared, order);
  if (hit !== undefined) return runHits({ ...shared, actions, at }, hit);
  return runSteps({ ...shared, depth, actions, at }, watch);
}

function describeJunit(
  { text, failed, again }: Found,
  status: number,
  { workload, seed }: Explored,
  story: string | undefined,
): string {
  const validity = status === 0 ? true : status === EXIT_FAILED ? false : 'unknown';
  const command = failed?.again ?? again;
  return junitDocument([junitOfExploration({ workload, seed, validity, text, story, command })]);
}

interface Shared {
  readonly workload: Workload;
  readonly explored: Explored;
  readonly simulate: Simulate;
  readonly options: Scenario;
  readonly schedulesMax: number;
  /** The option for it, if it was given. */
  readonly limit: readonly string[];
  readonly over: () => boolean;
}

interface Hits {
  readonly actions: readonly Action[];
  readonly at: string | undefined;
}

/** The result of an exploration. */
interface Found {
  readonly failures: readonly { readonly validity: Validity }[];
  /** Whether all planned runs were made. */
  readonly complete: boolean;
  /** Whether no run could be made. */
  readonly nothing: boolean;
  readonly text: string;
  /** The first invalid run. */
  readonly failed: FailedRun | undefined;
  /** The command that repeats the exploration. */
  readonly again: string;
}

async function runSteps({ at, depth, ...shared }: Shared & Hits & { depth: number }, watch: Watch): Promise<Found> {
  const { explored, options, actions, limit } = shared;
  const counts = stepsWith(at);
  const report = await explore({
    ...shared,
    depth,
    counts,
    onProgress: ({ depth, tried, planned, schedules, failureCount }) => {
      const hits = depth === 1 ? 'one hit' : `${depth} hits`;
      watch.text = `${number(tried)}/${number(planned)} with ${hits}  ${number(schedules)} schedules  ${number(failureCount)} failed`;
    },
  });
  const failure = firstInvalid(report.failures);
  const failed = failure && hitRun(shared, withFaults(options, actions), failure.injections, counts);
  const again = commandOf(explored, [...(depth === 1 ? [] : ['--depth', String(depth)]), ...limit]);
  return { ...report, nothing: report.steps === 0, text: formatExploration(report, actions, at), failed, again };
}

async function runHits({ at, ...shared }: Shared & Hits, hits: readonly PlannedInjection[]): Promise<Found> {
  const { simulate, options, actions, explored } = shared;
  const scenario = withFaults(options, actions);
  const counts = stepsWith(at);
  try {
    const { injections, validity, outcome } = await runWithInjections(simulate, scenario, hits, counts);
    const { results } = outcome;
    const failures = validity === true ? [] : [{ injections, validity, results }];
    const failed = firstInvalid(failures) && hitRun(shared, scenario, injections, counts);
    const text = formatHits(injections, validity, results);
    return { failures, complete: true, nothing: false, text, failed, again: commandOf(explored, hitWords(hits)) };
  } catch (error) {
    if (!(error instanceof NoSuchStepError)) throw error;
    throw new UsageError(`--hit: ${error.message}`);
  }
}

/** A run with these hits. */
function hitRun(
  { workload, explored }: Shared,
  options: Scenario,
  injections: readonly Injection[],
  counts: StepFilter,
): FailedRun {
  return {
    workload,
    options,
    origin: `Seed ${explored.seed}: ${describeInjections(injections)}`,
    repeat: async (simulate) => (await runWithInjections(simulate, options, injections, counts)).outcome,
    again: commandOf(explored, hitWords(injections)),
  };
}

function stepsWith(at: string | undefined): StepFilter {
  return (text) => at === undefined || text.includes(at);
}

/** Undecided runs have no story. */
function firstInvalid<Failure extends { readonly validity: Validity }>(
  failures: readonly Failure[],
): Failure | undefined {
  return failures.find(({ validity }) => validity === false);
}

async function runOrders(shared: Shared, watch: Watch): Promise<Found> {
  const { explored, limit } = shared;
  const report = await exploreOrders({
    ...shared,
    onProgress: ({ runs, schedules, failureCount }) => {
      watch.text = `${number(runs)} runs  ${number(schedules)} schedules  ${number(failureCount)} failed`;
    },
  });
  const failure = firstInvalid(report.failures);
  const failed = failure && orderedRun(shared, failure.choices);
  const again = commandOf(explored, ['--orders', ...limit]);
  return { ...report, nothing: false, text: formatOrders(report), failed, again };
}

async function runOrder(shared: Shared, choices: readonly number[]): Promise<Found> {
  const { simulate, options } = shared;
  try {
    const { results } = await followOrder(simulate, options, choices);
    const validity = judge(results);
    const run = orderedRun(shared, choices);
    return {
      failures: validity === true ? [] : [{ validity }],
      complete: true,
      nothing: false,
      text: formatOrder(choices, validity, results),
      failed: validity === false ? run : undefined,
      again: run.again,
    };
  } catch (error) {
    if (!(error instanceof NoSuchChoiceError)) throw error;
    throw new UsageError(`--order: ${error.message}`);
  }
}

/** A run with its messages in one order. */
function orderedRun({ workload, options, explored }: Shared, choices: readonly number[]): FailedRun {
  return {
    workload,
    options,
    origin: `Seed ${explored.seed}: messages in the order ${choices.join('.')}`,
    repeat: (simulate) => followOrder(simulate, options, choices),
    again: commandOf(explored, orderWords(choices)),
  };
}

/**
 * A limit on schedules was requested, so it is no reason for 2. An interruption is one, and so are steps that do not
 * exist.
 */
function exitStatus({ failures, complete, nothing }: Found, interrupted: boolean): number {
  if (firstInvalid(failures) !== undefined) return EXIT_FAILED;
  return failures.length > 0 || nothing || (interrupted && !complete) ? EXIT_UNKNOWN : 0;
}

/** Shows progress on stderr, and reports unhandled rejections, while it explores. */
class Watch {
  readonly #progress: Progress;
  readonly #stopReporting: () => void;
  text = '';
  /** The current run. */
  run: Simulation['run'] | undefined;

  constructor(firstLine: string, interruption: Interruption) {
    this.#progress = new Progress(process.stderr, () => this.text);
    interruption.announce = (text) => this.#progress.print(text);
    this.#progress.print(firstLine);
    this.#stopReporting = reportRejections({ report: (violation) => this.run?.report(violation) });
  }

  /** Removes the progress from the screen. */
  stop(): void {
    this.#stopReporting();
    this.#progress.stop();
  }
}
