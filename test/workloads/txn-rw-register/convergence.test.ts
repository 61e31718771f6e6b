/** In the end all nodes have the same registers under any faults, and what was acknowledged is among them. */

import { expect, it } from 'vitest';
import type { Fault } from '../../../src/harness/fault.ts';
import type { Invocation, WorkloadTest } from '../../../src/harness/workload-test.ts';
import { createSettle } from '../../../src/host/settle.ts';
import { fuzzOptions } from '../../../src/search/fuzz-defaults.ts';
import { Simulation } from '../../../src/simulator/simulation.ts';
import { subjectOf } from '../../../src/workloads/registry.ts';
import { txnRwRegister } from '../../../src/workloads/txn-rw-register/workload.ts';

type Mop = readonly [f: string, key: number, value: unknown];

/** Longer than transactions of others wait until they are sent on, with the slowest retry. */
const CALM_MS = 10_000;
const KEYS = 12;

const own = txnRwRegister.ownTest as WorkloadTest;

/** Its own test, and then each node reads all registers. */
const test: WorkloadTest = {
  ...own,
  configure: (setting) => ({
    ...(own.configure?.(setting) as WorkloadTest),
    calmMs: CALM_MS,
    createFinalInvocations: (): Invocation[] => {
      const value = Array.from({ length: KEYS }, (_, key) => ['r', key, null]);
      return [{ f: 'txn', value, by: 'each' } as Invocation];
    },
  }),
};

it.each<[name: string, faults: readonly Fault[], nodeLimits: Readonly<Record<string, number>>]>([
  ['lost messages', ['loss', 'duplication', 'reordering'], {}],
  ['partitions', ['partition', 'one-way', 'bridge'], {}],
  ['partitions, with little kept', ['partition'], { kept: 1, registers: 2 }],
  ['kills and power failures', ['kill', 'disk-unsynced', 'disk-torn', 'partition'], { journal: 500 }],
  ['lost disks', ['disk-loss', 'partition'], { early: 2 }],
  ['clocks', ['clock-jump', 'clock-freeze', 'partition'], { batch: 1 }],
])('all nodes have the same registers after %s', async (_, faults, nodeLimits) => {
  const options = fuzzOptions({
    seed: 'convergence',
    nodes: ['n1', 'n2', 'n3'],
    faults,
    nodeLimits,
    nemesisIntervalMs: 1000,
    timeLimitMs: 8000,
    workloadOptions: { 'max-writes-per-key': '1000000' },
  });
  const { history } = await new Simulation({
    subject: { ...subjectOf(txnRwRegister), test },
    options,
    settle: createSettle(),
  }).finish();
  const found = new Set<string>();
  const written = new Map<number, Set<unknown>>();
  const acknowledged = new Set<number>();
  for (const { type, value } of history.clientOperations()) {
    // No other transaction is as long.
    if (type === 'ok' && (value as Mop[]).length === KEYS) found.add(JSON.stringify(value));
    for (const [f, key, element] of value as Mop[]) {
      if (f !== 'w') continue;
      written.set(key, (written.get(key) ?? new Set()).add(element));
      if (type === 'ok') acknowledged.add(key);
    }
  }
  expect(found.size).toBe(1);
  const [last] = [...found].map((text) => JSON.parse(text) as Mop[]);
  const isRight = ([, key, value]: Mop) => (value === null ? !acknowledged.has(key) : written.get(key)?.has(value));
  expect(last?.filter((mop) => !isRight(mop))).toEqual([]);
});
