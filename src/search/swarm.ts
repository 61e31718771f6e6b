/**
 * Swarm testing: each run with other faults and other limits, after Groce et al., "Swarm Testing" (ISSTA 2012). A run
 * with everything at once is always the same kind of run: a fault hides what only happens without it, and a limit of
 * thousands is never reached. So about half of the seeds draw which faults they have, which limits of their nodes are
 * small, how busy they are, and options of their workload. The others keep the options as they are.
 */

import type { RunOptions } from '../harness/run-options.ts';
import type { WorkloadTest } from '../harness/workload-test.ts';
import { SeededRandom } from '../protocol/random.ts';

/** What may be drawn. */
export interface Swarm {
  /** Whether some of the faults may be left out. */
  readonly faults: boolean;
  /** Whether operations may come faster, and for a shorter time. */
  readonly pace: boolean;
  /** The values from which each limit may be drawn, by its name. */
  readonly limits: Readonly<Record<string, readonly number[]>>;
  /** The texts from which each option of the workload may be drawn, by its name. */
  readonly options: Readonly<Record<string, readonly string[]>>;
}

/** All that the runs of a workload may draw. */
export function swarmOf({ test, limits = {} }: Swarmed): Swarm {
  const options = Object.entries(test.options ?? {}).flatMap(([name, { drawn }]) => (drawn ? [[name, drawn]] : []));
  return { faults: true, pace: true, limits, options: Object.fromEntries(options) };
}

interface Swarmed {
  readonly test: Pick<WorkloadTest, 'options'>;
  readonly limits?: Swarm['limits'];
}

/** How many times as many operations a second there are. */
const PACES = [1, 1, 2, 4];
/**
 * How many times shorter a run is at the usual pace. With fewer faults fewer clients wait in vain, so more operations
 * are done, and a run must not cost more.
 */
const SHORTER = 3.2;

/** The options of the run of this seed. The rest of the run draws as it would without. */
export function drawSwarm(options: RunOptions, { faults, pace, limits, options: own }: Swarm): RunOptions {
  const random = new SeededRandom(options.seed).fork('swarm');
  const isDrawn = () => random.integer(2) === 0;
  if (!isDrawn()) return options;
  const swarmed = faults ? { ...options, faults: someOf(options.faults, random) } : options;
  const paced = pace ? atPace(swarmed, random.pick(PACES)) : swarmed;
  const nodeLimits = someValues(limits, random);
  const workloadOptions = someValues(own, random);
  return {
    ...paced,
    ...(nodeLimits && { nodeLimits }),
    ...(workloadOptions && { workloadOptions: { ...options.workloadOptions, ...workloadOptions } }),
  };
}

/** A value for each name with a probability of one half; undefined if there is none. */
function someValues<Value>(
  values: Readonly<Record<string, readonly Value[]>>,
  random: SeededRandom,
): Readonly<Record<string, Value>> | undefined {
  const chosen = Object.entries(values).filter(() => random.integer(2) === 0);
  return chosen.length === 0 ? undefined : Object.fromEntries(chosen.map(([name, from]) => [name, random.pick(from)]));
}

/** Each of them with a probability of one half, in their order; at least one, if there are any. */
function someOf<Item>(items: readonly Item[], random: SeededRandom): readonly Item[] {
  const chosen = items.filter(() => random.integer(2) === 0);
  return chosen.length === 0 && items.length > 0 ? [random.pick(items)] : chosen;
}

/** More operations and faults a second, for a shorter time. More clients, because some wait for a lost reply. */
function atPace(options: RunOptions, pace: number): RunOptions {
  return {
    ...options,
    ratePerSecond: options.ratePerSecond * pace,
    concurrency: options.concurrency * pace,
    timeLimitMs: options.timeLimitMs / pace / SHORTER,
    nemesisIntervalMs: options.nemesisIntervalMs / pace,
  };
}
