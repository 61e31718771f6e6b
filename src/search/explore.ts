/**
 * Crash points enumerated, not sampled. A small scenario runs once to number every step at which a node touches the
 * world. Then it runs once for every step and every action, which hits the node at just that step. Breadth first: every
 * single crash comes before the first crash during a recovery. The ideas are those of "ALICE" (Pillai et al., "All File
 * Systems Are Not Created Equal", OSDI 2014), of stateright, which checks and runs the same actor, and of madsim.
 *
 * The steps and the actions are enumerated. The damage of a power failure is drawn, several times if there is anything
 * to draw.
 */

import type { CheckResult, Validity } from '../checkers/checker.ts';
import type { Scenario, Simulate } from './explore-scenario.ts';
import {
  type Action,
  describeInjection,
  type Injection,
  NoSuchStepError,
  type PlannedInjection,
  runWithInjections,
  type StepFilter,
  type SteppedRun,
  withFaults,
} from './explore-steps.ts';
import { KeptFailures } from './kept-failures.ts';

/** How many times the damage of a power failure is drawn. */
export const DRAWS = 4;

export interface ExploreOptions {
  readonly simulate: Simulate;
  /** The scenario. Its list of faults is replaced by the faults of the actions. */
  readonly options: Scenario;
  readonly actions: readonly Action[];
  /** Which steps may be hit. Absent: every one. */
  readonly counts?: StepFilter;
  /** The greatest number of injections in a run. */
  readonly depth: number;
  /** No run begins after this many distinct schedules. */
  readonly schedulesMax: number;
  readonly onProgress?: (progress: ExploreProgress) => void;
  /** Asked before every run. After true no run begins. */
  readonly over?: () => boolean;
}

/** The runs with the same number of injections. */
export interface ExploreLevel {
  /** How many pairs of a step and an action were tried. */
  readonly tried: number;
  /** How many there would be without any limit. */
  readonly planned: number;
  /** Some were drawn several times. */
  readonly runs: number;
}

export interface ExploreProgress {
  /** The number of injections in the current runs. */
  readonly depth: number;
  /** Of this depth. */
  readonly tried: number;
  readonly planned: number;
  readonly runs: number;
  readonly schedules: number;
  readonly failureCount: number;
}

export interface ExploreFailure {
  /** In their order. None: the scenario alone fails. */
  readonly injections: readonly Injection[];
  readonly validity: Exclude<Validity, true>;
  readonly results: CheckResult;
}

export interface ExploreReport {
  /** Of the scenario without any injection. */
  readonly steps: number;
  /** The distinct schedules, with the one without injection. */
  readonly schedules: number;
  readonly runs: number;
  /** With one injection, with two, …, as far as the exploration came. */
  readonly levels: readonly ExploreLevel[];
  /** Whether every step and action was tried, up to the requested depth. */
  readonly complete: boolean;
  readonly stoppedBecause?: string;
  readonly failureCount: number;
  /**
   * The failures with the fewest injections first, and the earliest of these. Only some of many, but always the first
   * invalid one.
   */
  readonly failures: readonly ExploreFailure[];
}

/** Rejects only for errors of the simulator itself, and for a run that is not deterministic. */
export function explore(options: ExploreOptions): Promise<ExploreReport> {
  return new Exploration(options).explore();
}

/** A run whose later steps are still to be tried. */
type Branch = Pick<SteppedRun, 'injections' | 'stepCount'>;

/** A step and an action to try, after the injections of a branch. */
interface Point {
  readonly injections: readonly Injection[];
  readonly step: number;
  readonly action: Action;
}

class Exploration {
  readonly #options: ExploreOptions;
  readonly #scenario: Scenario;
  readonly #seen = new Set<string>();
  readonly #failures = new KeptFailures<ExploreFailure>();
  readonly #levels: ExploreLevel[] = [];
  #runs = 0;

  constructor(options: ExploreOptions) {
    this.#options = options;
    this.#scenario = withFaults(options.options, options.actions);
  }

  async explore(): Promise<ExploreReport> {
    const { depth } = this.#options;
    const plain = await this.#run([]);
    if (plain.validity !== true) return this.#report(plain, 'the scenario fails without any injection');
    if (plain.stepCount === 0) return this.#report(plain, 'there is no step of that kind');
    let branches: readonly Branch[] = [plain];
    for (let level = 1; level <= depth; level++) {
      const next: Branch[] = [];
      const stoppedBecause = await this.#exploreLevel(level, branches, level < depth ? next : undefined);
      if (stoppedBecause !== undefined) return this.#report(plain, stoppedBecause);
      branches = next;
    }
    return this.#report(plain, undefined);
  }

  /**
   * Tries every later step of every branch with every action. Adds the runs to continue from to `next`. Resolves to the
   * reason for stopping early; undefined: all were tried.
   */
  async #exploreLevel(depth: number, branches: readonly Branch[], next?: Branch[]): Promise<string | undefined> {
    const { actions, onProgress } = this.#options;
    const planned = branches.reduce((sum, branch) => sum + (branch.stepCount - lastStep(branch)) * actions.length, 0);
    const level = { tried: 0, planned, runs: 0 };
    this.#levels.push(level);
    for (const point of pointsAfter(branches, actions)) {
      const stoppedBecause = this.#reasonToStop();
      if (stoppedBecause !== undefined) return stoppedBecause;
      const runsBefore = this.#runs;
      const promising = await this.#runAllDraws(point);
      next?.push(...promising);
      level.tried++;
      level.runs += this.#runs - runsBefore;
      onProgress?.({ depth, ...level, schedules: this.#seen.size, failureCount: this.#failures.count });
    }
    return undefined;
  }

  /** Resolves to the runs to continue from. A failed run would fail again, and of two equal runs one is enough. */
  async #runAllDraws({ injections, step, action }: Point): Promise<Branch[]> {
    const branches: Branch[] = [];
    for (let draw = 0; draw < DRAWS; draw++) {
      const run = await this.#run([...injections, { step, action, draw }]);
      const { stepCount } = run;
      // Without its history: there would be one for each branch.
      if (run.isNew && run.validity === true) branches.push({ injections: run.injections, stepCount });
      if (!run.drew) break;
    }
    return branches;
  }

  #reasonToStop(): string | undefined {
    const { schedulesMax, over } = this.#options;
    if (this.#seen.size >= schedulesMax) return `the limit of ${schedulesMax} schedules was reached`;
    return over?.() ? 'it was told to stop' : undefined;
  }

  async #run(plan: readonly PlannedInjection[]): Promise<SteppedRun & { readonly isNew: boolean }> {
    const run = await this.#simulate(plan);
    const { injections, fingerprint, validity, outcome } = run;
    this.#runs++;
    if (validity !== true) this.#failures.add({ injections, validity, results: outcome.results });
    const isNew = !this.#seen.has(fingerprint);
    this.#seen.add(fingerprint);
    return { ...run, isNew };
  }

  async #simulate(plan: readonly PlannedInjection[]): Promise<SteppedRun> {
    const { simulate, counts } = this.#options;
    try {
      return await runWithInjections(simulate, this.#scenario, plan, counts);
    } catch (error) {
      const where = plan.map(({ node = '?', text = '?', ...rest }) => describeInjection({ ...rest, node, text }));
      // Counted already, by a run that was the same up to there.
      const fickle = error instanceof NoSuchStepError ? 'the run is not deterministic: ' : '';
      throw new Error(`the simulator failed after ${where.join(', then ') || 'no injection'}: ${fickle}${error}`, {
        cause: error,
      });
    }
  }

  #report({ stepCount }: Branch, stoppedBecause: string | undefined): ExploreReport {
    return {
      steps: stepCount,
      schedules: this.#seen.size,
      runs: this.#runs,
      levels: this.#levels,
      complete: stoppedBecause === undefined,
      ...(stoppedBecause === undefined ? {} : { stoppedBecause }),
      failureCount: this.#failures.count,
      failures: this.#failures.kept,
    };
  }
}

function* pointsAfter(branches: readonly Branch[], actions: readonly Action[]): Generator<Point> {
  for (const branch of branches) {
    for (let step = lastStep(branch) + 1; step <= branch.stepCount; step++) {
      for (const action of actions) yield { injections: branch.injections, step, action };
    }
  }
}

function lastStep({ injections }: Branch): number {
  return injections.at(-1)?.step ?? 0;
}
