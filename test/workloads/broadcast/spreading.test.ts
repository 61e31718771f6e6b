/** Clusters on virtual time: the figures of the star, and what happens without its hub. */

import { describe, expect, it } from 'vitest';
import type { NodeFaultEvent } from '../../../src/harness/fault.ts';
import type { RunOptions } from '../../../src/harness/run-options.ts';
import { createSettle } from '../../../src/host/settle.ts';
import { Simulation } from '../../../src/simulator/simulation.ts';
import { broadcast } from '../../../src/workloads/broadcast/workload.ts';
import { gSet } from '../../../src/workloads/g-set/workload.ts';
import { subjectOf } from '../../../src/workloads/registry.ts';
import type { Workload } from '../../../src/workloads/workload.ts';
import { record } from '../../support/wrong-subjects.ts';

/** Those of Fly.io's challenges 3d and 3e. */
const CHALLENGE: RunOptions = {
  nodes: Array.from({ length: 25 }, (_, index) => `n${index}`),
  concurrency: 25,
  ratePerSecond: 100,
  timeLimitMs: 20_000,
  latencyMeanMs: 100,
  latencyDistribution: 'constant',
  faults: [],
  nemesisIntervalMs: 10_000,
  seed: 'challenge',
};

interface Figures {
  readonly valid: unknown;
  readonly messages: number;
  readonly median: number;
  readonly maximum: number;
}

async function figuresOf(workload: Workload, options: RunOptions): Promise<Figures> {
  const simulation = new Simulation({ subject: subjectOf(workload), options, settle: createSettle() });
  const { results } = await simulation.finish();
  const { servers } = results.net as unknown as { servers: { readonly 'msgs-per-op': number } };
  const latencies = (results.workload as Record<string, unknown>)['stable-latencies'] as Record<string, number>;
  return {
    valid: results['valid?'],
    messages: servers['msgs-per-op'],
    median: latencies['0.5'] as number,
    maximum: latencies['1'] as number,
  };
}

describe('the star', () => {
  it('needs fewer than 2 messages an operation for a latency under 450 ms', async () => {
    const { valid, messages, median, maximum } = await figuresOf(broadcast, CHALLENGE);
    expect(valid).toBe(true);
    expect(messages).toBeLessThan(2);
    expect(median).toBeLessThan(300);
    expect(maximum).toBeLessThan(450);
  });

  it('needs fewer than 0.8 for one under 1.7 s', async () => {
    const nodeLimits = { leafWait: 300, hubWait: 800 };
    const { valid, messages, median, maximum } = await figuresOf(broadcast, { ...CHALLENGE, nodeLimits });
    expect(valid).toBe(true);
    expect(messages).toBeLessThan(0.8);
    expect(median).toBeLessThan(900);
    expect(maximum).toBeLessThan(1700);
  });
});

describe('without its hub', () => {
  const NODES = ['n0', 'n1', 'n2', 'n3', 'n4'];
  const options: RunOptions = {
    ...CHALLENGE,
    nodes: NODES,
    concurrency: NODES.length,
    ratePerSecond: 50,
    timeLimitMs: 40_000,
    latencyMeanMs: 5,
  };
  const during = { atMs: 5000, durationMs: 30_000 };
  /** The silence that a successor waits for, and the repair of what the hub took with it. */
  const SUCCESSION_MS = 10_000;
  /** Repair alone, without a hub, takes seconds. */
  const STAR_MS = 500;

  /** A run with one fault, in which only the nodes that are not hit are asked. */
  async function runWith(fault: NodeFaultEvent, hit: readonly string[], workload: Workload = broadcast) {
    const { schedule } = await record(subjectOf(workload), options);
    const operations = schedule.operations.filter(({ worker }) => !hit.includes(NODES[worker] as string));
    return figuresOf(workload, { ...options, schedule: { ...schedule, operations, faults: [fault] } });
  }

  it.each([broadcast, gSet])('the second node takes its place within seconds: $name', async (workload) => {
    const figures = await runWith({ fault: 'kill', nodes: ['n0'], ...during }, ['n0'], workload);
    expect(figures.valid).toBe(true);
    expect(figures.maximum).toBeLessThan(SUCCESSION_MS);
    expect(figures.median).toBeLessThan(STAR_MS);
  });

  it('and without its successor the third one does', async () => {
    const figures = await runWith({ fault: 'kill', nodes: ['n0', 'n1'], ...during }, ['n0', 'n1']);
    expect(figures.valid).toBe(true);
    expect(figures.maximum).toBeLessThan(2 * SUCCESSION_MS);
    expect(figures.median).toBeLessThan(STAR_MS);
  });

  it('what it does not hear, though all hear it, reaches the others by another way', async () => {
    const grudge = { n0: ['n1', 'n2', 'n3', 'n4'] };
    const figures = await runWith({ fault: 'one-way', shape: 'deaf', grudge, ...during }, ['n0']);
    expect(figures.valid).toBe(true);
    expect(figures.maximum).toBeLessThan(2 * SUCCESSION_MS);
  });
});
