/**
 * Fuzzing: many seeds, one short run each. If one of them fails, the smallest run that fails alike. A seed is enough to
 * replay a run, so nothing is recorded until a run has failed. Then it is replayed and recorded.
 */

import type { CheckResult, Validity } from '../checkers/checker.ts';
import type { RunObserver, RunOutcome } from '../harness/run.ts';
import type { RunOptions } from '../harness/run-options.ts';
import { type Schedule, ScheduleRecorder } from '../harness/schedule.ts';
import { Simulation, type Subject } from '../simulator/simulation.ts';
import type { Settle } from '../simulator/virtual-time.ts';
import { failureSignature } from './failure.ts';
import { type ShrinkResult, shrink } from './shrink.ts';
import { type StoryEvent, StoryRecorder } from './story-recorder.ts';

/** The greatest number of runs for shrinking a failure. */
export const SHRINK_RUNS_MAX = 2000;

export interface FuzzContext {
  readonly subject: Subject;
  readonly settle: Settle;
  /** Called for every run that begins, for observers. */
  readonly onRun?: ((simulation: Simulation) => void) | undefined;
}

/** The result of one seed. */
export interface SeedVerdict {
  readonly seed: string;
  readonly validity: Validity;
  /** In which ways the run failed, see `failureSignature`. */
  readonly signature: readonly string[];
  readonly results: CheckResult;
  readonly operationCount: number;
}

/** A failing run after shrinking, with its story. */
export interface Investigation extends ShrinkResult {
  readonly signature: readonly string[];
  /** Of the small run. */
  readonly results: CheckResult;
  readonly outcome: RunOutcome;
  readonly story: readonly StoryEvent[];
}

/** Makes one run and judges it. */
export async function runSeed(
  { subject, settle, onRun }: FuzzContext,
  options: RunOptions,
  observer: RunObserver = {},
): Promise<SeedVerdict> {
  const simulation = new Simulation({ subject, options, settle, observer });
  onRun?.(simulation);
  const { results, history } = await simulation.finish();
  const { count } = results.stats as { readonly count?: number };
  return {
    seed: options.seed,
    validity: results['valid?'],
    signature: failureSignature(results),
    results,
    operationCount: count ?? history.length,
  };
}

/** Replays a failing run, and shrinks it. Rejects if it does not fail this time. */
export async function investigate(
  context: FuzzContext,
  options: RunOptions,
  {
    runsMax = SHRINK_RUNS_MAX,
    over,
    onProgress,
  }: { runsMax?: number; over?: (() => boolean) | undefined; onProgress?: (runs: number) => void } = {},
): Promise<Investigation> {
  const { subject, settle, onRun } = context;
  const attempt = (candidate: RunOptions): Promise<RunOutcome> => {
    const simulation = new Simulation({ subject, options: candidate, settle });
    onRun?.(simulation);
    return simulation.finish();
  };
  const recorder = new ScheduleRecorder();
  const { signature } = await runSeed(context, options, recorder);
  const shrunk = await shrink({
    attempt,
    options,
    schedule: recorder.schedule,
    signature,
    runsMax,
    over,
    ...(onProgress && { onProgress: ({ runs }: { runs: number }) => onProgress(runs) }),
  });
  const { outcome, story } = await tell(context, { ...shrunk.options, schedule: shrunk.schedule });
  return { ...shrunk, signature, outcome, results: outcome.results, story };
}

async function tell(
  { subject, settle, onRun }: FuzzContext,
  options: RunOptions,
): Promise<{ outcome: RunOutcome; story: readonly StoryEvent[] }> {
  const recorder: StoryRecorder = new StoryRecorder(() => simulation.time.now());
  const simulation: Simulation = new Simulation({
    subject,
    options,
    settle,
    observer: recorder.observer,
    onLog: recorder.onLog,
  });
  onRun?.(simulation);
  const outcome = await simulation.finish();
  return { outcome, story: recorder.events };
}

/** The number of events in a schedule. */
export function eventCount({ operations, faults, messages }: Schedule): number {
  return operations.length + faults.length + messages.length;
}
