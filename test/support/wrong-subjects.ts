/**
 * Subjects that are wrong in one way each, and runs of them that are recorded: for what makes failing runs small and
 * tells them.
 */

import type { RunObserver, RunOutcome } from '../../src/harness/run.ts';
import type { RunOptions } from '../../src/harness/run-options.ts';
import { type Schedule, ScheduleRecorder } from '../../src/harness/schedule.ts';
import { createSettle } from '../../src/host/settle.ts';
import { IdGenerator } from '../../src/ids/id-generator.ts';
import { handler, type NodeContext } from '../../src/node/context.ts';
import { Simulation, type Subject } from '../../src/simulator/simulation.ts';
import { Generate } from '../../src/workloads/ids/messages.ts';
import { subjectOf } from '../../src/workloads/registry.ts';
import { uniqueIds } from '../../src/workloads/unique-ids/workload.ts';
import type { Workload } from '../../src/workloads/workload.ts';

async function startGenerator(context: NodeContext, node: number): Promise<IdGenerator> {
  return IdGenerator.start({ node, clock: context.clock, random: context.randomUint32 });
}

function withStart(start: Workload['start']): Subject {
  return subjectOf({ ...uniqueIds, start });
}

/** Every node takes itself for node 0. */
export const sharesNodeNumber = withStart(async (context) => {
  const generator = await startGenerator(context, 0);
  return [handler(Generate, () => ({ id: generator.next() as string }))];
});

/**
 * Nothing is reserved, and the random bit is not random: a node whose clock is set back while it is down repeats
 * itself.
 */
export const forgetsItsPast = withStart(async (context) => {
  const generator = await IdGenerator.start({
    node: context.nodeIds.indexOf(context.nodeId),
    clock: context.clock,
    random: () => 0,
  });
  return [handler(Generate, () => ({ id: generator.next() as string }))];
});

/**
 * Takes a while over each request. A second one of the same client meanwhile, which only a network can send, makes it
 * answer the same for ever.
 */
export const losesItsHead = withStart(async (context) => {
  const generator = await startGenerator(context, context.nodeIds.indexOf(context.nodeId));
  const busyWith = new Set<string>();
  let onlyId: string | undefined;
  return [
    handler(Generate, async (_, { src }) => {
      if (busyWith.has(src)) {
        onlyId ??= generator.next();
        context.log.warn('two requests at once', { src });
      }
      busyWith.add(src);
      await context.sleep(50);
      busyWith.delete(src);
      return { id: onlyId ?? (generator.next() as string) };
    }),
  ];
});

export const OPTIONS: RunOptions = {
  nodes: ['n0', 'n1', 'n2'],
  concurrency: 6,
  ratePerSecond: 500,
  timeLimitMs: 5000,
  latencyMeanMs: 10,
  latencyDistribution: 'exponential',
  faults: [],
  nemesisIntervalMs: 500,
  seed: 'wrong',
};

export function simulate(subject: Subject, options: RunOptions, observer: RunObserver = {}): Promise<RunOutcome> {
  return new Simulation({ subject, options, settle: createSettle(), observer }).finish();
}

/** Runs what the seed draws, and takes it down. */
export async function record(
  subject: Subject,
  options: RunOptions,
): Promise<{ outcome: RunOutcome; schedule: Schedule }> {
  const recorder = new ScheduleRecorder();
  const outcome = await simulate(subject, options, recorder);
  return { outcome, schedule: recorder.schedule };
}
