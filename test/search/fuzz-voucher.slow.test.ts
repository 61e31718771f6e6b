/**
 * The proof for vouchers: each mutant fails within 200 seeds of the defaults of `snowstorm fuzz`, by the rule that it
 * breaks, and is made small. What is right stays valid. (Two are in the corpus only.
 * `shards-taken-without-epoch`: a request must come within the few milliseconds after a pause. `forgets-who-left`: a
 * redemption must begin and end elsewhere while a node tries another one.)
 */

import { describe, expect, it } from 'vitest';
import { createSettle } from '../../src/host/settle.ts';
import { eventCount, type FuzzContext, investigate } from '../../src/search/fuzz.ts';
import { fuzzOptions } from '../../src/search/fuzz-defaults.ts';
import type { Subject } from '../../src/simulator/simulation.ts';
import { subjectOf } from '../../src/workloads/registry.ts';
import { createVoucherTest, voucher } from '../../src/workloads/voucher/workload.ts';
import { type VoucherMutantName, voucherMutantSubject } from '../fixtures/mutants/voucher.ts';
import { brokenRules, findFailure } from '../support/find-failure.ts';

const SEEDS_MAX = 200;
const EVENTS_MAX = 10;
const RIGHT_SEEDS = 12;

function contextOf(subject: Subject): FuzzContext {
  return { subject, settle: createSettle() };
}

describe('what is right', () => {
  it.each([1, 4])(`is valid with ${RIGHT_SEEDS} seeds, each voucher in shards: %d`, async (shards) => {
    const subject = { ...subjectOf(voucher), test: createVoucherTest({ shards }) };
    expect(await findFailure(contextOf(subject), 1, RIGHT_SEEDS)).toBeUndefined();
  });
});

interface Expected {
  /** All that the small run breaks. The first is what the mutant is there for. */
  readonly rules: readonly string[];
  /**
   * Made small in the corpus only (`corpus.test.ts` holds it to the same size): that takes hundreds of runs, or long
   * ones.
   */
  readonly slow?: boolean;
  /** Where the search begins: the seeds before break another rule, or none. */
  readonly from?: number;
}

const LOST_REDEMPTION = [
  'acknowledged-is-kept',
  'as-many-as-asked',
  'counts-are-current',
  'wallets-are-right',
  'redemptions-are-distinct',
];

const REDEEMED_TWICE = [
  'once-a-user',
  'as-many-as-asked',
  'counts-are-current',
  'wallets-are-right',
  'answers-agree',
  'redemptions-are-distinct',
];

/**
 * `as-many-as-asked` (V5) is never broken alone: as many redemptions as it forbids need a user twice (V2) or one who
 * did not ask (V4), as few one that is lost (V3).
 */
const EXPECTED: Readonly<
  Record<Exclude<VoucherMutantName, 'shards-taken-without-epoch' | 'forgets-who-left'>, Expected>
> = {
  'lends-rights': { rules: ['within-limit'] },
  'one-redemption-a-request': { rules: ['once-a-user', 'as-many-as-asked'] },
  'credited-in-other-units': { rules: ['acknowledged-is-kept'] },
  'counts-from-memory': { rules: ['counts-are-current'] },
  'local-sold-out': { rules: ['sold-out-is-true'] },
  'moves-rights-in-two-steps': { rules: ['no-right-is-lost'], slow: true },
  'wallet-overwritten': { rules: ['wallets-are-right'] },
  'credit-without-mark': { rules: ['wallets-are-right'] },
  'mark-in-another-key': { rules: ['wallets-are-right'] },
  'no-sweeper': { rules: ['wallets-are-right'], slow: true },
  'retry-called-already-redeemed': { rules: ['answers-agree'] },
  'answers-by-request-id': { rules: [...LOST_REDEMPTION, 'no-right-is-lost'] },
  'numbers-of-the-shard': { rules: ['redemptions-are-distinct'] },
  'silence-called-no-voucher': { rules: ['refuses-rightly'], slow: true },
  'vouchers-written-blindly': { rules: ['as-created', 'within-limit'] },
  'wallets-written-blindly': { rules: ['wallets-are-right', 'answers-agree'] },
  'shards-written-blindly': { rules: LOST_REDEMPTION },
  'reverts-without-mark': { rules: LOST_REDEMPTION, slow: true },
  'unproven-remembered': { rules: LOST_REDEMPTION, slow: true },
  'unproven-credit-believed': { rules: ['wallets-are-right', 'answers-agree'], slow: true },
  'sold-out-from-memory': { rules: ['answers-agree'], slow: true },
  'wallet-read-before-the-shard': { rules: REDEEMED_TWICE },
  'wallet-silence-called-failure': { rules: ['counts-are-current', 'sold-out-is-true'], from: 97, slow: true },
  'redeems-for-whoever-looks': {
    rules: ['nothing-unasked', 'as-many-as-asked', 'counts-are-current', 'sold-out-is-true'],
  },
  'refusal-called-sold-out': { rules: ['answers-agree', 'sold-out-is-true'], slow: true },
};

describe('a mutant of voucher', () => {
  it.each(Object.keys(EXPECTED) as (keyof typeof EXPECTED)[])('is found, by its rule: %s', async (name) => {
    const { rules, slow = false, from = 1 }: Expected = EXPECTED[name];
    const context = contextOf(voucherMutantSubject(name));
    const found = await findFailure(context, from, SEEDS_MAX);
    if (found === undefined) throw new Error(`${name} is valid with ${SEEDS_MAX} seeds`);
    if (slow) {
      expect(brokenRules(found.results)).toContain(rules[0]);
      return;
    }
    const options = fuzzOptions({ seed: found.seed, test: context.subject.test });
    const small = await investigate(context, options);
    expect(small).toMatchObject({ reproduced: true, complete: true });
    expect(eventCount(small.schedule)).toBeLessThanOrEqual(EVENTS_MAX);
    expect(brokenRules(small.results).sort()).toEqual(rules.toSorted());
  });
});
