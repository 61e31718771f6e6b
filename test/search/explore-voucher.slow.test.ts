/**
 * A redemption met by a crash and by a cut at every step of two nodes: what is right survives, and what is wrong only
 * at one of them is found.
 */

import { describe, expect, it } from 'vitest';
import { createSettle } from '../../src/host/settle.ts';
import { explore } from '../../src/search/explore.ts';
import { drawScenario } from '../../src/search/explore-scenario.ts';
import type { Action } from '../../src/search/explore-steps.ts';
import { Simulation, type Subject } from '../../src/simulator/simulation.ts';
import { subjectOf } from '../../src/workloads/registry.ts';
import { createVoucherTest, voucher } from '../../src/workloads/voucher/workload.ts';
import { voucherMutantSubject } from '../fixtures/mutants/voucher.ts';

/** As little as can be: most steps of a run are those of its last questions. */
const TINY = createVoucherTest({
  vouchers: [{ voucher: { code: 'hot', limit: 1, amount: 500, shards: 1 }, weight: 1 }],
  userCount: 1,
  opening: 'redeem',
  renews: false,
});
/** Time for a node that was killed or cut to come back and for what it left to be swept. */
const REST_MS = 4000;
const settle = createSettle();

/** @param failuresMax it ends with so many */
function exploreRedemption(
  subject: Subject,
  actions: readonly Action[],
  { failuresMax = Number.POSITIVE_INFINITY, members = 'fixed', operationCount = 2 } = {},
) {
  const workloadOptions = { members };
  const drawn = { test: TINY, seed: '1', nodeCount: 2, operationCount, intervalMs: 50, workloadOptions };
  const scenario = drawScenario(drawn);
  let failureCountSeen = 0;
  return explore({
    simulate: (options, hooks) => new Simulation({ subject: { ...subject, test: TINY }, options, settle, ...hooks }),
    options: { ...scenario, timeLimitMs: REST_MS },
    actions,
    depth: 1,
    schedulesMax: 20_000,
    over: () => failureCountSeen >= failuresMax,
    onProgress: ({ failureCount }) => {
      failureCountSeen = failureCount;
    },
  });
}

describe('a redemption that is asked twice', () => {
  it('survives a crash and a cut at every step', async () => {
    const report = await exploreRedemption(subjectOf(voucher), ['kill', 'cut']);
    expect(report.failures).toEqual([]);
    expect(report).toMatchObject({ complete: true, failureCount: 0 });
    expect(report.steps).toBeGreaterThan(200);
    expect(report.schedules).toBeGreaterThan(400);
  });

  it('survives a crash at every step of a node that the other one was not told of', async () => {
    const report = await exploreRedemption(subjectOf(voucher), ['kill'], { members: 'registered', operationCount: 1 });
    expect(report.failures).toEqual([]);
    expect(report).toMatchObject({ complete: true, failureCount: 0 });
    expect(report.steps).toBeGreaterThan(200);
  });

  it('is left half done by a node that dies after the wallet, without a sweeper', async () => {
    const { failures } = await exploreRedemption(voucherMutantSubject('no-sweeper'), ['kill'], { failuresMax: 3 });
    expect(failures.length).toBeGreaterThan(0);
    for (const { results } of failures)
      expect(results.workload).toMatchObject({ 'valid?': false, error: expect.stringMatching(/pending|wallet/) });
    const texts = failures.map(({ injections }) => injections[0]?.text);
    // A client asks again, which finishes the credit. Nothing else removes the entry.
    expect(texts[0]).toMatch(/^sent .*"w\/u0"/);
  });
});
