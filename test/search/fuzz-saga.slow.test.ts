/**
 * The proof for transfers: each mutant fails within 200 seeds, with the defaults of `snowstorm fuzz`, by the rule that
 * it breaks, and is made small. What is right stays valid. (Hardly any random schedule shows two of them.
 * `no-orphan-fence` is for `explore-saga.slow.test.ts`. `no-tombstone` has a schedule in the corpus, made by hand: a
 * node takes over a transfer that is about to be aborted, and the money for it has just come.)
 */

import { describe, expect, it } from 'vitest';
import type { RunOptions } from '../../src/harness/run-options.ts';
import { createSettle } from '../../src/host/settle.ts';
import { eventCount, investigate } from '../../src/search/fuzz.ts';
import { fuzzOptions } from '../../src/search/fuzz-defaults.ts';
import { Simulation } from '../../src/simulator/simulation.ts';
import { subjectOf } from '../../src/workloads/registry.ts';
import { createSagaTest, saga } from '../../src/workloads/saga/workload.ts';
import { type SagaMutantName, sagaMutantSubject } from '../fixtures/mutants/saga.ts';
import { brokenRules, findFailure } from '../support/find-failure.ts';

const SEEDS_MAX = 200;
const EVENTS_MAX = 10;
const RIGHT_SEEDS = 6;

describe('what is right', () => {
  it.each([2, 4] as const)(`is valid with ${RIGHT_SEEDS} seeds, transfers between accounts: %d`, async (legs) => {
    const subject = { ...subjectOf(saga), test: createSagaTest({ legs }) };
    expect(await findFailure({ subject, settle: createSettle() }, 1, RIGHT_SEEDS)).toBeUndefined();
  });
});

/**
 * Each was not valid once: a refusal by a life that knew nothing of the one before, a copy that came to another life, a
 * last audit that saw two moments, two requests that came so late that all had settled, and moved one account together,
 * and a transfer that left the indices of many dead members one after the other.
 */
describe('seeds that found something', () => {
  it.each<[seed: string, nodes?: readonly string[] | undefined, members?: 'registered']>([
    ['581'],
    ['350', ['n0', 'n1', 'n2']],
    ['269'],
    ['1240'],
    ['48', undefined, 'registered'],
  ])('are valid: %s', async (seed, nodes, members) => {
    const subject = subjectOf(saga);
    const own = fuzzOptions({ seed, test: subject.test });
    const workloadOptions = members && { workloadOptions: { members } };
    const options = { ...own, ...(nodes && { nodes, concurrency: 4 * nodes.length }), ...workloadOptions };
    const { results } = await new Simulation({ subject, options, settle: createSettle() }).finish();
    expect(results['valid?'], JSON.stringify(brokenRules(results))).toBe(true);
  });
});

interface Expected {
  /** All that the small run breaks. The first is what the mutant is there for. */
  readonly rules: readonly string[];
  /** Where the search begins: the seeds before find nothing, and take their time for it. */
  readonly from?: number;
  /**
   * Made small in the corpus only (`corpus.test.ts` holds it to the same size): that takes hundreds of runs, or long
   * ones.
   */
  readonly slow?: boolean;
  /** Options of the run. Without them hardly any seed shows it. */
  readonly own?: Partial<RunOptions>;
}

/** Nodes that register, and whose lease is shorter than a pause. */
const REGISTERED: Partial<RunOptions> = {
  workloadOptions: { members: 'registered' },
  nodeLimits: { lease: 600 },
  faults: ['kill', 'pause'],
};

const MONEY = ['money-is-conserved', 'all-or-nothing'];

const EXPECTED: Readonly<
  Record<Exclude<SagaMutantName, 'no-orphan-fence' | 'no-tombstone' | 'refuses-often'>, Expected>
> = {
  'pays-before-the-pivot': { rules: ['money-is-conserved'], from: 3, slow: true },
  'pays-unasked': { rules: ['accounts-are-right'], slow: true },
  overdraws: { rules: ['no-overdraft'] },
  'forgets-marks': { rules: MONEY, slow: true },
  'marks-without-grace': { rules: MONEY, from: 20, slow: true },
  'record-read-before-the-account': { rules: MONEY, from: 40, slow: true },
  'mark-in-another-account-key': { rules: MONEY, slow: true },
  'unproven-balance-remembered': { rules: MONEY, slow: true },
  'compensates-recorded-steps-only': { rules: ['compensates-in-order'] },
  'compensates-upwards': { rules: ['compensates-in-order'] },
  'ends-at-the-pivot': { rules: [...MONEY, 'compensates-in-order'] },
  'accounts-written-blindly': { rules: [...MONEY, 'reads-are-current', 'accounts-are-right'] },
  'sagas-written-blindly': { rules: ['compensates-in-order'], slow: true },
  'no-saga-sweeper': { rules: ['settles'], slow: true },
  'registers-behind': { rules: ['settles'], own: REGISTERED, slow: true },
  'leaves-an-open-index': { rules: ['settles'], own: REGISTERED, slow: true },
  'adds-to-a-closed-index': { rules: ['settles'], own: REGISTERED, slow: true },
  'takes-another-body': { rules: ['refuses-another-body'] },
  'silence-called-aborted': { rules: ['acknowledged-is-kept'], from: 11, slow: true },
  'replays-called-committed': { rules: ['one-outcome', 'answers-agree'] },
  'status-from-memory': { rules: ['reads-are-current'], from: 207, slow: true },
  'audits-from-memory': { rules: ['reads-are-current', 'money-is-conserved'], slow: true },
  'audits-without-what-is-held': { rules: ['money-is-conserved'], slow: true },
  'closes-with-money': { rules: ['accounts-are-right'] },
};

describe('a mutant of saga', () => {
  it.each(Object.keys(EXPECTED) as (keyof typeof EXPECTED)[])('is found, by its rule: %s', async (name) => {
    const { rules, from = 1, slow = false, own }: Expected = EXPECTED[name];
    const context = { subject: sagaMutantSubject(name), settle: createSettle() };
    const found = await findFailure(context, from, from + SEEDS_MAX, own);
    if (found === undefined) throw new Error(`${name} is valid with ${SEEDS_MAX} seeds`);
    if (slow) {
      expect(brokenRules(found.results)).toContain(rules[0]);
      return;
    }
    const small = await investigate(context, fuzzOptions({ seed: found.seed, test: context.subject.test }));
    expect(small).toMatchObject({ reproduced: true, complete: true });
    expect(eventCount(small.schedule)).toBeLessThanOrEqual(EVENTS_MAX);
    expect(brokenRules(small.results).sort()).toEqual(rules.toSorted());
  });

  it('is found, by its rule, where nothing is broken: refuses-often', async () => {
    const subject = sagaMutantSubject('refuses-often', createSagaTest());
    const options = { ...fuzzOptions({ seed: '1', test: subject.test }), faults: [] };
    const { results } = await new Simulation({ subject, options, settle: createSettle() }).finish();
    expect(brokenRules(results)).toEqual(['serves-without-faults']);
  });
});
