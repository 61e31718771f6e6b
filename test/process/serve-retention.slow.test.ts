/**
 * Instances with a short time to keep, on a real etcd, under faults: what is finished goes, in time and not too early,
 * so the store does not grow. Nothing is lost, done twice, or answered when it is gone.
 */

import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { buildEngineMutants } from '../support/engine-mutants.ts';
import { findEtcd } from '../support/etcd.ts';
import { type RetentionDeploymentOptions, runRetentionDeployment } from '../support/retention-deployment.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const etcd = findEtcd('retention by real instances');
const folder = temporaryFolder();
const programs = buildEngineMutants(folder);

/** Without faults, on one instance: little to do for the machine, so several such runs are made at once. */
const CALM = {
  memberCount: 1,
  instanceCount: 1,
  retainMs: 8000,
  oldestMsMax: 16_000,
  faults: [],
  nemesisIntervalMs: 10_000,
  ratePerSecond: 20,
  lengthMs: 20_000,
  catchUpMsMax: 15_000,
  seed: '1',
} satisfies Partial<RetentionDeploymentOptions>;

/**
 * No record is to be older than twice the time to keep. Without faults it goes a grace and a half after that time, and
 * a grace is a quarter of it. Faults hold it up, so there is time to catch up.
 */
const FAULTY = {
  memberCount: 3,
  instanceCount: 3,
  retainMs: 16_000,
  oldestMsMax: 32_000,
  faults: ['kill', 'pause', 'engine-kill', 'engine-leader', 'engine-partition', 'service-cut'],
  lengthMs: 60_000,
  catchUpMsMax: 60_000,
} satisfies Partial<RetentionDeploymentOptions>;

describe.skipIf(etcd === undefined)('instances with a short time to keep', () => {
  const run = async (
    name: Parameters<Awaited<typeof programs>>[0],
    options: Partial<RetentionDeploymentOptions> = {},
  ) =>
    runRetentionDeployment({
      ...CALM,
      etcd: etcd as string,
      program: (await programs)(name),
      folder: join(folder, randomUUID()),
      ...options,
    });

  it('keep the store small under faults, and nothing is lost or done twice', async () => {
    const outcome = await run('short-retention', FAULTY);
    expect(outcome.violations).toEqual([]);
    expect(outcome.oldestMs).toBeLessThan(FAULTY.oldestMsMax);
    expect(outcome.keptCount).toBeLessThan((CALM.ratePerSecond * FAULTY.oldestMsMax) / 1000);
    expect(outcome.removedCount).toBeGreaterThan(0);
    expect(outcome.refusedCount).toBeGreaterThan(0);
  });

  it.concurrent('keep more and more if they remove nothing', async () => {
    const outcome = await run('removes-nothing');
    expect(outcome.oldestMs).toBeGreaterThan(CALM.oldestMsMax);
    expect(outcome.removedCount).toBe(0);
  });

  it.concurrent('keep more and more without one', async () => {
    const outcome = await run('right', { retainMs: undefined });
    expect(outcome.oldestMs).toBeGreaterThan(CALM.oldestMsMax);
    expect(outcome.keptCount).toBeGreaterThan(outcome.askedCount / 2);
  });

  it.concurrent('are exposed if one of them does not know of it, and carries late repeats out again', async () => {
    const outcome = await run('short-retention', { instanceCount: 2, unaware: ['n2'], catchUpMsMax: 60_000 });
    expect(outcome.violations).toContainEqual(expect.stringMatching(/was removed and is there again/));
    expect(outcome.violations).toContainEqual(expect.stringMatching(/was removed, and then answered/));
  });

  it.concurrent('are exposed if they remove what is not finished', async () => {
    const outcome = await run('removes-unfinished');
    expect(outcome.violations).toContain('the transfer that was never finished is gone');
  });
});
