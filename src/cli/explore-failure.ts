/**
 * What `snowstorm explore` does with the first failure. It repeats the run and tells it step by step. It repeats it
 * again to record it with its story, so that its report shows the steps.
 */

import type { RunOutcome } from '../harness/run.ts';
import { createSettle } from '../host/settle.ts';
import { formatVerdict } from '../report/result-block.ts';
import type { Scenario, Simulate } from '../search/explore-scenario.ts';
import { judge } from '../search/explore-steps.ts';
import { storyLines, tellStory } from '../search/story.ts';
import { StoryRecorder } from '../search/story-recorder.ts';
import { Simulation } from '../simulator/simulation.ts';
import { subjectOf } from '../workloads/registry.ts';
import type { Workload } from '../workloads/workload.ts';
import { type RunListeners, recordToldRun, tryToRecordFound } from './recording.ts';
import { reportRejections } from './rejections.ts';

export interface FailedRun {
  readonly workload: Workload;
  readonly options: Scenario;
  /** The seed and the faults or the order, in a sentence. */
  readonly origin: string;
  /** Repeats the run. */
  readonly repeat: (simulate: Simulate) => Promise<RunOutcome>;
  /** The command that repeats it. */
  readonly again: string;
}

/** Makes the function that makes the runs of an exploration. */
export function createSimulate(
  workload: Workload,
  onBegin: (simulation: Simulation) => void,
  listeners: RunListeners = {},
): Simulate {
  const subject = subjectOf(workload);
  const settle = createSettle();
  return (options, hooks) => {
    const simulation = new Simulation({ subject, options, settle, ...hooks, ...listeners });
    onBegin(simulation);
    return simulation;
  };
}

/** Tells the run on stdout and, unless the store is `none`, records it. Resolves to the story. */
export async function tellFailure(failed: FailedRun, store: string): Promise<string> {
  const { workload, options, again } = failed;
  let now = () => 0;
  const recorder = new StoryRecorder(() => now());
  const outcome = await repeat(failed, { observer: recorder.observer, onLog: recorder.onLog }, (simulation) => {
    now = () => simulation.time.now();
  });
  const origin = judge(outcome.results) === false ? failed.origin : `${failed.origin}, and did not fail again`;
  const told = { events: recorder.events, options, outcome };
  const story = [origin, '', ...tellStory({ ...told, reason: formatVerdict(outcome.results) })].join('\n');
  process.stdout.write(`\n${story}\n\nReplay:  ${again}\n`);
  if (store === 'none') return story;
  const { schedule: _, ...settings } = options;
  const record = { origin, lines: storyLines(told) };
  const run = { workload: workload.name, program: workload.modules?.node, options: settings, again, story: record };
  await tryToRecordFound(store, workload.name, (record) =>
    recordToldRun(record, run, (listeners) => repeat(failed, listeners)),
  );
  return story;
}

async function repeat(
  { workload, repeat }: FailedRun,
  listeners: RunListeners,
  onBegin: (simulation: Simulation) => void = () => {},
): Promise<RunOutcome> {
  let running: Simulation | undefined;
  const simulate = createSimulate(
    workload,
    (simulation) => {
      running = simulation;
      onBegin(simulation);
    },
    listeners,
  );
  const stopReporting = reportRejections({ report: (violation) => running?.run.report(violation) });
  return repeat(simulate).finally(stopReporting);
}
