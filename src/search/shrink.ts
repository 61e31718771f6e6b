/**
 * Makes a failing run as small as possible, by running smaller ones. What is left is what matters. After QuickCheck's
 * shrinking and delta debugging. Every kept run was really run, and failed in the same way.
 *
 * It works in rounds until a round brings nothing: first what saves most, then what only reads better. So time, events,
 * nodes, workers, limits, then rounder and shorter numbers. No step ever makes anything larger, so it ends.
 */

import type { RunOptions } from '../harness/run-options.ts';
import type { Schedule } from '../harness/schedule.ts';
import { ddmin } from './delta-debugging.ts';
import { ShrinkSearch, type ShrinkSearchOptions } from './shrink-search.ts';
import { kindsOf, liftLimits, removeEvents, shortenTime, simplify, useFewer } from './shrink-steps.ts';
import type { RecordedRun } from './smaller-runs.ts';

export interface ShrinkOptions extends ShrinkSearchOptions {
  /** Of the run that failed, with its record. */
  readonly options: RunOptions;
  readonly schedule: Schedule;
}

export interface ShrinkResult {
  /** Without a schedule. */
  readonly options: RunOptions;
  readonly schedule: Schedule;
  readonly runs: number;
  /** Whether the recorded run failed again in the same way. Otherwise nothing was shrunk. */
  readonly reproduced: boolean;
  /** Whether no smaller run fails any more; false if the runs were used up before. */
  readonly complete: boolean;
}

/** Rejects for a run that did not fail, and for an error of `attempt` with the recorded run itself. */
export async function shrink(request: ShrinkOptions): Promise<ShrinkResult> {
  const { signature, runsMax, options: given, schedule } = request;
  if (signature.length === 0) throw new RangeError('a run that did not fail cannot be shrunk');
  if (!(runsMax >= 1)) throw new RangeError(`runsMax must be a number from 1 on, not ${runsMax}`);
  const { schedule: _, ...options } = given;
  const search = new ShrinkSearch({ options, schedule }, request);
  if (!(await search.reproduce())) return { ...search.best, runs: search.runs, reproduced: false, complete: false };
  if (options.faults.length + schedule.faults.length + schedule.messages.length > 0)
    await search.accept(withoutFaults(search.best));
  await shortenTime(search);
  let before: RecordedRun;
  do {
    before = search.best;
    await removeEvents(search);
    await useFewer(search);
    await liftLimits(search);
    await simplify(search);
    await shortenTime(search);
  } while (search.best !== before && !search.over);
  await excuseLess(search);
  return { ...search.best, runs: search.runs, reproduced: true, complete: !search.over };
}

/** Tried first: without faults there is no recovery, whose operations would fail in the place of removed ones. */
function withoutFaults({ options, schedule }: RecordedRun): RecordedRun {
  return { options: { ...options, faults: [] }, schedule: { ...schedule, faults: [], messages: [] } };
}

/**
 * Leaves as few kinds of faults in the options as possible, beyond those in the schedule: they excuse late answers, and
 * demand a recovery.
 */
async function excuseLess(search: ShrinkSearch): Promise<void> {
  const { options, schedule } = search.best;
  const left = kindsOf(schedule);
  const excess = options.faults.filter((fault) => !left.has(fault));
  await ddmin(
    excess,
    (kept) => search.accept({ schedule, options: { ...options, faults: [...left, ...kept] } }),
    () => search.over,
  );
}
