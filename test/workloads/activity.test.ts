/**
 * Work until the end: the test of every workload draws new work in every tenth of a long run. A test that runs out of
 * work makes the run undecided.
 */

import { describe, expect, it } from 'vitest';
import { completeWith } from '../../src/harness/client.ts';
import { configureTest } from '../../src/harness/configure-test.ts';
import type { RunOptions } from '../../src/harness/run-options.ts';
import type { WorkloadTest } from '../../src/harness/workload-test.ts';
import type { History } from '../../src/history/history.ts';
import { createSettle } from '../../src/host/settle.ts';
import { SeededRandom } from '../../src/protocol/random.ts';
import { junitOfRun } from '../../src/report/junit.ts';
import { formatResults, formatVerdict } from '../../src/report/result-block.ts';
import { Simulation } from '../../src/simulator/simulation.ts';
import { subjectOf, WORKLOADS } from '../../src/workloads/registry.ts';
import { Redeem, VoucherCreate } from '../../src/workloads/voucher/messages.ts';
import { voucher } from '../../src/workloads/voucher/workload.ts';
import type { Workload } from '../../src/workloads/workload.ts';

// biome-ignore lint/suspicious/noExplicitAny: answers and values of every shape
type Fields = Readonly<Record<string, any>>;

const SECONDS = 60;
const TENTH_NS = (SECONDS / 10) * 1e9;

const OPTIONS = {
  nodes: ['n0', 'n1', 'n2'],
  concurrency: 12,
  ratePerSecond: 50,
  timeLimitMs: SECONDS * 1000,
  latencyMeanMs: 1,
  latencyDistribution: 'exponential',
  faults: [],
  nemesisIntervalMs: 5000,
  seed: 'activity',
} as const satisfies RunOptions;

async function run(
  workload: Workload,
  options: Partial<RunOptions> = {},
  test: WorkloadTest = subjectOf(workload).test,
) {
  const subject = { ...subjectOf(workload), test };
  return new Simulation({ subject, options: { ...OPTIONS, ...options }, settle: createSettle() }).finish();
}

/** For each tenth of the run: the number of operations that ended ok, and of those that match. */
function tenths(history: History, isCounted: (f: string) => boolean, matches: (f: string, value: unknown) => boolean) {
  const counts = Array.from({ length: 10 }, () => ({ all: 0, matching: 0 }));
  for (const { type, time, f, value } of history.clientOperations()) {
    const tenth = counts[Math.floor(time / TENTH_NS)];
    if (type !== 'ok' || tenth === undefined) continue;
    const matching = matches(f, value);
    if (isCounted(f)) tenth.all++;
    if (matching) tenth.matching++;
  }
  return counts;
}

describe.each(WORKLOADS.map((workload) => [workload.name, workload] as const))('the test of %s', (_, workload) => {
  it('has new work in every tenth of a run', async () => {
    const { history, results } = await run(workload);
    expect(results).toMatchObject({ 'valid?': true, activity: { 'valid?': true } });
    const { 'last-third-fraction': fraction } = results.activity as Fields;
    expect(fraction).toBeGreaterThan(0.25);
    expect(fraction).toBeLessThan(0.42);
    const didWork = workload.test.createWorkCounter?.() ?? (() => false);
    for (const { matching } of tenths(history, () => true, didWork)) expect(matching).toBeGreaterThan(40);
  });
});

describe('the test of voucher', () => {
  it.each([[[]], [['partition', 'kill']]] as const)('redeems in every tenth of a run, under %j', async (faults) => {
    const { history } = await run(voucher, { faults, ratePerSecond: 100, concurrency: 60 });
    const didWork = voucher.test.createWorkCounter?.() ?? (() => false);
    for (const { all, matching } of tenths(history, (f) => f === 'redeem', didWork)) {
      expect(all).toBeGreaterThan(faults.length > 0 ? 50 : 350);
      expect(matching / all).toBeGreaterThan(0.2);
    }
  });
});

describe('a test that runs out of work', () => {
  const TERMS = { code: 'only', limit: 5, amount: 1 };
  // The run would configure the right one.
  const { configure: _, ...right } = voucher.test;
  const dry: WorkloadTest = {
    ...right,
    createGenerator: (random) => () => ({
      f: 'redeem',
      value: { code: TERMS.code, user: `u${random.integer(40)}`, request_id: 'r0' },
    }),
    createInvoke:
      () =>
      async (client, { value }) => {
        const request = value as { readonly code: string; readonly user: string; readonly request_id: string };
        await client.rpc(VoucherCreate, TERMS);
        const result = await client.rpc(Redeem, request);
        return completeWith(result, request, ({ outcome }) => ({ ...request, outcome }));
      },
    createFinalInvocations: () => [],
    checker: () => ({ check: () => ({ 'valid?': true }) }),
  };

  it('makes the run undecided, and reports it', async () => {
    const { history, results } = await run(voucher, { timeLimitMs: 9000 }, dry);
    const okCount = [...history].filter(({ type, time }) => type === 'ok' && time >= 6e9 && time <= 9e9).length;
    expect(okCount).toBeGreaterThan(100);
    expect(results['valid?']).toBe('unknown');
    const idleness = `none of the ${okCount} operations that succeeded in the last third of the run did new work`;
    expect(formatVerdict(results)).toBe(`Verdict unknown. The workload was idle: ${idleness}.`);
    expect(formatResults(results)).toContain(`
activity        valid? unknown, work-count 5, last-third-count 0, last-third-fraction 0, error the workload was idle: `);
    const { cases } = junitOfRun({ workload: 'voucher', seed: 'activity', results, reason: '', command: 'again' });
    const activity = cases.find(({ name }) => name === 'activity');
    expect(activity?.outcome).toMatchObject({ kind: 'unknown', message: expect.stringContaining(idleness) });
    expect(results.activity).toEqual({
      'valid?': 'unknown',
      'work-count': 5,
      'last-third-count': 0,
      'last-third-fraction': 0,
      error: `the workload was idle: ${idleness}`,
      summary: `The workload was idle: ${idleness}.`,
    });
  });

  it('passes if its workload does not count work', async () => {
    const { createWorkCounter: _, ...silent } = dry;
    const { results } = await run(voucher, { timeLimitMs: 9000 }, silent);
    expect(results['valid?']).toBe(true);
    expect(results.activity).toBeUndefined();
  });
});

it('counts each redemption once, and nothing but redemptions', () => {
  const didWork = voucher.test.createWorkCounter?.() ?? (() => false);
  const redeem = (user: string, outcome: string, code = 'hot') => ({ code, user, request_id: 'r0', outcome });
  expect(didWork('create', { code: 'hot' })).toBe(false);
  expect(didWork('redeem', redeem('u1', 'sold_out'))).toBe(false);
  expect(didWork('redeem', redeem('u1', 'redeemed'))).toBe(true);
  expect(didWork('redeem', redeem('u1', 'redeemed'))).toBe(false);
  expect(didWork('redeem', redeem('u1', 'redeemed', 'hot-1'))).toBe(true);
  expect(didWork('redeem', redeem('u2', 'redeemed'))).toBe(true);
});

it('is drawn from the seed alone', () => {
  for (const { test } of WORKLOADS) {
    const drawn = () => {
      const { createGenerator } = configureTest(test, { nodes: ['n0'], concurrency: 1, latencyMeanMs: 0 });
      const next = createGenerator(new SeededRandom('long'));
      return Array.from({ length: 5000 }, (_, atMs) => next({ worker: 0, process: 0, atMs }));
    };
    expect(drawn()).toEqual(drawn());
  }
});
