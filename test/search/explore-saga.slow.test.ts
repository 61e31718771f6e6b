/**
 * A transfer met by a crash, a pause and a cut at every step of two nodes: what is right survives. And what no random
 * schedule is likely to show: without the fence for orphans a saga begins that no index knows, and stays half done.
 */

import { describe, expect, it } from 'vitest';
import { createSettle } from '../../src/host/settle.ts';
import { type ExploreOptions, explore } from '../../src/search/explore.ts';
import { drawScenario } from '../../src/search/explore-scenario.ts';
import { runWithInjections } from '../../src/search/explore-steps.ts';
import { Simulation, type Subject } from '../../src/simulator/simulation.ts';
import { subjectOf } from '../../src/workloads/registry.ts';
import { createSagaTest, saga } from '../../src/workloads/saga/workload.ts';
import { sagaMutantSubject } from '../fixtures/mutants/saga.ts';

/** One transfer between two accounts. */
const TINY = createSagaTest({
  accounts: [
    { account: 'a', balance: 100, weight: 1 },
    { account: 'b', balance: 100, weight: 1 },
  ],
  legs: 2,
  opening: 'transfer',
  ending: 'short',
});
const TIME_LIMIT_MS = 4000;
const settle = createSettle();

function scenarioOf(operationCount: number, members = 'fixed') {
  const workloadOptions = { members };
  const drawn = { test: TINY, seed: '1', nodeCount: 2, operationCount, intervalMs: 50, workloadOptions };
  const scenario = drawScenario(drawn);
  return { ...scenario, timeLimitMs: TIME_LIMIT_MS };
}

function simulateOf(subject: Subject): ExploreOptions['simulate'] {
  return (options, hooks) => new Simulation({ subject: { ...subject, test: TINY }, options, settle, ...hooks });
}

describe('a transfer', () => {
  it('survives a crash, a pause and a cut at every change of the store, asked for twice', async () => {
    const report = await explore({
      simulate: simulateOf(subjectOf(saga)),
      options: scenarioOf(2),
      actions: ['kill', 'pause', 'cut'],
      counts: (text) => text.includes('"cas"'),
      depth: 1,
      schedulesMax: 20_000,
    });
    expect(report).toMatchObject({ complete: true, failures: [] });
    expect(report.steps).toBeGreaterThan(60);
    expect(report.schedules).toBeGreaterThan(150);
  });

  it('survives a crash at every step', async () => {
    const report = await explore({
      simulate: simulateOf(subjectOf(saga)),
      options: scenarioOf(1),
      actions: ['kill'],
      depth: 1,
      schedulesMax: 20_000,
    });
    expect(report).toMatchObject({ complete: true, failures: [] });
    expect(report.steps).toBeGreaterThan(350);
  });

  it('survives a crash at every step of a node that the other one was not told of', async () => {
    const report = await explore({
      simulate: simulateOf(subjectOf(saga)),
      options: scenarioOf(1, 'registered'),
      actions: ['kill'],
      depth: 1,
      schedulesMax: 20_000,
    });
    expect(report).toMatchObject({ complete: true, failures: [] });
    expect(report.steps).toBeGreaterThan(350);
  });

  it('may be paused again in the moment in which everything is healed', async () => {
    const plan = [5, 7].map((step) => ({ step, action: 'pause', draw: 0 }) as const);
    const scenario = { ...scenarioOf(1), faults: ['pause' as const] };
    const { injections, outcome } = await runWithInjections(simulateOf(subjectOf(saga)), scenario, plan);
    expect(injections).toHaveLength(2);
    // That nothing was ever asked in peace, which stats deplores, is another matter.
    expect(outcome.results.recovery).toMatchObject({ 'valid?': true });
  });

  it('is half done for ever where orphans are not fenced off, if two pauses come at the right steps', async () => {
    let failuresSeen = 0;
    const { failures } = await explore({
      simulate: simulateOf(sagaMutantSubject('no-orphan-fence')),
      options: scenarioOf(1),
      actions: ['pause'],
      counts: (text) => text.includes('"cas"'),
      depth: 2,
      schedulesMax: 20_000,
      over: () => failuresSeen > 0,
      onProgress: ({ failureCount }) => {
        failuresSeen = failureCount;
      },
    });
    expect(failures).toHaveLength(1);
    const [failure] = failures;
    expect(failure?.results.workload).toMatchObject({ 'valid?': false, settles: { count: expect.any(Number) } });
    const texts = failure?.injections.map(({ text }) => text) ?? [];
    // The entry is in the index, and the creation of the record is sent by a node that has slept.
    expect(texts[0]).toMatch(/^sent .*"key":"p\/n\d"/);
    expect(texts[1]).toMatch(/^send .*"key":"s\//);
  });
});
