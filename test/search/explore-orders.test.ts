/**
 * Every order once: counted where the number is known, and nodes that go wrong in a single order are found with it.
 */

import { describe, expect, it } from 'vitest';
import type { OperationEvent } from '../../src/harness/operations.ts';
import { createSettle } from '../../src/host/settle.ts';
import { handler, type NodeContext } from '../../src/node/context.ts';
import {
  type ExploreOrdersOptions,
  exploreOrders,
  followOrder,
  NoSuchChoiceError,
} from '../../src/search/explore-orders.ts';
import { drawScenario, type Scenario, type Simulate } from '../../src/search/explore-scenario.ts';
import { Simulation, type Subject } from '../../src/simulator/simulation.ts';
import { Echo } from '../../src/workloads/echo/messages.ts';
import { echo } from '../../src/workloads/echo/workload.ts';
import { subjectOf } from '../../src/workloads/registry.ts';

const settle = createSettle();

interface Small extends Partial<Omit<ExploreOrdersOptions, 'simulate' | 'options'>> {
  readonly nodeCount?: number;
  /** What the workers 0, 1, … ask for, all at once. */
  readonly values: readonly unknown[];
}

function simulateOf(subject: Subject): Simulate {
  return (options, hooks) => new Simulation({ subject, options, settle, ...hooks });
}

function scenarioOf(subject: Subject, { nodeCount = 1, values }: Small): Scenario {
  const scenario = drawScenario({
    test: subject.test,
    seed: '1',
    nodeCount,
    operationCount: values.length,
    intervalMs: 0,
  });
  const operations = values.map((value, worker): OperationEvent => ({ atMs: 0, worker, f: 'echo', value }));
  return { ...scenario, schedule: { operations, faults: [], messages: [] } };
}

function exploreSmall(subject: Subject, small: Small) {
  const { nodeCount: _, values: __, ...options } = small;
  return exploreOrders({
    simulate: simulateOf(subject),
    options: scenarioOf(subject, small),
    schedulesMax: 5000,
    ...options,
  });
}

/** Nodes that answer what `answer` makes of a request; each has a list of what it has seen. */
function echoing(answer: (context: NodeContext, seen: unknown[], value: unknown) => unknown): Subject {
  return {
    name: 'echoing',
    test: echo.test,
    startHandlers: () => async (context) => {
      const seen: unknown[] = [];
      return [handler(Echo, ({ echo: value }) => ({ echo: answer(context, seen, value) }))];
    },
  };
}

describe('the number of orders', () => {
  it.each([
    [1, 1],
    [2, 2],
    [3, 6],
    [4, 24],
    [5, 120],
  ])('of %i messages to one node is %i, each tried once', async (count, orders) => {
    const report = await exploreSmall(subjectOf(echo), { values: Array.from({ length: count }, (_, index) => index) });
    expect(report).toEqual({
      arrivalsMax: 2 * count,
      schedules: orders,
      runs: orders,
      complete: true,
      failureCount: 0,
      failures: [],
    });
  });

  it('of messages to different nodes is that at each of them: they do not meet', async () => {
    const values = [0, 1, 2, 3, 4, 5];
    const report = await exploreSmall(subjectOf(echo), { nodeCount: 2, values });
    expect(report).toMatchObject({ schedules: 36, complete: true, failureCount: 0 });
    expect(report.runs).toBeLessThan(720);
    expect(await exploreSmall(subjectOf(echo), { nodeCount: 6, values })).toMatchObject({
      schedules: 1,
      complete: true,
    });
  });
});

describe('a node that is wrong in one order', () => {
  it('is found where two requests come the other way round', async () => {
    const subject = echoing((_context, seen, value) => {
      seen.push(value);
      return seen.join() === 'b,a' ? 'wrong' : value;
    });
    const { schedules, failures } = await exploreSmall(subject, { values: ['a', 'b'] });
    expect(schedules).toBe(2);
    expect(failures).toHaveLength(1);
    expect(failures[0]?.order.filter((line) => line.includes('→ n0'))).toEqual([
      expect.stringContaining('"echo":"b"'),
      expect.stringContaining('"echo":"a"'),
    ]);
    expect(failures[0]?.results.workload).toMatchObject({ 'error-count': 1 });

    const scenario = scenarioOf(subject, { values: ['a', 'b'] });
    const choices = failures[0]?.choices ?? [];
    expect((await followOrder(simulateOf(subject), scenario, choices)).results).toEqual(failures[0]?.results);
    expect((await followOrder(simulateOf(subject), scenario, [])).results).toMatchObject({ 'valid?': true });
    await expect(followOrder(simulateOf(subject), scenario, [0, 2])).rejects.toThrow(
      new NoSuchChoiceError('choice 2 is 2, and there is 1 message in flight, counted from 0'),
    );
  });

  it('is found where what follows from one message overtakes another that was sent before it', async () => {
    const subject = echoing((context, seen, value) => {
      seen.push(value);
      if (context.nodeId === 'n0') context.send('n1', { type: 'echo', echo: 'passed on' });
      return context.nodeId === 'n1' && seen.join() === 'passed on,direct' ? 'wrong' : value;
    });
    const { failures, complete } = await exploreSmall(subject, { nodeCount: 2, values: ['first', 'direct'] });
    expect(complete).toBe(true);
    expect(failures).toHaveLength(1);
    expect(failures[0]?.order.filter((line) => line.includes('→ n1'))).toEqual([
      expect.stringContaining('"echo":"passed on"'),
      expect.stringContaining('"echo":"direct"'),
    ]);
  });

  it('is found in the last of the orders of four', async () => {
    const subject = echoing((_context, seen, value) => {
      seen.push(value);
      return seen.join('') === '3210' ? 'wrong' : value;
    });
    const { schedules, failures } = await exploreSmall(subject, { values: [0, 1, 2, 3] });
    expect(schedules).toBe(24);
    expect(failures).toHaveLength(1);
  });
});

describe('the limits', () => {
  const values = [0, 1, 2, 3];

  it('stops after so many schedules and says so', async () => {
    const report = await exploreSmall(subjectOf(echo), { values, schedulesMax: 10 });
    expect(report).toMatchObject({
      schedules: 10,
      complete: false,
      stoppedBecause: 'the limit of 10 schedules was reached',
    });
  });

  it('stops when it is told to', async () => {
    let runs = 0;
    const report = await exploreSmall(subjectOf(echo), { values, onProgress: () => runs++, over: () => runs === 3 });
    expect(report).toMatchObject({ runs: 3, complete: false, stoppedBecause: 'it was told to stop' });
  });
});
