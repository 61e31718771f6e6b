/**
 * What the commands do with a simulated run that failed, when it is shrunk (`make-small.ts`): they record it with its
 * story, so that its report shows it step by step.
 */

import { encodeReplay } from '../harness/replay.ts';
import { REPLAY_FILE } from '../host/records/recorded-run.ts';
import type { RunFolder } from '../host/records/run-folder.ts';
import { createSettle } from '../host/settle.ts';
import { storyLines } from '../search/story.ts';
import { Simulation } from '../simulator/simulation.ts';
import { subjectOf } from '../workloads/registry.ts';
import type { Workload } from '../workloads/workload.ts';
import type { SmallFailure } from './make-small.ts';
import { recordToldRun } from './recording.ts';
import { reportRejections } from './rejections.ts';

/** Prints why shrinking failed. The verdict on the run stays. */
export function sayNotMadeSmall(error: unknown): void {
  process.stderr.write(`snowstorm: shrinking or recording the failure failed: ${(error as Error).message}\n`);
}

/**
 * Replays the shrunk run and records it, with its story and its schedule. Rejects if something could not be written.
 */
export async function recordSmall(
  runFolder: RunFolder,
  workload: Workload,
  { found, origin }: SmallFailure,
  again: string,
): Promise<void> {
  const { options, schedule } = found;
  const lines = storyLines({ events: found.story, options, outcome: found.outcome });
  runFolder.writeFile(REPLAY_FILE, encodeReplay({ workload: workload.name, options, schedule }));
  const program = workload.modules?.node;
  const run = { workload: workload.name, program, options, again, story: { origin, lines } };
  await recordToldRun(runFolder, run, (listeners) => {
    const planned = { ...options, schedule };
    const simulation = new Simulation({
      subject: subjectOf(workload),
      options: planned,
      settle: createSettle(),
      ...listeners,
    });
    // An unhandled rejection may be the failure itself.
    const stopReporting = reportRejections(simulation.run);
    return simulation.finish().finally(stopReporting);
  });
}
