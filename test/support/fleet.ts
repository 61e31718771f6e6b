/** A simulated fleet whose nodes lease their numbers, and what its nodes report. */

import { expect } from 'vitest';
import type { NodeFaultEvent } from '../../src/harness/fault.ts';
import type { RunOutcome } from '../../src/harness/run.ts';
import type { RunOptions } from '../../src/harness/run-options.ts';
import type { Schedule } from '../../src/harness/schedule.ts';
import { createSettle } from '../../src/host/settle.ts';
import { LeasedIds, type LeaseOptions } from '../../src/ids/fleet/leased-ids.ts';
import type { IdGeneratorOptions } from '../../src/ids/id-generator.ts';
import { LinKvStore } from '../../src/kv/lin-kv-store.ts';
import { handler } from '../../src/node/context.ts';
import type { LogEntry } from '../../src/simulator/in-process-bed.ts';
import { Simulation } from '../../src/simulator/simulation.ts';
import { Generate } from '../../src/workloads/ids/messages.ts';
import { uniqueIds } from '../../src/workloads/unique-ids/workload.ts';

export interface FleetOptions extends Partial<RunOptions> {
  readonly nodes: readonly string[];
  readonly lease?: (nodeId: string, life: number) => LeaseOptions;
  /** Every node knows only itself, so positions in `node_ids` mean nothing. */
  readonly alone?: boolean;
  readonly limits?: Pick<IdGeneratorOptions, 'leadMsMax' | 'maxSkewMs' | 'windowMs'>;
}

export interface Holding {
  readonly nodeId: string;
  readonly number: number;
  /** Time since the simulation began, ms. */
  readonly atMs: number;
}

export interface FleetOutcome extends RunOutcome {
  readonly holdings: readonly Holding[];
  /** The numbers that were returned. */
  readonly released: readonly number[];
  readonly logs: readonly LogEntry[];
}

/** Nodes that now and then get a request for an id. */
export async function runFleet({
  lease = () => ({}),
  alone = false,
  limits = {},
  ...options
}: FleetOptions): Promise<FleetOutcome> {
  const logs: LogEntry[] = [];
  const holdings: Holding[] = [];
  const released: number[] = [];
  const simulation = new Simulation({
    subject: {
      name: 'fleet',
      test: uniqueIds.test,
      startHandlers:
        ({ nodeId, life }) =>
        async (context) => {
          const own = alone ? { ...context, nodeIds: [nodeId] } : context;
          const ids = await LeasedIds.start(own, new LinKvStore(own), lease(nodeId, life), limits);
          return [handler(Generate, async () => ({ id: await ids.nextReserved() }))];
        },
    },
    options: {
      concurrency: options.nodes.length,
      ratePerSecond: 100,
      timeLimitMs: 1000,
      latencyMeanMs: 5,
      latencyDistribution: 'exponential',
      faults: [],
      nemesisIntervalMs: 1000,
      seed: 'fleet',
      ...options,
    },
    settle: createSettle(),
    observer: {
      onMessage: (event, { body }) => {
        const { type, key, to } = body as Record<string, unknown>;
        if (event === 'send' && type === 'cas' && JSON.parse(String(to)).holder === null)
          released.push(Number(String(key).replace('node/', '')));
      },
    },
    onLog: (entry) => {
      logs.push(entry);
      const number = /^this node holds node number (\d+)$/.exec(entry.message)?.[1];
      if (number !== undefined)
        holdings.push({ nodeId: entry.nodeId, number: Number(number), atMs: simulation.time.now() });
    },
  });
  return { ...(await simulation.finish()), holdings, released, logs };
}

export function nodeIds(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `n${index}`);
}

/** Requests at a steady pace, from one worker after another. */
export function schedule(
  nodeCount: number,
  count: number,
  intervalMs: number,
  faults: readonly NodeFaultEvent[],
): Schedule {
  const operations = Array.from({ length: count }, (_, number) => ({
    atMs: number * intervalMs,
    worker: number % nodeCount,
    f: 'generate',
    value: null,
  }));
  return { operations, faults, messages: [] };
}

export function kill(atMs: number, durationMs: number, nodes: readonly string[]): NodeFaultEvent {
  return { fault: 'kill', atMs, durationMs, nodes };
}

/** Every life runs on a new machine and finds nothing that it held before. */
export const newMachines: Partial<FleetOptions> = {
  lease: (nodeId, life) => ({ identity: `${nodeId}.${life}` }),
};

export function expectValid({ results }: FleetOutcome): void {
  expect(results).toMatchObject({ 'valid?': true });
}

export function refusalsOf({ history }: FleetOutcome): string[] {
  return [...history].filter(({ type }) => type === 'fail').map(({ error }) => String((error as unknown[])[1]));
}
