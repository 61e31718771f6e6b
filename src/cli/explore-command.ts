/**
 * `snowstorm explore`: a small scenario of a workload, with a crash, a pause or a cut at every step of every node, or with its messages in every
 * order. Where `snowstorm test` draws, this enumerates, and says what was covered. The first failure is told step by step and recorded.
 */

import type { Validity } from '../checkers/checker.ts';
import { junitDocument, junitOfExploration } from '../report/junit.ts';
import { explore } from '../search/explore.ts';
import { exploreOrders, followOrder } from '../search/explore-orders.ts';
import { drawScenario, type Scenario, type Simulate } from '../search/explore-scenario.ts';
import {
  ACTIONS,
  type Action,
  type Injection,
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
import { commandOf, EXPLORE_OPTIONS, type Explored, hitWords, SCHEDULES_MAX } from './explore-options.ts';
import { describeInjections, formatExploration, formatHits, formatOrders } from './explore-result.ts';
import { checkJunitFile, writeJunit } from './junit-file.ts';
import { describeOptions, drawSeed, parseOptions, UsageError } from './options.ts';
import { Progress } from './progress.ts';
import { reportRejections } from './rejections.ts';

/** Between the beginnings of two operations, ms. Time is virtual; only the order matters, and what goes on in the background meanwhile. */
const OPERATION_INTERVAL_MS = 50;

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
  const { orders, hit, store, junit, at } = values;
  if (values.workload === undefined) throw new UsageError('-w NAME is missing: which workload is to be explored?');
  if (orders && (values.depth ?? values.actions ?? at ?? hit) !== undefined)
    throw new UsageError('--orders goes without --depth, --actions, --at and --hit: it hits nobody');
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
    intervalMs: orders ? 0 : OPERATION_INTERVAL_MS,
  });
  const schedulesMax = values['max-schedules'] ?? SCHEDULES_MAX;
  const limit = values['max-schedules'] === undefined ? [] : ['--max-schedules', String(schedulesMax)];
  const start = `${workload.name}: ${count(nodeCount, 'node')}, ${count(operationCount, 'operation')}, seed ${seed}`;
  const watch = new Watch(process.stderr, start);
  const simulate = createSimulate(workload, (simulation) => {
    watch.run = simulation.run;
  });
  const shared: Shared = { workload, explored, simulate, options, schedulesMax, limit, over: () => watch.stopping };
  const { actions = ACTIONS } = values;
  let found: Found;
  try {
    found = orders
      ? await runOrders(shared, watch)
      : hit === undefined
        ? await runSteps({ ...shared, depth: values.depth ?? 1, actions, at }, watch)
        : await runHits({ ...shared, actions, at }, hit);
  } finally {
    watch.stop();
  }
  const { text, failed, again } = found;
  process.stdout.write(`${text}\nSeed ${seed}\n`);
  const status = exitStatus(found, watch.stopping);
  let story: string | undefined;
  try {
    if (failed !== undefined) story = await tellFailure(failed, store);
    return status;
  } finally {
    if (junit !== undefined) {
      const validity = status === 0 ? true : status === 1 ? false : 'unknown';
      const run = { workload: workload.name, seed, validity, text, story, command: failed?.again ?? again } as const;
      writeJunit(junit, junitDocument([junitOfExploration(run)]));
    }
  }
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
  return { ...report, text: formatExploration(report, actions, at), failed, again };
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
    return { failures, complete: true, text, failed, again: commandOf(explored, hitWords(hits)) };
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
  const { workload, explored, options, limit } = shared;
  const report = await exploreOrders({
    ...shared,
    onProgress: ({ runs, schedules, failureCount }) => {
      watch.text = `${number(runs)} runs  ${number(schedules)} schedules  ${number(failureCount)} failed`;
    },
  });
  const again = commandOf(explored, ['--orders', ...limit]);
  const failure = firstInvalid(report.failures);
  const failed = failure && {
    workload,
    options,
    origin: `Seed ${explored.seed}: ${count(failure.order.length, 'message')} in an order that fails`,
    repeat: (simulate: Simulate) => followOrder(simulate, options, failure.order),
    again,
  };
  return { ...report, text: formatOrders(report), failed, again };
}

/** A limit is what was asked for; who is interrupted has not seen what was asked for. */
function exitStatus({ failures, complete }: Found, interrupted: boolean): number {
  if (firstInvalid(failures) !== undefined) return 1;
  return failures.length > 0 || (interrupted && !complete) ? 2 : 0;
}

/** What is seen and heard while it goes on: progress on stderr, signals, promises that nobody hears. */
class Watch {
  readonly #progress: Progress;
  readonly #end: () => void;
  text = '';
  stopping = false;
  /** The run that goes on. */
  run: Simulation['run'] | undefined;

  constructor(output: NodeJS.WriteStream, firstLine: string) {
    this.#progress = new Progress(output, () => this.text);
    // The first signal ends it with what has been found; a second one finds nobody listening and ends the process.
    const onSignal = () => {
      this.stopping = true;
      process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
    };
    process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
    this.#progress.print(firstLine);
    const stopReporting = reportRejections({ report: (violation) => this.run?.report(violation) });
    this.#end = () => {
      process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
      stopReporting();
    };
  }

  /** Leaves the screen as if no progress had been shown. */
  stop(): void {
    this.#end();
    this.#progress.stop();
  }
}
