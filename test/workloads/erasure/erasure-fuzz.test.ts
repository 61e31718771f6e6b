/** Accounts are erased under every fault: random runs, and mutants that are found by such runs. */

import { describe, expect, it } from 'vitest';
import { refusalOf } from '../../../src/workloads/erasure/erasure.ts';
import { type ErasureMutant, hidingErasures, runErasure } from '../../support/erasure-run.ts';

/** More of them: SEEDS=200 make test FILE=test/workloads/erasure/erasure-fuzz.test.ts */
const SEEDS = Number(process.env.SEEDS ?? 8);
const MUTANT_SEEDS_MAX = 60;
const TIMEOUT_MS = 120_000;

const MUTANTS: Readonly<Record<string, ErasureMutant>> = {
  'closes an account that is not empty': {
    rules: {
      refusalOf: (account, { content, marks }, finished) =>
        refusalOf(account, { content: content && { ...content, balance: 0 }, marks }, finished),
    },
  },
  'forgets money that is under way': {
    rules: { refusalOf: (account, { content }, finished) => refusalOf(account, { content, marks: [] }, finished) },
  },
  'removes the marks of requests': { rules: { keepsMarks: false } },
  'leaves the phone number in reports': { rules: { forgets: async () => {} } },
  'leaves the phone number in finished transfers': { driver: { finish: undefined } },
  'forgets an erasure that it left': { rules: { lists: false } },
  'removes the account at once': { rules: { waits: false } },
  'never hears that anything was erased': { see: hidingErasures },
};

describe('with slow and lost calls, pauses and kills', () => {
  it(
    'accounts are erased, nothing is left, nothing is lost or done twice',
    async () => {
      const counts = new Map<string, number>();
      for (let seed = 0; seed < SEEDS; seed++) {
        const { violations, answers } = await runErasure({ seed });
        expect({ seed, violations }).toEqual({ seed, violations: [] });
        for (const [answer, count] of answers) counts.set(answer, (counts.get(answer) ?? 0) + count);
      }
      expect(counts.get('erase erased')).toBeGreaterThan(5 * SEEDS);
      expect(counts.get('again redeemed')).toBeGreaterThan(5 * SEEDS);
      expect(counts.get('redeem already_redeemed')).toBeGreaterThan(5 * SEEDS);
    },
    TIMEOUT_MS,
  );

  it.each(Object.entries(MUTANTS))(
    'a promise is broken by an instance that %s',
    async (_name, mutant) => {
      for (let seed = 0; seed < MUTANT_SEEDS_MAX; seed++)
        if ((await runErasure({ seed, mutant })).violations.length > 0) return;
      throw new Error(`${MUTANT_SEEDS_MAX} seeds have not found it`);
    },
    TIMEOUT_MS,
  );
});
