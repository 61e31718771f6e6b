/**
 * `snowstorm explore`: a small scenario of a workload, with a crash, a pause or a cut at every step of every node, or with its messages in every
 * order. Where `snowstorm test` draws, this enumerates, and says what was covered.
 */

import { createSettle } from '../host/settle.ts';
import { type ExploreReport, explore } from '../search/explore.ts';
import { type ExploreOrdersReport, exploreOrders } from '../search/explore-orders.ts';
import { drawScenario, type Scenario, type Simulate } from '../search/explore-scenario.ts';
import { ACTIONS, type Action } from '../search/explore-steps.ts';
import { Simulation, type SimulationOptions } from '../simulator/simulation.ts';
import { subjectOf, WORKLOADS } from '../workloads/registry.ts';
import type { Workload } from '../workloads/workload.ts';
import { count, number } from './amounts.ts';
import { formatExploration, formatOrders } from './explore-result.ts';
import {
  describeOptions,
  drawSeed,
  type Option,
  parseOneOf,
  parseOptions,
  parseWhole,
  seedOption,
  switchOption,
  UsageError,
} from './options.ts';
import { Progress } from './progress.ts';
import { reportRejections } from './rejections.ts';
import { TEST_OPTIONS } from './test-options.ts';

const NODE_COUNT = 2;
const OPERATION_COUNT = 6;
const SCHEDULES_MAX = 20_000;
/** Between the beginnings of two operations, ms. Time is virtual; only the order matters, and what goes on in the background meanwhile. */
const OPERATION_INTERVAL_MS = 50;

export const EXPLORE_OPTIONS = {
  workload: TEST_OPTIONS.workload,
  'node-count': {
    value: 'N',
    text: `Number of nodes. Default: ${NODE_COUNT}.`,
    absent: NODE_COUNT,
    parse: parseWhole(1, 16),
  } satisfies Option<number>,
  operations: {
    value: 'N',
    text: `Number of operations. Default: ${OPERATION_COUNT}.`,
    absent: OPERATION_COUNT,
    parse: parseWhole(1, 1000),
  } satisfies Option<number>,
  depth: {
    value: 'D',
    text: 'How many times a run may be hit; 2 is a crash while a crash is recovered from, too. Default: 1.',
    absent: undefined,
    parse: (text: string): number | undefined => parseWhole(1, 5)(text),
  } satisfies Option<number | undefined>,
  actions: {
    value: 'ACTIONS',
    text: `What hits a node, separated by commas. Default: ${ACTIONS.join(',')}.`,
    absent: undefined,
    parse: (text: string): readonly Action[] | undefined => [
      ...new Set(text.split(/\s*,\s*/).map(parseOneOf(ACTIONS))),
    ],
  } satisfies Option<readonly Action[] | undefined>,
  at: {
    value: 'TEXT',
    text: `Hits only steps that contain TEXT, such as '"cas"': what changes a store. Default: every step.`,
    absent: undefined,
    parse: (text: string): string | undefined => text,
  } satisfies Option<string | undefined>,
  orders: switchOption('All operations begin at once, and messages arrive in every order; nothing is hit.'),
  'max-schedules': {
    value: 'N',
    text: `Stops after so many distinct schedules. Default: ${SCHEDULES_MAX}.`,
    absent: SCHEDULES_MAX,
    parse: parseWhole(1),
  } satisfies Option<number>,
  seed: seedOption('Makes the same choices again: values, latencies, damage. Default: a new one, printed.'),
  help: switchOption('Prints this text.', 'h'),
};

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
  const { orders, depth = 1, actions = ACTIONS } = values;
  if (values.workload === undefined) throw new UsageError('-w NAME is missing: which workload is to be explored?');
  if (orders && (values.depth ?? values.actions ?? values.at) !== undefined)
    throw new UsageError('--orders goes without --depth, --actions and --at: it hits nobody');
  const workload: Workload = { ...values.workload, test: values.workload.small ?? values.workload.test };
  const options = drawScenario({
    test: workload.test,
    seed: values.seed ?? drawSeed(),
    nodeCount: values['node-count'],
    operationCount: values.operations,
    intervalMs: orders ? 0 : OPERATION_INTERVAL_MS,
  });
  const schedulesMax = values['max-schedules'];
  const start = `${workload.name}: ${count(options.nodes.length, 'node')}, ${count(values.operations, 'operation')}, seed ${options.seed}`;
  const watch = new Watch(process.stderr, start);
  const shared = { simulate: createSimulate(workload, watch), options, schedulesMax, over: () => watch.stopping };
  try {
    const report = orders
      ? await runOrders(shared, watch)
      : await runSteps({ ...shared, depth, actions, at: values.at }, watch);
    watch.stop();
    process.stdout.write(`${report.text}\nSeed ${options.seed}\n`);
    return exitStatus(report, watch.stopping);
  } finally {
    watch.stop();
  }
}

type Shared = { simulate: Simulate; options: Scenario; schedulesMax: number; over: () => boolean };

type Hits = { depth: number; actions: readonly Action[]; at: string | undefined };

async function runSteps({ at, ...options }: Shared & Hits, watch: Watch) {
  const report = await explore({
    ...options,
    ...(at !== undefined && { counts: (text: string) => text.includes(at) }),
    onProgress: ({ depth, tried, planned, schedules, failureCount }) => {
      const hits = depth === 1 ? 'one hit' : `${depth} hits`;
      watch.text = `${number(tried)}/${number(planned)} with ${hits}  ${number(schedules)} schedules  ${number(failureCount)} failed`;
    },
  });
  return { ...report, text: formatExploration(report, options.actions, at) };
}

async function runOrders(options: Shared, watch: Watch) {
  const report = await exploreOrders({
    ...options,
    onProgress: ({ runs, schedules, failureCount }) => {
      watch.text = `${number(runs)} runs  ${number(schedules)} schedules  ${number(failureCount)} failed`;
    },
  });
  return { ...report, text: formatOrders(report) };
}

function createSimulate(workload: Workload, watch: Watch): Simulate {
  const subject: SimulationOptions['subject'] = subjectOf(workload);
  const settle = createSettle();
  return (options, hooks) => {
    const simulation = new Simulation({ subject, options, settle, ...hooks });
    watch.run = simulation.run;
    return simulation;
  };
}

/** A limit is what was asked for; who is interrupted has not seen what was asked for. */
function exitStatus({ failures, complete }: ExploreReport | ExploreOrdersReport, interrupted: boolean): number {
  if (failures.some(({ validity }) => validity === false)) return 1;
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
