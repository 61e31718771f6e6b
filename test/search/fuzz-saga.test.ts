/**
 * The proof for transfers: each mutant fails within 200 seeds of the defaults of `snowstorm fuzz`, by the rule that it breaks, and is made small. What is right
 * stays valid. (`no-orphan-fence` is found by `explore-saga.test.ts`: hardly any random schedule shows it.)
 */

import { describe, expect, it } from 'vitest';
import { createSettle } from '../../src/host/settle.ts';
import { eventCount, investigate } from '../../src/search/fuzz.ts';
import { fuzzOptions } from '../../src/search/fuzz-defaults.ts';
import { subjectOf } from '../../src/workloads/registry.ts';
import { saga } from '../../src/workloads/saga/saga.ts';
import { createSagaTest } from '../../src/workloads/saga/test.ts';
import { SAGA_MUTANTS, type SagaMutantName, sagaMutantSubject } from '../fixtures/mutants/saga.ts';
import { brokenRules, findFailure } from '../support/find-failure.ts';

const SEEDS_MAX = 200;
const EVENTS_MAX = 10;
const RIGHT_SEEDS = 20;

describe('what is right', () => {
  it.each([2, 4] as const)(`is valid with ${RIGHT_SEEDS} seeds, transfers between accounts: %d`, async (legs) => {
    const subject = { ...subjectOf(saga), test: createSagaTest({ legs }) };
    expect(await findFailure({ subject, settle: createSettle() }, 1, RIGHT_SEEDS)).toBeUndefined();
  });
});

interface Expected {
  /** All that the small run breaks. The first is what the mutant is there for. */
  readonly rules: readonly string[];
  /** Where the search begins: those before take their time and find nothing. */
  readonly from?: number;
  /** Made small in the corpus only (`corpus.test.ts` holds it to the same size): that takes hundreds of runs, or long ones. */
  readonly slow?: boolean;
}

const EXPECTED: Readonly<Partial<Record<SagaMutantName, Expected>>> = {};

describe('a mutant of saga', () => {
  const names = (Object.keys(SAGA_MUTANTS) as SagaMutantName[]).filter((name) => name !== 'no-orphan-fence');
  it.each(names)('is found, by its rule: %s', async (name) => {
    const { rules, from = 1, slow = false } = EXPECTED[name] as Expected;
    const context = { subject: sagaMutantSubject(name), settle: createSettle() };
    const found = await findFailure(context, from, SEEDS_MAX);
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
});
