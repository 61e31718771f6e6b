/**
 * `snowstorm explore`: a small scenario of a workload, with a crash, a pause or a cut at every step of every node, or
 * with its messages in every order. Where `snowstorm test` draws, this enumerates, and says what was covered. The first
 * failure is told step by step and recorded.
 */

import type { Validity } from '../checkers/checker.ts';
import { junitDocument, junitOfExploration } from '../report/junit.ts';
import { explore } from '../search/explore.ts';
import { exploreOrders, followOrder, NoSuchChoiceError } from '../search/explore-orders.ts';
import { drawScenario, type Scenario, type Simulate } from '../search/explore-scenario.ts';
import {
  ACTIONS,
  type Action,
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
import { createSimulate, type FailedRun, tellFailure } from './explore-failure.ts';
import { commandOf, EXPLORE_OPTIONS, type Explored, hitWords, orderWords, SCHEDULES_MAX } from './explore-options.ts';
import { describeInjections, formatExploration, formatHits, formatOrder, formatOrders } from './explore-result.ts';
import { Interruption } from './interruption.ts';
import { checkJunitFile, writeJunit } from './junit-file.ts';
import { describeOptions, drawSeed, parseOptions, UsageError } from './options.ts';
import { Progress } from './progress.ts';
import { reportRejections } from './rejections.ts';

/**
 * Between the beginnings of two operations, ms. Time is virtual; only the order matters, and what goes on in the
 * background meanwhile.
 */
const OPERATION_INTERVAL_MS = 50;

const EXIT_FAILED = 1;
const EXIT_UNKNOWN = 2;

const HELP = `Usage: snowstorm explore -w NAME [options]

Runs a few operations again and again on virtual time: once for every step that a node takes into the world or
the world into it (a line sent or received, a disk operation, a timer) and for everything that can hit it there.
${WORKLOADS.map(({ name, text }) => `  ${name.padEnd(12)} ${text}`).join('\n')}

${describeOptions(EXPLORE_OPTIONS)}

Exit status: 0 all runs valid, 1 one of them invalid, 2 interrupted or nothing could be told, 254 bad arguments, 255 the command itself failed.
`;

/** Runs the command; resolves to the exit status. */
export async function exploreCommand(args: readonly string[]): Promise<number> {
  const { values, words, rest } = parseOptions(EXPLORE_OPTIONS, args);
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const [unexpected] = [...words, ...rest];
  if (unexpected !== undefined) throw new UsageError(`unexpected argument ${JSON.stringify(unexpected)}`);
  const { orders, order, hit, store, junit, at } = values;
  if (values.workload === undefined) throw new UsageError('-w NAME is missing: which workload is to be explored?');
  if ((orders || order !== undefined) && (values.depth ?? values.actions ?? at ?? hit) !== undefined)
    throw new UsageError(
      `--${orders ? 'orders' : 'order'} goes without --depth, --actions, --at and --hit: it hits nobody`,
    );
  if (orders && order !== undefined) throw new UsageError('--orders goes without --order: it tries all of them');
  if (hit !== undefined && values.depth !== undefined)
    throw new UsageError('--hit goes without --depth: it makes one run, with as many hits as it names');
  if (junit !== undefined) checkJunitFile(junit);
  const workload: Workload = { ...values.workload, test: values.workload.small ?? values.workload.test };
  const explored: Explored = {
    workload: workload.name,
    nodeCount: values['node-count'],
    operationCount: values.operations,
    seed: values.seed ?? drawSeed(),
    actions: values.actions,
    at,
  };
  const { nodeCount, operationCount, seed } = explored;
  const options = drawScenario({
    test: workload.test,
    seed,
    nodeCount,
    operationCount,
    intervalMs: orders || order !== undefined ? 0 : OPERATION_INTERVAL_MS,
  });
  const schedulesMax = values['max-schedules'] ?? SCHEDULES_MAX;
  const limit = values['max-schedules'] === undefined ? [] : ['--max-schedules', String(schedulesMax)];
  const start = `${workload.name}: ${count(nodeCount, 'node')}, ${count(operationCount, 'operation')}, seed ${seed}`;
  let found: Found | undefined;
  let story: string | undefined;
  /** What is known by now; nothing is written of an exploration that has found nothing yet. */
  const conclude = (): number => {
    if (found === undefined) return EXIT_UNKNOWN;
    const status = exitStatus(found, interruption.came);
    if (junit !== undefined) writeJunit(junit, describeJunit(found, status, explored, story));
    return status;
  };
  const interruption = new Interruption('when the run under way is finished', conclude);
  const watch = new Watch(start, interruption);
  const simulate = createSimulate(workload, (simulation) => {
    watch.run = simulation.run;
  });
  const over = () => interruption.came;
  const shared: Shared = { workload, explored, simulate, options, schedulesMax, limit, over };
  const { actions = ACTIONS } = values;
  try {
    try {
      if (orders) found = await runOrders(shared, watch);
      else if (order !== undefined) found = await runOrder(shared, order);
      else if (hit !== undefined) found = await runHits({ ...shared, actions, at }, hit);
      else found = await runSteps({ ...shared, depth: values.depth ?? 1, actions, at }, watch);
    } finally {
      watch.stop();
    }
    process.stdout.write(`${found.text}\nSeed ${seed}\n`);
    if (found.failed !== undefined) {
      interruption.goingOn = 'when the failure is told and recorded';
      interruption.announce = (text) => process.stderr.write(`${text}\n`);
      story = await tellFailure(found.failed, store);
    }
    return conclude();
  } finally {
    interruption.ignore();
  }
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
  /** The option that says so, where it was given. */
  readonly limit: readonly string[];
  readonly over: () => boolean;
}

interface Hits {
  readonly actions: readonly Action[];
  readonly at: string | undefined;
}

/** What came of it. */
interface Found {
  readonly failures: readonly { readonly validity: Validity }[];
  /** Whether everything was tried that was to be. */
  readonly complete: boolean;
  /** Whether there was nothing that could be tried. */
  readonly nothing: boolean;
  readonly text: string;
  /** The first run that is invalid. */
  readonly failed: FailedRun | undefined;
  /** The command that does it all once more. */
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

/** A run with hits, as it is told. */
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

/** Those of which nobody can tell have nothing to be told. */
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

/** A run with its messages in one order, as it is told. */
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
 * A limit is what was asked for; who is interrupted, or has named steps that there are none of, has not seen what was
 * asked for.
 */
function exitStatus({ failures, complete, nothing }: Found, interrupted: boolean): number {
  if (firstInvalid(failures) !== undefined) return EXIT_FAILED;
  return failures.length > 0 || nothing || (interrupted && !complete) ? EXIT_UNKNOWN : 0;
}

/** What is seen and heard while it explores: progress on stderr, promises that nobody hears. */
class Watch {
  readonly #progress: Progress;
  readonly #stopReporting: () => void;
  text = '';
  /** The run that goes on. */
  run: Simulation['run'] | undefined;

  constructor(firstLine: string, interruption: Interruption) {
    this.#progress = new Progress(process.stderr, () => this.text);
    interruption.announce = (text) => this.#progress.print(text);
    this.#progress.print(firstLine);
    this.#stopReporting = reportRejections({ report: (violation) => this.run?.report(violation) });
  }

  /** Leaves the screen as if no progress had been shown. */
  stop(): void {
    this.#stopReporting();
    this.#progress.stop();
  }
}
