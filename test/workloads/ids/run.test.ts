/**
 * The ids of a whole run: at its end every node is asked for the status of every id that a client got in it. A checker
 * sees whether a status agrees with its id. Here it is compared with facts that are not in the id: the true time of the
 * request, its node, and its arguments.
 */

import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import type { Fault } from '../../../src/harness/fault.ts';
import type { RunOptions } from '../../../src/harness/run-options.ts';
import type { WorkloadTest } from '../../../src/harness/workload-test.ts';
import { createSettle } from '../../../src/host/settle.ts';
import { LEAD_MS_MAX_DEFAULT } from '../../../src/ids/id-generator.ts';
import { SEQUENCE_MAX } from '../../../src/ids/snowflake.ts';
import { defineRpc } from '../../../src/protocol/rpc.ts';
import { SIMULATION_START_MS } from '../../../src/simulator/simulated-clock.ts';
import { Simulation } from '../../../src/simulator/simulation.ts';
import { ids } from '../../../src/workloads/ids/workload.ts';
import { subjectOf } from '../../../src/workloads/registry.ts';
import { ANY_TURN } from '../../support/turns.ts';

const NODES = ['n0', 'n1', 'n2'];
const WORKER_COUNT = 12;
/** Of a batch. The status of each of its ids is read three times. */
const COUNT_MAX = 100;
/** As the workload configures simulated nodes. */
const WINDOW_MS = 3000;

const Status = defineRpc('guid_status', 'Any status.', { id: z.string() }, {}, { closed: false });

interface Told {
  readonly kind: string;
  readonly timestamp: string;
  readonly node: number;
  readonly assignment?: { service: string; key: string; node: string; created_at: string };
}

/** When an id was issued, by true wall time, and by which node. */
interface Handout {
  readonly worker: number;
  readonly askedMs: number;
  readonly answeredMs: number;
}

/** The ids of a run, and their statuses at its end. */
interface Ledger {
  readonly generated: Map<string, Handout & { readonly kind: string }>;
  /** By service and key: the first acknowledged id. */
  readonly assigned: Map<string, Handout & { readonly id: string }>;
  /** The status of each id, by the node that gave it. */
  readonly told: Map<string, Map<string, Told>>;
  readonly restartCount: number;
  readonly results: object;
}

const ASK_ALL = { f: 'status of all', value: null };

/** The workload's own test, with one more request for every node at the end. */
function askingAll(told: Ledger['told']): WorkloadTest {
  // The run would configure the right one.
  const { configure: _, ...test } = ids.test;
  return {
    ...test,
    createGenerator: (random) => {
      const next = test.createGenerator(random);
      return () => {
        const { f, value } = next(ANY_TURN);
        const { count, ...rest } = value as { readonly count?: number };
        return { f, value: count === undefined ? rest : { ...rest, count: Math.min(count, COUNT_MAX) } };
      };
    },
    createInvoke: () => {
      const invoke = test.createInvoke();
      const got = new Set<string>();
      return async (client, invocation) => {
        if (invocation.f !== ASK_ALL.f) {
          const completion = await invoke(client, invocation);
          if (completion.type === 'ok' && (invocation.f === 'generate' || invocation.f === 'assign'))
            for (const id of idsIn(completion.value)) got.add(id);
          return completion;
        }
        const statuses = new Map<string, Told>();
        for (const id of got) {
          const result = await client.rpc(Status, { id });
          if (result.kind !== 'ok') return { type: 'info', value: null, error: result };
          const { in_reply_to: _, ...status } = result.body;
          statuses.set(id, status as unknown as Told);
        }
        told.set(client.nodeId, statuses);
        return { type: 'ok', value: null };
      };
    },
    createFinalInvocations: (random, askers, history) => [
      ...(test.createFinalInvocations?.(random, askers, history) ?? []),
      ...Array.from({ length: askers }, () => ASK_ALL),
    ],
  };
}

function idsIn(value: unknown): readonly string[] {
  const { id, ids: many } = value as { readonly id?: string; readonly ids?: readonly string[] };
  return many ?? [id as string];
}

async function keepLedger(options: Pick<RunOptions, 'faults' | 'seed'>): Promise<Ledger> {
  const told: Ledger['told'] = new Map();
  let restartCount = 0;
  const simulation = new Simulation({
    subject: { ...subjectOf(ids), test: askingAll(told) },
    options: {
      nodes: NODES,
      concurrency: WORKER_COUNT,
      ratePerSecond: 50,
      timeLimitMs: 15_000,
      latencyMeanMs: 0,
      latencyDistribution: 'exponential',
      nemesisIntervalMs: 2000,
      ...options,
    },
    settle: createSettle(),
    observer: {
      onFault: (event) => {
        if (event.fault === 'kill') restartCount += event.nodes.length;
      },
    },
  });
  const { history, startMs, results } = await simulation.finish();
  const wallMs = (timeNs: number) => SIMULATION_START_MS + startMs + timeNs / 1e6;
  const generated: Ledger['generated'] = new Map();
  const assigned: Ledger['assigned'] = new Map();
  const asked = new Map<unknown, number>();
  for (const { type, process, time, f, value } of history) {
    if (type === 'invoke') asked.set(process, wallMs(time));
    if (type !== 'ok' || (f !== 'generate' && f !== 'assign')) continue;
    const handout = {
      worker: (process as number) % WORKER_COUNT,
      askedMs: asked.get(process) as number,
      answeredMs: wallMs(time),
    };
    const { kind, service, key } = value as { readonly kind: string; readonly service: string; readonly key: string };
    if (f === 'generate') for (const id of idsIn(value)) generated.set(id, { ...handout, kind });
    else if (!assigned.has(`${service} ${key}`))
      assigned.set(`${service} ${key}`, { ...handout, id: idsIn(value)[0] as string });
  }
  return { generated, assigned, told, restartCount, results };
}

describe('every id of a run', () => {
  it('has a status with the true time, node and arguments of its request', async () => {
    const { generated, assigned, told, results } = await keepLedger({ faults: [], seed: 'ledger' });
    expect(results).toMatchObject({ 'valid?': true });
    expect(generated.size).toBeGreaterThan(1000);
    expect(assigned.size).toBeGreaterThan(50);
    // All milliseconds that could be borrowed.
    const borrowedMs = Math.ceil(generated.size / (SEQUENCE_MAX + 1));
    for (const nodeId of NODES) {
      const statuses = told.get(nodeId) as Map<string, Told>;
      const ofKeys = new Map([...assigned.values()].map((handout) => [handout.id, handout]));
      expect(new Set(statuses.keys())).toEqual(new Set([...generated.keys(), ...ofKeys.keys()]));
      for (const [id, { kind, timestamp, node, assignment }] of statuses) {
        const handout = generated.get(id);
        const { askedMs, answeredMs, worker } = (handout ?? ofKeys.get(id)) as Handout;
        const timestampMs = Date.parse(timestamp);
        expect(timestampMs).toBeGreaterThanOrEqual(Math.floor(askedMs));
        expect(timestampMs).toBeLessThanOrEqual(answeredMs + borrowedMs);
        expect(node).toBe(worker % NODES.length);
        expect(kind).toBe(handout?.kind ?? 'snowflake');
        expect(assignment === undefined).toBe(handout !== undefined);
      }
      for (const [pair, { id, askedMs, answeredMs, worker }] of assigned) {
        const { assignment } = statuses.get(id) as Told;
        const createdAtMs = Date.parse(assignment?.created_at as string);
        expect(`${assignment?.service} ${assignment?.key}`).toBe(pair);
        expect(assignment?.node).toBe(NODES[worker % NODES.length]);
        expect(createdAtMs).toBeGreaterThanOrEqual(Math.floor(askedMs));
        expect(createdAtMs).toBeLessThanOrEqual(answeredMs);
      }
    }
  });

  const FAULTS: readonly Fault[] = ['partition', 'service-cut', 'kill', 'pause', 'loss', 'duplication', 'delay'];

  it.each(['1', '2', '3'])('has one status for ever, from every node, after faults: seed %s', async (seed) => {
    const { generated, assigned, told, restartCount, results } = await keepLedger({ faults: FAULTS, seed });
    expect(results).toMatchObject({ 'valid?': true });
    expect(restartCount).toBeGreaterThan(0);
    const [first, ...others] = NODES.map((nodeId) => told.get(nodeId));
    // Each node was asked later than the one before, and knows a few more ids.
    for (const other of others)
      for (const [id, status] of first as Map<string, Told>) expect(other?.get(id)).toEqual(status);
    // A life begins where the previous range ended, so the unused rests of restarts and takeovers add up.
    const aheadMs = LEAD_MS_MAX_DEFAULT + WINDOW_MS * (1 + restartCount);
    for (const [id, { kind, timestamp, node, assignment }] of first as Map<string, Told>) {
      const handout = generated.get(id);
      expect(NODES.map((_, number) => number)).toContain(node);
      if (handout === undefined) {
        const pair = `${assignment?.service} ${assignment?.key}`;
        expect(assigned.get(pair)?.id).toBe(id);
        continue;
      }
      expect({ kind, assignment }).toEqual({ kind: handout.kind, assignment: undefined });
      // A wall clock counts whole ms, so a life that begins within one is up to 1 ms behind.
      expect(Date.parse(timestamp)).toBeGreaterThanOrEqual(Math.floor(handout.askedMs - 1));
      expect(Date.parse(timestamp)).toBeLessThan(handout.answeredMs + aheadMs);
    }
  });
});
