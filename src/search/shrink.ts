/**
 * A failing run is made as small as it goes, by running smaller ones: what matters is what is left when everything else
 * was taken out. After QuickCheck's shrinking and delta debugging; every run that is kept was run, and failed in the
 * same way.
 *
 * It goes in rounds, from what saves most to what only reads better, until a round helps no more: time, events, nodes,
 * workers, then rounder and shorter everything. No step ever makes anything larger, so it comes to an end.
 */

import type { RunOptions } from '../harness/run-options.ts';
import type { Schedule } from '../harness/schedule.ts';
import { ddmin } from './delta-debugging.ts';
import { ShrinkSearch, type ShrinkSearchOptions } from './shrink-search.ts';
import { kindsOf, removeEvents, shortenTime, simplify, useFewer } from './shrink-steps.ts';
import type { RecordedRun } from './smaller-runs.ts';

export interface ShrinkOptions extends ShrinkSearchOptions {
  /** Those of the run that failed, and what was recorded of it. */
  readonly options: RunOptions;
  readonly schedule: Schedule;
}

export interface ShrinkResult {
  /** Without a schedule. */
  readonly options: RunOptions;
  readonly schedule: Schedule;
  readonly runs: number;
  /** Whether the recorded run failed again in the same way. Nothing was made smaller if not. */
  readonly reproduced: boolean;
  /** Whether nothing smaller was found to fail any more; false when the runs were used up before. */
  readonly complete: boolean;
}

/** Rejects for a run that did not fail, and with what `attempt` rejects with for the recorded run itself. */
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
    await simplify(search);
    await shortenTime(search);
  } while (search.best !== before && !search.over);
  await excuseLess(search);
  return { ...search.best, runs: search.runs, reproduced: true, complete: !search.over };
}

/**
 * Tried before anything else: without faults there is no recovery, whose operations fail in the place of those that are
 * taken out.
 */
function withoutFaults({ options, schedule }: RecordedRun): RecordedRun {
  return { options: { ...options, faults: [] }, schedule: { ...schedule, faults: [], messages: [] } };
}

/**
 * Leaves as few kinds of faults in the options as it can beyond those that are in the schedule: they excuse late
 * answers, and ask for a recovery.
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
