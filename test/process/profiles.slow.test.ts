/** Vouchers that are credited to accounts, with real processes: the built node with `--wallets accounts`. */

import { join } from 'node:path';
import { expect, it } from 'vitest';
import { TestRun } from '../../src/harness/run.ts';
import { ProcessBed } from '../../src/host/processes/process-bed.ts';
import { createRealScheduler } from '../../src/host/real-scheduler.ts';
import { brokenRules } from '../support/find-failure.ts';
import { profilesTest } from '../support/profiles-run.ts';
import { OUR_NODE, processesThatName } from '../support/snowstorm-process.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

async function run(wallets: 'own' | 'accounts') {
  const folder = temporaryFolder();
  const args = ['-w', 'voucher,saga', '--wallets', wallets, '--state-dir', join(folder, 'state')];
  const bed = new ProcessBed({ program: OUR_NODE, args, logFolder: join(folder, 'logs') });
  try {
    const options = {
      nodes: ['n0', 'n1', 'n2'],
      concurrency: 12,
      ratePerSecond: 40,
      timeLimitMs: 8000,
      latencyMeanMs: 2,
      latencyDistribution: 'exponential' as const,
      faults: ['partition', 'kill', 'loss', 'duplication'] as const,
      nemesisIntervalMs: 1500,
      seed: 'profiles',
    };
    const { results } = await new TestRun(options, profilesTest, bed, createRealScheduler()).run();
    return results;
  } finally {
    await bed.close();
    expect(processesThatName(folder)).toEqual([]);
  }
}

it('keeps all promises of both workloads', { timeout: 300_000 }, async () => {
  const results = await run('accounts');
  expect({ broken: brokenRules(results), 'valid?': results['valid?'] }).toEqual({ broken: [], 'valid?': true });
});

it('is found out if wallets and accounts are apart, as they are by default', { timeout: 300_000 }, async () => {
  expect(brokenRules(await run('own'))).toEqual(expect.arrayContaining(['one-balance', 'can-be-spent']));
});
