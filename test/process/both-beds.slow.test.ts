/**
 * One code, two beds: a right node in the simulator is right as processes under the same faults, and a wrong one is
 * found on both. So a verdict of the simulator, which costs milliseconds, can stand for one about real processes.
 */

import { describe, expect, it } from 'vitest';
import type { CheckResult } from '../../src/checkers/checker.ts';
import type { Fault } from '../../src/harness/fault.ts';
import type { RunOptions } from '../../src/harness/run-options.ts';
import type { Schedule } from '../../src/harness/schedule.ts';
import type { Subject } from '../../src/simulator/simulation.ts';
import { echo } from '../../src/workloads/echo/workload.ts';
import { ids } from '../../src/workloads/ids/workload.ts';
import { subjectOf } from '../../src/workloads/registry.ts';
import { saga } from '../../src/workloads/saga/workload.ts';
import { uniqueIds } from '../../src/workloads/unique-ids/workload.ts';
import { voucher } from '../../src/workloads/voucher/workload.ts';
import { type IdsMutantName, idsMutantSubject } from '../fixtures/mutants/ids.ts';
import { sagaMutantSubject } from '../fixtures/mutants/saga.ts';
import { type MutantName, mutantSubject } from '../fixtures/mutants/unique-ids.ts';
import { voucherMutantSubject } from '../fixtures/mutants/voucher.ts';
import {
  expectOnBoth,
  FAULTS,
  OPTIONS,
  PROTOCOL_BROKEN,
  simulate,
  VALID,
  type Verdict,
  verdictOf,
  WORKLOAD_WRONG,
} from '../support/both-beds.ts';

describe.concurrent('what is right', () => {
  it.each<{ name: string; subject: Subject; faults: readonly Fault[] }>([
    { name: 'unique-ids', subject: subjectOf(uniqueIds), faults: FAULTS },
    { name: 'echo', subject: subjectOf(echo), faults: FAULTS },
    { name: 'ids in a store', subject: mutantSubject('ids-in-the-store'), faults: [...FAULTS, 'service-cut'] },
    { name: 'ids with leased numbers', subject: subjectOf(ids), faults: [...FAULTS, 'service-cut'] },
    { name: 'voucher', subject: subjectOf(voucher), faults: [...FAULTS, 'service-cut'] },
    { name: 'saga', subject: subjectOf(saga), faults: [...FAULTS, 'service-cut'] },
  ])('is valid on both beds under faults: $name', async ({ subject, faults }) => {
    await expectOnBoth(subject, { ...OPTIONS, faults, nemesisIntervalMs: 1000 }, VALID);
  });
});

/** The nodes are asked to assign the same key at the same time, again and again. */
const RACES: Schedule = {
  operations: Array.from({ length: 120 }, (_, number) => ({
    atMs: 25 * Math.floor(number / 3),
    worker: number % OPTIONS.concurrency,
    f: 'assign',
    value: { service: 'payment', key: `k${Math.floor(number / 3)}` },
  })),
  faults: [],
  messages: [],
};

/** Every id is assigned, and any node is asked for its status a little later. */
const QUESTIONS: Schedule = {
  operations: Array.from({ length: 120 }, (_, number) => ({
    atMs: 25 * number,
    worker: number % OPTIONS.concurrency,
    ...(number % 2 === 0
      ? { f: 'assign', value: { service: 'payment', key: `k${number}` } }
      : { f: 'status', value: { of: number } }),
  })),
  faults: [],
  messages: [],
};

/** Two users redeem both vouchers, one after the other, and each looks into the wallet in between. */
const SHOPPING: Schedule = {
  operations: ['u0', 'u1'].flatMap((user, worker) =>
    [
      { f: 'redeem', value: { code: 'hot', user, request_id: 'r0' } },
      { f: 'wallet', value: { user } },
      { f: 'redeem', value: { code: 'cold', user, request_id: 'r0' } },
      { f: 'wallet', value: { user } },
    ].map((invocation, number) => ({ atMs: 200 * number, worker, ...invocation })),
  ),
  faults: [],
  messages: [],
};

describe.concurrent('what is wrong', () => {
  it.each<[IdsMutantName, string, Partial<RunOptions>]>([
    ['assigns-by-read-then-write', 'one-to-one', { schedule: RACES, latencyMeanMs: 10 }],
    ['status-from-another-epoch', 'status-is-right', {}],
    ['status-without-assignments', 'assignment-is-right', { schedule: QUESTIONS }],
  ])('is found on both beds without any fault: %s', async (name, rule, options) => {
    for (const { workload } of await expectOnBoth(idsMutantSubject(name), { ...OPTIONS, ...options }, WORKLOAD_WRONG))
      expect((workload as Record<string, CheckResult>)[rule]?.count).toBeGreaterThan(0);
  });

  it('is found on both beds without any fault: wallets that are overwritten', async () => {
    const subject = voucherMutantSubject('wallet-overwritten');
    const options = { ...OPTIONS, schedule: SHOPPING };
    for (const { workload } of await expectOnBoth(subject, options, WORKLOAD_WRONG))
      expect((workload as Record<string, CheckResult>)['wallets-are-right']?.count).toBeGreaterThan(0);
  });

  it('is found on both beds without any fault: transfers that count as done at the pivot', async () => {
    for (const { workload } of await expectOnBoth(sagaMutantSubject('ends-at-the-pivot'), OPTIONS, WORKLOAD_WRONG))
      expect((workload as Record<string, CheckResult>)['all-or-nothing']?.count).toBeGreaterThan(0);
  });

  it('is found on both beds without any fault: ids without the number of the node', async () => {
    await expectOnBoth(mutantSubject('without-node-number'), { ...OPTIONS, ratePerSecond: 400 }, WORKLOAD_WRONG);
  });

  it.each<[MutantName, Fault, number, Verdict]>([
    ['counts-from-zero-in-every-life', 'kill', 500, WORKLOAD_WRONG],
    ['answers-again-after-a-pause', 'pause', 700, PROTOCOL_BROKEN],
    ['timeout-taken-for-failure', 'loss', 0.1, WORKLOAD_WRONG],
    ['uses-a-doubled-grant-twice', 'duplication', 0.3, WORKLOAD_WRONG],
  ])('is found on both beds by the fault that it does not survive: %s, %s', async (name, fault, value, verdict) => {
    const subject = mutantSubject(name);
    // So many clients that a fault always hits requests in flight.
    const busy = { ...OPTIONS, ratePerSecond: 400, concurrency: 48 };
    expect(verdictOf(await simulate(subject, busy))).toEqual(VALID);
    await expectOnBoth(subject, { ...busy, faults: [fault], faultValues: { [fault]: value } }, verdict);
  });

  it.each<MutantName>(['wall-clock-only', 'without-reservation', 'reservation-without-sync'])(
    'is found on neither bed if it needs a broken clock or a power failure: %s',
    async (name) => {
      await expectOnBoth(mutantSubject(name), { ...OPTIONS, faults: FAULTS, timeLimitMs: 3000 }, VALID);
    },
  );
});
