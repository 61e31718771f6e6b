/**
 * Real simulations, small ones: what is right survives every step, and a bug that shows only when the crash comes at
 * one certain step is found, with the name of that step.
 */

import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import type { Checker } from '../../src/checkers/checker.ts';
import { completeWith } from '../../src/harness/client.ts';
import type { RunObserver } from '../../src/harness/run.ts';
import { createSettle } from '../../src/host/settle.ts';
import { FolderReservation } from '../../src/ids/folder-reservation.ts';
import { handler } from '../../src/node/context.ts';
import type { Folder } from '../../src/protocol/folder.ts';
import { defineRpc } from '../../src/protocol/rpc.ts';
import { type ExploreOptions, explore } from '../../src/search/explore.ts';
import { drawScenario, type Simulate } from '../../src/search/explore-scenario.ts';
import { ACTIONS } from '../../src/search/explore-steps.ts';
import { Simulation, type Subject } from '../../src/simulator/simulation.ts';
import { Echo } from '../../src/workloads/echo/messages.ts';
import { echo } from '../../src/workloads/echo/workload.ts';
import { startWorkloads } from '../../src/workloads/nodes.ts';
import { findWorkload, subjectOf } from '../../src/workloads/registry.ts';
import { uniqueIds } from '../../src/workloads/unique-ids/workload.ts';
import type { Workload } from '../../src/workloads/workload.ts';

const settle = createSettle();

interface Small extends Partial<Omit<ExploreOptions, 'simulate' | 'options'>> {
  readonly nodeCount?: number;
  readonly operationCount?: number;
  readonly seed?: string;
  readonly observe?: () => RunObserver;
}

function exploreSmall(
  subject: Subject,
  { nodeCount = 1, operationCount = 1, seed = '1', observe, ...options }: Small = {},
) {
  const simulate: Simulate = (runOptions, hooks) =>
    new Simulation({ subject, options: runOptions, settle, observer: observe?.() ?? {}, ...hooks });
  return explore({
    simulate,
    options: drawScenario({ test: subject.test, seed, nodeCount, operationCount, intervalMs: 50 }),
    actions: ACTIONS,
    depth: 1,
    schedulesMax: 20_000,
    ...options,
  });
}

const Add = defineRpc('add', 'Keeps a value.', { value: z.number() }, {});
const List = defineRpc('list', 'Tells the values kept.', {}, { values: z.array(z.number()) });

/** What was acknowledged is there at the end. */
function keepsAcknowledged(): Checker {
  return {
    check(_test, history) {
      const added = new Set<unknown>();
      let listed: readonly unknown[] = [];
      for (const { type, f, value } of history.clientOperations()) {
        if (type !== 'ok') continue;
        if (f === 'add') added.add(value);
        else listed = value as readonly unknown[];
      }
      const lost = [...added].filter((value) => !listed.includes(value));
      return { 'valid?': lost.length === 0, ...(lost.length > 0 && { error: `lost: ${lost.join(', ')}` }) };
    },
  };
}

/** A node that keeps values in a folder, in one way or another. */
function keeper(
  add: (folder: Folder, value: number) => Promise<void>,
  recover?: (folder: Folder) => Promise<void>,
): Subject {
  return {
    name: 'keeper',
    startHandlers:
      ({ folder }) =>
      async () => {
        await recover?.(folder);
        return [
          handler(Add, ({ value }) => add(folder, value).then(() => ({}))),
          handler(List, async () => ({ values: numbersOf(await folder.names(), 'value-') })),
        ];
      },
    test: {
      reusableClients: true,
      survivesDiskLoss: false,
      createGenerator: (random) => () => ({ f: 'add', value: random.integer(1e9) }),
      createFinalInvocations: () => [{ f: 'list', value: null }],
      createInvoke:
        () =>
        async (client, { f, value }) =>
          f === 'add'
            ? completeWith(await client.rpc(Add, { value: value as number }), value, () => value)
            : completeWith(await client.rpc(List, {}), null, ({ values }) => values),
      checker: keepsAcknowledged,
    },
  };
}

function numbersOf(names: readonly string[], prefix: string): number[] {
  return names.filter((name) => name.startsWith(prefix)).map((name) => Number(name.slice(prefix.length)));
}

describe('workloads that are right', () => {
  it.each(['echo', 'unique-ids'])('%s is valid for every action at every step', async (name) => {
    const subject = subjectOf(findWorkload(name) as Workload);
    const operationCounts: number[] = [];
    const observe = () => {
      const index = operationCounts.push(0) - 1;
      const onBegin = () => {
        operationCounts[index] = (operationCounts[index] as number) + 1;
      };
      return { onBegin };
    };
    const report = await exploreSmall(subject, { nodeCount: 2, operationCount: 4, observe });
    expect(report.failures).toEqual([]);
    expect(report).toMatchObject({ complete: true, failureCount: 0 });
    expect(report.stoppedBecause).toBeUndefined();
    const tried = report.steps * ACTIONS.length;
    expect(report.levels).toEqual([{ tried, planned: tried, runs: report.runs - 1 }]);
    expect(report.runs).toBeGreaterThan(tried);
    expect(report.schedules).toBeLessThan(report.runs);
    // Also a crash in the very first step leaves a run in which everything is asked.
    expect(operationCounts).toHaveLength(report.runs);
    expect(new Set(operationCounts)).toEqual(new Set([4]));
  });

  it('is let go on before it is asked what it holds on to, if it is paused to the end', async () => {
    let written = 0;
    const subject: Subject = {
      name: 'writes after its answer',
      test: echo.test,
      startHandlers:
        ({ folder }) =>
        async () => [
          handler(Echo, ({ echo: value }) => {
            void folder.write(`${written++}`, '');
            return { echo: value };
          }),
        ],
    };
    expect(await exploreSmall(subject, { actions: ['pause'] })).toMatchObject({ complete: true, failureCount: 0 });
  });

  it('has the same steps again', async () => {
    const subject = subjectOf(uniqueIds);
    const [one, other] = [await exploreSmall(subject, { depth: 0 }), await exploreSmall(subject, { depth: 0 })];
    expect(one.steps).toBeGreaterThan(20);
    expect(other).toEqual(one);
    expect(one).toMatchObject({ runs: 1, schedules: 1, complete: true });
  });

  it('counts two crashes at the same moment with the same effect once', async () => {
    const report = await exploreSmall(subjectOf(uniqueIds), { actions: ['kill'] });
    expect(report.failures).toEqual([]);
    // The end of one disk operation and the beginning of the next are the same to a node that dies.
    expect(report.schedules).toBeLessThan(report.runs * 0.8);
  });
});

describe('bugs that need a crash at the right step', () => {
  it('finds a reservation that is acknowledged before it is on the disk', async () => {
    const hasty = (folder: Folder): Folder =>
      new Proxy(folder, {
        get: (_, operation: keyof Folder) =>
          operation === 'sync' || operation === 'syncNames'
            ? async () => {}
            : (folder[operation] as (...args: unknown[]) => unknown).bind(folder),
      });
    const stopped = { wallMs: () => 1_798_761_600_000, monotonicMs: () => 0 };
    const subjectWith = (alterFolder: (folder: Folder) => Folder): Subject => ({
      ...subjectOf(uniqueIds),
      // Every life finds the clock set back to the same moment.
      alter: (environment) => ({ ...environment, clock: stopped }),
      startHandlers: ({ nodeId, folder }) =>
        startWorkloads({ openReservation: () => FolderReservation.open(alterFolder(folder), nodeId), idLimits: {} }, [
          uniqueIds,
        ]),
    });
    const options = { operationCount: 4, actions: ['kill', 'kill-unsynced', 'kill-torn'] as const, seed: '2' };
    expect(
      await exploreSmall(
        subjectWith((folder) => folder),
        options,
      ),
    ).toMatchObject({ failureCount: 0 });
    const { failures } = await exploreSmall(subjectWith(hasty), options);
    const actions = new Set(failures.flatMap(({ injections }) => injections.map(({ action }) => action)));
    expect([...actions].sort()).toEqual(['kill-torn', 'kill-unsynced']);
    expect(failures.some(({ results }) => (results.workload as { 'valid?': unknown })['valid?'] === false)).toBe(true);
  });

  it('finds the one await that is missing, and names the step', async () => {
    const add = async (folder: Folder, value: number) => {
      await folder.write(`draft-${value}`, '');
      void folder.write(`value-${value}`, '');
    };
    const { failures } = await exploreSmall(keeper(add), { actions: ['kill', 'pause', 'cut'] });
    const [failure] = failures;
    expect(failure?.injections).toEqual([
      {
        step: expect.any(Number),
        node: 'n0',
        action: 'kill',
        draw: 0,
        text: expect.stringMatching(/^sent .*"add_ok"/),
      },
    ]);
    // Once what was asked next arrives the second write is still under way.
    for (const { injections } of failures) expect(injections[0]?.text).toMatch(/^(sent .*"add_ok"|receive .*"list")/);
    expect(failures.map(({ injections }) => injections[0]?.action)).toEqual(failures.map(() => 'kill'));
    expect(failure?.results.workload).toMatchObject({ error: expect.stringMatching(/^lost: /) });
  });

  it('finds nothing where that await is there', async () => {
    const add = async (folder: Folder, value: number) => {
      await folder.write(`draft-${value}`, '');
      await folder.write(`value-${value}`, '');
    };
    const report = await exploreSmall(keeper(add), { actions: ['kill', 'pause', 'cut'], depth: 2 });
    expect(report).toMatchObject({ complete: true, failureCount: 0 });
  });

  it('finds with two crashes what goes wrong only in a recovery', async () => {
    const add = async (folder: Folder, value: number) => {
      await folder.write(`journal-${value}`, '');
      void folder.write(`value-${value}`, '').then(() => folder.remove(`journal-${value}`));
    };
    const recover = async (folder: Folder) => {
      const names = await folder.names();
      for (const value of numbersOf(names, 'journal-')) {
        await folder.remove(`journal-${value}`);
        if (!names.includes(`value-${value}`)) await folder.write(`value-${value}`, '');
      }
    };
    const options = { actions: ['kill'] as const };
    expect(await exploreSmall(keeper(add, recover), options)).toMatchObject({ complete: true, failureCount: 0 });
    const { failures, levels } = await exploreSmall(keeper(add, recover), { ...options, depth: 2 });
    expect(levels).toHaveLength(2);
    expect(failures.length).toBeGreaterThan(0);
    for (const { injections } of failures) {
      expect(injections[0]?.text).toMatch(/^(sent .*"add_ok"|receive .*"list")/);
      expect(injections[1]?.text).toMatch(/^(after remove journal-|before write value-)/);
    }
  });
});

describe('the limits', () => {
  const subject = subjectOf(findWorkload('echo') as Workload);

  it('stops after so many schedules and says so', async () => {
    const report = await exploreSmall(subject, { schedulesMax: 7 });
    expect(report).toMatchObject({
      schedules: 7,
      complete: false,
      stoppedBecause: 'the limit of 7 schedules was reached',
    });
    expect(report.levels[0]?.tried).toBeLessThan(report.levels[0]?.planned as number);
  });

  it('meets only the steps that it is told to, and numbers no others', async () => {
    const all = await exploreSmall(subject, { actions: ['kill'] });
    const sends = await exploreSmall(subject, { actions: ['kill'], counts: (text) => text.startsWith('send ') });
    expect(sends).toMatchObject({ complete: true, failureCount: 0 });
    expect(sends.steps).toBeGreaterThan(1);
    expect(sends.steps).toBeLessThan(all.steps / 2);
    expect(sends.levels).toEqual([{ tried: sends.steps, planned: sends.steps, runs: sends.steps }]);
  });

  it('is not complete where there is no such step', async () => {
    const report = await exploreSmall(subject, { counts: (text) => text.includes('no such thing') });
    expect(report).toMatchObject({ complete: false, stoppedBecause: 'there is no step of that kind', runs: 1 });
  });

  it('stops when it is told to', async () => {
    let runs = 0;
    const report = await exploreSmall(subject, { over: () => ++runs > 3 });
    expect(report).toMatchObject({ runs: 4, complete: false, stoppedBecause: 'it was told to stop' });
  });

  it('says that a scenario which fails by itself cannot be explored', async () => {
    const forgetful = keeper(async () => {});
    const report = await exploreSmall(forgetful);
    expect(report).toMatchObject({ runs: 1, complete: false, failureCount: 1 });
    expect(report.failures[0]?.injections).toEqual([]);
  });

  it('refuses a run that is not the same again', async () => {
    let calls = 0;
    const fickle = keeper(async (folder, value) => {
      if (++calls < 5) await folder.names();
      await folder.write(`value-${value}`, '');
    });
    await expect(exploreSmall(fickle, { actions: ['kill'] })).rejects.toThrow('the run is not deterministic');
  });
});
