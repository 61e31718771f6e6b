/**
 * Crash points enumerated, not sampled: a small scenario runs once to number every step at which a node touches the
 * world, and then once more for every step and every action, which befalls the node at just that step. Breadth first,
 * so that every single crash is done before the first crash in the recovery from a crash. The ideas are those of
 * "ALICE" (Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014), of stateright, which lets the same
 * actor be checked and run, and of madsim.
 *
 * What is enumerated are the moments and the actions. What a power failure leaves of a disk is drawn, several times
 * where there is anything to draw.
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

/** How many times it is drawn what a power failure leaves of a disk. */
export const DRAWS = 4;

export interface ExploreOptions {
  readonly simulate: Simulate;
  /** What is run. Its list of faults is replaced by those that the actions are. */
  readonly options: Scenario;
  readonly actions: readonly Action[];
  /** Which steps may be met; absent: every one. */
  readonly counts?: StepFilter;
  /** How many injections a run may have. */
  readonly depth: number;
  /** No further run begins once there are so many distinct schedules. */
  readonly schedulesMax: number;
  readonly onProgress?: (progress: ExploreProgress) => void;
  /** Asked before every run; no further one begins once it says true. */
  readonly over?: () => boolean;
}

/** The runs with the same number of injections. */
export interface ExploreLevel {
  /** How many steps were met with how many actions: the product. */
  readonly tried: number;
  /** How many that would have been without any limit. */
  readonly planned: number;
  /** Some were drawn several times. */
  readonly runs: number;
}

export interface ExploreProgress {
  /** How many injections the runs of now have. */
  readonly depth: number;
  /** Of this depth. */
  readonly tried: number;
  readonly planned: number;
  readonly runs: number;
  readonly schedules: number;
  readonly failureCount: number;
}

export interface ExploreFailure {
  /** In their order; none: the scenario alone fails. */
  readonly injections: readonly Injection[];
  readonly validity: Exclude<Validity, true>;
  readonly results: CheckResult;
}

export interface ExploreReport {
  /** Of the scenario without any injection. */
  readonly steps: number;
  /** The distinct ones, with that without injection. */
  readonly schedules: number;
  readonly runs: number;
  /** With one injection, with two, …, as far as it came. */
  readonly levels: readonly ExploreLevel[];
  /** Whether every step and action was tried, up to the depth asked for. */
  readonly complete: boolean;
  readonly stoppedBecause?: string;
  readonly failureCount: number;
  /**
   * Those with the fewest injections, and of these the earliest, first. Not all of many; the first invalid one always.
   */
  readonly failures: readonly ExploreFailure[];
}

/** Rejects for errors of the simulator's own only, and when a run turns out not to be deterministic. */
export function explore(options: ExploreOptions): Promise<ExploreReport> {
  return new Exploration(options).explore();
}

/** A run whose later steps are still to be tried. */
type Branch = Pick<SteppedRun, 'injections' | 'stepCount'>;

/** A step that is to be met with an action, after what befell the branch before. */
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
   * Tries every later step of every branch with every action, and puts into `next` what is worth going on from.
   * Resolves to why it stopped short; undefined: it did not.
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

  /**
   * Resolves to the runs that are worth going on from: what has failed fails again, and of two that are the same one is
   * enough.
   */
  async #runAllDraws({ injections, step, action }: Point): Promise<Branch[]> {
    const branches: Branch[] = [];
    for (let draw = 0; draw < DRAWS; draw++) {
      const run = await this.#run([...injections, { step, action, draw }]);
      const { stepCount } = run;
      // Without its history, of which there are as many as there are branches.
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
      // It was counted by a run that was the same up to there.
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
