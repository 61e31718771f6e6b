/** Shrinks a simulated run that failed, and tells it as a story. */

import type { RunOptions } from '../harness/run-options.ts';
import { createSettle } from '../host/settle.ts';
import { formatVerdict } from '../report/result-block.ts';
import { eventCount, type FuzzContext, type Investigation, investigate, SHRINK_RUNS_MAX } from '../search/fuzz.ts';
import { tellStory } from '../search/story.ts';
import type { Simulation } from '../simulator/simulation.ts';
import { subjectOf } from '../workloads/registry.ts';
import type { Workload } from '../workloads/workload.ts';
import { count, number } from './amounts.ts';
import { describeLimits } from './node-limits.ts';
import { reportRejections } from './rejections.ts';

/** The failing run is made once to record its schedule, and once to replay that. */
const FULL_RUNS = 2;

export interface SmallFailure {
  readonly found: Investigation;
  /** Where it comes from: `Seed 2, made small in 100 runs: 4 events, 1 node`. */
  readonly origin: string;
  /** The story and the verdict, for the terminal. */
  readonly lines: readonly string[];
}

/**
 * Shrinks a failing run. Rejects if it does not fail this time, or if it must stop before the first smaller run.
 *
 * @param over whether it must stop
 * @param onProgress called with the number of runs so far
 */
export async function makeSmall(
  workload: Workload,
  options: RunOptions,
  { over, onProgress }: { readonly over?: () => boolean; readonly onProgress: (runs: number) => void },
): Promise<SmallFailure> {
  let running: Simulation | undefined;
  let begun = 0;
  const settle = createSettle();
  let abandon: (reason: Error) => void = () => {};
  const abandoned = new Promise<never>((_, reject) => {
    abandon = reject;
  });
  const context: FuzzContext = {
    subject: subjectOf(workload),
    // The first two runs are as long as the one that failed. They may be abandoned: there is no smaller failure yet.
    settle: (callback) => {
      if (begun <= FULL_RUNS && over?.()) abandon(new Error('it was stopped before the first smaller run'));
      else settle(callback);
    },
    onRun: (simulation) => {
      running = simulation;
      begun++;
    },
  };
  const stopReporting = reportRejections({ report: (violation) => running?.run.report(violation) });
  let found: Investigation;
  try {
    found = await Promise.race([investigate(context, options, { over, onProgress }), abandoned]);
  } finally {
    stopReporting();
  }
  const told = { events: found.story, options: found.options, outcome: found.outcome };
  return {
    found,
    origin: describeOrigin(options.seed, found),
    lines: tellStory({ ...told, reason: formatVerdict(found.results) }),
  };
}

function describeOrigin(seed: string, { runs, reproduced, complete, schedule, options }: Investigation): string {
  const size = `${count(eventCount(schedule), 'event')}, ${count(options.nodes.length, 'node')}`;
  const stopped =
    runs >= SHRINK_RUNS_MAX ? `, stopped after ${number(SHRINK_RUNS_MAX)}` : ', stopped at the time limit';
  const how = reproduced ? (complete ? '' : stopped) : ', and did not fail again';
  return `Seed ${seed}, made small in ${count(runs, 'run')}${how}: ${size}${describeLimits(options.nodeLimits)}`;
}
