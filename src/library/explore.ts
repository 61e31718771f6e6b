/** `snowstorm explore` from code: a crash, a pause or a cut at every step of every node. */

import { describeInjections } from '../cli/explore-result.ts';
import { reportRejections } from '../cli/rejections.ts';
import { createSettle } from '../host/settle.ts';
import { formatVerdict } from '../report/result-block.ts';
import { explore as exploreSteps } from '../search/explore.ts';
import { drawScenario, type Scenario, type Simulate } from '../search/explore-scenario.ts';
import {
  ACTIONS,
  type Action,
  faultOf,
  type Injection,
  runWithInjections,
  withFaults,
} from '../search/explore-steps.ts';
import { tellStory } from '../search/story.ts';
import { StoryRecorder } from '../search/story-recorder.ts';
import { Simulation, type SimulationOptions } from '../simulator/simulation.ts';
import { subjectOf } from '../workloads/registry.ts';
import type { Workload } from '../workloads/workload.ts';
import { checkSetup, textsOfOptions } from './setup-check.ts';
import { type Report, type Setup, watched, workloadOf } from './simulate.ts';

const NODES = 2;
const OPERATIONS = 6;
const INTERVAL_MS = 50;
const SCHEDULES_MAX = 20_000;

/** What is explored. */
export interface ExploreSetup extends Pick<Setup, 'node' | 'workload' | 'options'> {
  /** Default: 2. */
  readonly nodeCount?: number;
  /** Default: 6. */
  readonly operationCount?: number;
  /** What hits a node at a step. Default: those of {@link Fault} that the node survives. */
  readonly actions?: readonly Action[];
  /** The greatest number of hits in a run. Default: 1. */
  readonly depth?: number;
  /** Distinct schedules, after which it stops. Default: 20,000. */
  readonly schedulesMax?: number;
  /** Default: `1`. */
  readonly seed?: string;
}

/** A report on an exploration. */
export interface ExploreReport extends Report {
  /** Steps of the scenario without a hit. */
  readonly steps: number;
  /** The runs that were made. */
  readonly runs: number;
  /** Whether every step and action was tried, up to the depth. */
  readonly complete: boolean;
}

/**
 * Makes a run for every step of every node and every action there. Rejects as `run` does.
 *
 * @param given what is explored
 *
 * @example
 * ```ts
 * import type { NodeDefinition } from 'snowstorm';
 * import { expectValid, explore } from 'snowstorm/testing';
 *
 * declare const node: NodeDefinition;
 * expectValid(await explore({ node, workload: 'g-set', operationCount: 3 }));
 * ```
 */
export async function explore(given: ExploreSetup): Promise<ExploreReport> {
  const setup = checkSetup('explore', given);
  const { nodeCount = NODES, operationCount = OPERATIONS, depth = 1, seed = '1' } = setup;
  const workload = workloadOf(setup);
  const workloadOptions = textsOfOptions(workload, setup.options);
  return watched(async () => {
    const { small: test = workload.test, survives = [] } = workload;
    const actions = setup.actions ?? ACTIONS.filter((action) => survives.includes(faultOf(action)));
    const drawn = { test, seed, nodeCount, operationCount, intervalMs: INTERVAL_MS };
    const options = drawScenario({ ...drawn, workloadOptions });
    const explored = { ...workload, test };
    const runs = new Runs(explored);
    try {
      const schedulesMax = setup.schedulesMax ?? SCHEDULES_MAX;
      const found = await exploreSteps({ simulate: runs.simulate, options, actions, depth, schedulesMax });
      const failure = found.failures.find(({ validity }) => validity === false) ?? found.failures[0];
      const verdict =
        failure === undefined
          ? `${found.runs} runs, ${found.schedules} distinct schedules: all valid`
          : `${describeInjections(failure.injections)}: ${formatVerdict(failure.results)}`;
      return {
        valid: failure?.validity ?? true,
        verdict,
        steps: found.steps,
        runs: found.runs,
        complete: found.complete,
        ...(failure?.validity === false && {
          story: await tell(withFaults(options, actions), failure.injections, runs),
        }),
      };
    } finally {
      runs.stop();
    }
  });
}

/** Makes the runs, and reports unhandled rejections to the one that is under way. */
class Runs {
  readonly #workload: Workload;
  readonly #settle = createSettle();
  #running: Simulation | undefined;
  readonly stop = reportRejections({ report: (violation) => this.#running?.run.report(violation) });

  constructor(workload: Workload) {
    this.#workload = workload;
  }

  readonly simulate: Simulate = (options, hooks) => this.observed({})(options, hooks);

  observed(listeners: Pick<SimulationOptions, 'observer' | 'onLog'>): Simulate {
    return (options, hooks) => {
      const subject = subjectOf(this.#workload);
      this.#running = new Simulation({ subject, options, settle: this.#settle, ...hooks, ...listeners });
      return this.#running;
    };
  }

  now(): number {
    return this.#running?.time.now() ?? 0;
  }
}

async function tell(options: Scenario, injections: readonly Injection[], runs: Runs): Promise<string> {
  const recorder = new StoryRecorder(() => runs.now());
  const simulate = runs.observed({ observer: recorder.observer, onLog: recorder.onLog });
  const { outcome } = await runWithInjections(simulate, options, injections);
  const reason = formatVerdict(outcome.results);
  return [describeInjections(injections), '', ...tellStory({ events: recorder.events, options, outcome, reason })].join(
    '\n',
  );
}
