/**
 * The proof for lin-kv: each mutant, but for two, fails within 300 seeds of a fuzz under the faults that it is about,
 * and by the rule that finds it, mostly that no register is linearizable. The right node stays valid.
 */

import { expect, it } from 'vitest';
import type { RunOptions } from '../../src/harness/run-options.ts';
import { createSettle } from '../../src/host/settle.ts';
import { failureSignature } from '../../src/search/failure.ts';
import { fuzzOptions } from '../../src/search/fuzz-defaults.ts';
import { drawSwarm, swarmOf } from '../../src/search/swarm.ts';
import { Simulation } from '../../src/simulator/simulation.ts';
import { linKv } from '../../src/workloads/lin-kv/workload.ts';
import { subjectOf } from '../../src/workloads/registry.ts';
import { type LinKvMutantName, linKvMutantSubject } from '../fixtures/mutants/lin-kv.ts';
import { findFailure } from '../support/find-failure.ts';

const SEEDS_MAX = 300;
const RIGHT_SEEDS = 6;

const SHORT: Partial<RunOptions> = {
  nodes: ['n1', 'n2', 'n3'],
  concurrency: 6,
  timeLimitMs: 3000,
  nemesisIntervalMs: 700,
};

/** So many requests that some come while a leader is new, and appends of one entry each. */
const BUSY: Partial<RunOptions> = {
  concurrency: 30,
  ratePerSecond: 400,
  timeLimitMs: 2000,
  nemesisIntervalMs: 500,
  nodeLimits: { batch: 1 },
};

/** Disks are lost as soon as the ones before are recovered from. */
const LOSING: Partial<RunOptions> = { timeLimitMs: 4000, faultValues: { 'disk-loss': 400 } };

interface Expected {
  /** Where the search begins: the seeds before find nothing, and take their time for it. */
  readonly from?: number;
  readonly faults: RunOptions['faults'];
  readonly own?: Partial<RunOptions>;
  /** Which part of the verdict finds it. Absent: that of the workload. */
  readonly rule?: string;
}

/** Too rare for so few seeds: each has a schedule by hand in the corpus. */
type Rare =
  | 'votes-at-once-after-a-lost-disk'
  | 'votes-before-its-log-is-complete'
  | 'acknowledges-before-the-disk'
  | 'truncates-at-every-append';

const EXPECTED: Readonly<Record<Exclude<LinKvMutantName, Rare>, Expected>> = {
  'carries-out-copies-again': { faults: ['duplication'] },
  'lost-leader-called-refusal': { faults: ['partition', 'kill'] },
  'acknowledges-before-a-majority': { faults: ['partition', 'kill'] },
  'reads-without-a-round': { from: 25, faults: ['partition'] },
  'carries-out-forwarded-again': { from: 170, faults: ['partition', 'kill', 'loss'] },
  'forgets-its-term': { from: 110, faults: ['kill', 'bridge', 'one-way', 'partition'] },
  'votes-for-an-older-log': { from: 10, faults: ['kill', 'loss', 'partition'] },
  'numbers-requests-as-before-the-loss': { faults: ['disk-loss'], own: LOSING },
  'keeps-what-a-lost-disk-acknowledged': { faults: ['disk-loss'], own: LOSING, rule: 'recovery' },
  'reads-before-its-first-entry': { from: 25, faults: ['kill', 'bridge', 'partition'], own: BUSY },
};

it(`is valid with ${RIGHT_SEEDS} seeds`, async () => {
  const context = { subject: subjectOf(linKv), settle: createSettle() };
  expect(await findFailure(context, 1, RIGHT_SEEDS)).toBeUndefined();
});

// In their short calms each cas was refused for its data, and no cas had succeeded before.
it.each(['33', '85', '240', '242'])(
  'blames no node for what it refuses rightly: seed %s of three nodes',
  async (seed) => {
    const options = drawSwarm(fuzzOptions({ nodes: ['n0', 'n1', 'n2'], seed, test: linKv.test }), swarmOf(linKv));
    const { results } = await new Simulation({ subject: subjectOf(linKv), options, settle: createSettle() }).finish();
    expect(results['valid?'], JSON.stringify(results.stats)).not.toBe(false);
  },
);

it.each(Object.keys(EXPECTED) as (keyof typeof EXPECTED)[])('finds a mutant of lin-kv: %s', async (name) => {
  const { from = 1, faults, own, rule = 'workload' }: Expected = EXPECTED[name];
  const context = { subject: linKvMutantSubject(name), settle: createSettle() };
  // A mutant may fail in another way first, for instance by serving nothing any more.
  for (let seed = from; seed <= SEEDS_MAX; ) {
    const found = await findFailure(context, seed, SEEDS_MAX, { ...SHORT, faults, ...own });
    if (found === undefined) break;
    if (failureSignature(found.results).includes(rule)) return;
    seed = Number(found.seed) + 1;
  }
  throw new Error(`${name} is found by no ${rule} with all seeds up to ${SEEDS_MAX}`);
});
