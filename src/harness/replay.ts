/**
 * The file of a run that can be replayed: JSON with a version number, the name of the workload, the options and the
 * schedule. The same file gives the same run anywhere.
 */

import * as z from 'zod';
import { clientNumber } from '../protocol/client-id.ts';
import { parseExact, stringifyExact } from '../protocol/exact-json.ts';
import { describeIssue } from '../protocol/message.ts';
import { CLOCK_FAULTS, CUT_FAULTS, FAULTS, KILL_FAULTS, MESSAGE_FAULTS, type MessageEvent } from './fault.ts';
import { LATENCY_DISTRIBUTIONS } from './latency.ts';
import type { RunOptions } from './run-options.ts';
import type { Schedule } from './schedule.ts';
import { SERVICE_NAMES } from './services/names.ts';

/** A run that can be replayed: the name of the workload, the options and the schedule. */
export interface Replay {
  readonly workload: string;
  readonly options: Omit<RunOptions, 'schedule'>;
  readonly schedule: Schedule;
}

/** The text is not a replay file. The message names the field and says what is wrong. */
export class ReplayError extends Error {
  override readonly name = 'ReplayError';
}

const FORMAT = 1;

const SERVICES: ReadonlySet<string> = new Set(SERVICE_NAMES);

const DurationMs = z.number().min(0);
const NodeIds = z.array(z.string().min(1)).min(1);
const ClockFault = z.strictObject({
  wallOffsetMs: z.number().exactOptional(),
  rate: z.number().min(0).exactOptional(),
  wallFrozen: z.boolean().exactOptional(),
});
const timing = { atMs: DurationMs, durationMs: DurationMs };

const ScheduledFault = z.discriminatedUnion('fault', [
  z.strictObject({
    ...timing,
    fault: z.enum(CUT_FAULTS),
    shape: z.string(),
    grudge: z.record(z.string(), z.array(z.string())),
  }),
  z.strictObject({
    ...timing,
    fault: z.enum(KILL_FAULTS),
    nodes: NodeIds,
    damage: z.enum(['unsynced', 'torn', 'lost']).exactOptional(),
    clock: ClockFault.exactOptional(),
  }),
  z.strictObject({ ...timing, fault: z.literal('pause'), nodes: NodeIds }),
  z.strictObject({ ...timing, fault: z.enum(CLOCK_FAULTS), nodes: NodeIds, clock: ClockFault }),
]);

const ReplayFile = z
  .strictObject({
    format: z.literal(FORMAT, `this version of Snowstorm knows only format ${FORMAT}`),
    workload: z.string().min(1),
    options: z.strictObject({
      nodes: NodeIds,
      concurrency: z.int().min(1),
      ratePerSecond: z.number().min(0),
      timeLimitMs: DurationMs,
      latencyMeanMs: DurationMs,
      latencyDistribution: z.enum(LATENCY_DISTRIBUTIONS),
      faults: z.array(z.enum(FAULTS)),
      nemesisIntervalMs: DurationMs,
      faultValues: z.partialRecord(z.enum(FAULTS), z.number().min(0)).exactOptional(),
      availability: z.union([z.literal('total'), z.number().min(0).max(1)]).exactOptional(),
      initTimeoutMs: z.number().positive().exactOptional(),
      workloadOptions: z.record(z.string(), z.string()).exactOptional(),
      nodeLimits: z.record(z.string(), z.int().min(1)).exactOptional(),
      names: z.string().exactOptional(),
      seed: z.string(),
    }),
    schedule: z.strictObject({
      operations: z.array(
        z.strictObject({ atMs: DurationMs, worker: z.int().min(0), f: z.string(), value: z.unknown() }),
      ),
      faults: z.array(ScheduledFault),
      messages: z.array(
        z.strictObject({
          fault: z.enum(MESSAGE_FAULTS),
          src: z.string(),
          dest: z.string(),
          nth: z.int().min(0),
          delayMs: DurationMs.exactOptional(),
        }),
      ),
    }),
  })
  .superRefine(({ options, schedule }, context) => {
    // An operation of a worker that does not exist would never begin, and nothing would show that.
    const index = schedule.operations.findIndex(({ worker }) => worker >= options.concurrency);
    const refuse = (message: string, path: readonly (string | number)[]) =>
      context.addIssue({ code: 'custom', message, path: ['schedule', ...path] });
    if (index >= 0) {
      refuse(`there are only ${options.concurrency} workers, counted from 0`, ['operations', index, 'worker']);
    }
    // Likewise, a fault on a node that does not exist would never hit.
    for (const { id, path, nodeOnly } of namesIn(schedule)) {
      const known = options.nodes.includes(id) || (!nodeOnly && (SERVICES.has(id) || clientNumber(id) !== undefined));
      if (!known) refuse(`there is no ${nodeOnly ? 'node' : 'node, service or client'} ${JSON.stringify(id)}`, path);
    }
  });

/** Every id in the faults and fates, with its path in the schedule. */
function* namesIn({
  faults,
  messages,
}: {
  readonly faults: readonly z.infer<typeof ScheduledFault>[];
  readonly messages: readonly Pick<MessageEvent, 'src' | 'dest'>[];
}): Generator<{ id: string; path: readonly (string | number)[]; nodeOnly: boolean }> {
  for (const [index, event] of faults.entries()) {
    const path = ['faults', index];
    if ('nodes' in event) {
      for (const [at, id] of event.nodes.entries()) yield { id, path: [...path, 'nodes', at], nodeOnly: true };
      continue;
    }
    for (const [id, sources] of Object.entries(event.grudge)) {
      yield { id, path: [...path, 'grudge', id], nodeOnly: false };
      for (const [at, src] of sources.entries()) {
        yield { id: src, path: [...path, 'grudge', id, at], nodeOnly: false };
      }
    }
  }
  for (const [index, { src, dest }] of messages.entries()) {
    yield { id: src, path: ['messages', index, 'src'], nodeOnly: false };
    yield { id: dest, path: ['messages', index, 'dest'], nodeOnly: false };
  }
}

/** A line of JSON: `{"format":1,"workload":…,"options":…,"schedule":…}`. */
export function encodeReplay({ workload, options, schedule }: Replay): string {
  const { schedule: _, ...own } = options as RunOptions;
  return `${stringifyExact(readReplay({ format: FORMAT, workload, options: own, schedule }))}\n`;
}

/** Throws a {@link ReplayError} unless the text has the format of `encodeReplay`. */
export function parseReplay(text: string): Replay {
  let file: unknown;
  try {
    file = parseExact(text);
  } catch (error) {
    throw new ReplayError(`not JSON: ${(error as Error).message}`);
  }
  const { format: _, ...replay } = readReplay(file);
  return replay;
}

function readReplay(file: unknown): z.infer<typeof ReplayFile> {
  const { data, error } = ReplayFile.safeParse(file);
  if (data === undefined) throw new ReplayError(describeIssue(error, '').text);
  return data;
}
