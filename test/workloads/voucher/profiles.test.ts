/**
 * Vouchers and transfers of the same users, whose wallets are accounts, under all faults. The sums of both sides are
 * right (V9 and S1), and nodes that are wrong in one way each are found out.
 */

import { describe, expect, it } from 'vitest';
import type { TestFacts } from '../../../src/checkers/checker.ts';
import { History } from '../../../src/history/history.ts';
import { createSettle } from '../../../src/host/settle.ts';
import { Simulation, type Subject } from '../../../src/simulator/simulation.ts';
import {
  PROFILES_MUTANTS,
  type ProfilesMutantName,
  profilesMutantSubject,
  rewritingSubject,
} from '../../fixtures/mutants/profiles.ts';
import { brokenRules } from '../../support/find-failure.ts';
import { profilesOptions, profilesSubject, profilesTest } from '../../support/profiles-run.ts';

/** More of them: SEEDS=40 make test FILE=test/workloads/voucher/profiles.test.ts */
const SEEDS = Number(process.env.SEEDS ?? 12);
const MUTANT_SEEDS_MAX = 30;

/** Runs seeds until one fails. */
async function findFailure(subject: Subject, seeds: number) {
  const settle = createSettle();
  /** What was acknowledged, by function and outcome. Of audits only those before the last questions count. */
  const counts: Record<string, number> = {};
  for (let seed = 1; seed <= seeds; seed++) {
    const options = profilesOptions(seed);
    const { results, history } = await new Simulation({ subject, options, settle }).finish();
    if (results['valid?'] !== true) return { seed, counts, results };
    let isOver = false;
    for (const { type, f, value } of history) {
      isOver ||= f === 'voucher/settled';
      const { outcome = 'done' } = (value ?? {}) as { readonly outcome?: string };
      const name = `${f} ${outcome}`;
      if (type === 'ok' && (!isOver || f === 'spend')) counts[name] = (counts[name] ?? 0) + 1;
    }
  }
  return { counts };
}

describe('vouchers that are credited to accounts', () => {
  it(`keep all promises of both workloads in ${SEEDS} seeds, and meet there`, async () => {
    const { seed, results, counts } = await findFailure(profilesSubject, SEEDS);
    expect({ seed, broken: results && brokenRules(results), results }).toEqual({});
    expect(counts['voucher/redeem redeemed']).toBeGreaterThan(10 * SEEDS);
    expect(counts['saga/transfer committed']).toBeGreaterThan(5 * SEEDS);
    // Snapshots while money was moving.
    expect(counts['saga/audit done']).toBeGreaterThan(SEEDS / 2);
    // Of 6 users and 2 whose accounts were never opened; some have spent everything before.
    expect(counts['spend committed']).toBeGreaterThan(5 * SEEDS);
  }, 300_000);
});

/** The rule that each is there for. */
const EXPECTED: Readonly<Record<ProfilesMutantName, string>> = {
  'credits-a-stale-balance': 'saga/money-is-conserved',
  'credits-with-stale-marks': 'saga/money-is-conserved',
  'credits-without-marks': 'saga/money-is-conserved',
  'credits-each-time': 'saga/money-is-conserved',
  'wallets-apart': 'one-balance',
  'vouchers-not-counted': 'can-be-spent',
  'transfers-drop-entries': 'voucher/wallets-are-right',
};

describe('the checker', () => {
  it('finds a balance below zero, which the raised openings hide from the checker of transfers', () => {
    const test: TestFacts = { nodes: ['n1'], concurrency: 1, latencyMeanMs: 0, nodeLimits: {}, hitMessageCount: 0 };
    const told = { accounts: ['u0', 'c0'], versions: [1, 1], unfinished: [], credited: { u0: 5 }, clean: true };
    const judge = (balance: number) => {
      const entry = { process: 0, f: 'saga/audit' };
      const history = History.of([
        { ...entry, type: 'invoke', time: 1, value: { accounts: told.accounts } },
        { ...entry, type: 'ok', time: 2, value: { ...told, balances: [balance, 0] } },
      ]);
      return profilesTest.checker().check(test, history)['no-overdraft'];
    };
    expect(judge(0)).toMatchObject({ count: 0 });
    expect(judge(-1)).toMatchObject({ count: 1, examples: [{ account: 'u0', balance: -1, operation: 1 }] });
  });
});

describe('a node that credits accounts wrongly', () => {
  it.each(Object.keys(PROFILES_MUTANTS) as ProfilesMutantName[])(
    'is found, by its rule: %s',
    async (name) => {
      const { results } = await findFailure(profilesMutantSubject(name), MUTANT_SEEDS_MAX);
      if (results === undefined) throw new Error(`${name} is valid with ${MUTANT_SEEDS_MAX} seeds`);
      expect(brokenRules(results)).toContain(EXPECTED[name]);
    },
    300_000,
  );

  it('is wrong in that way alone: its frame is right', async () => {
    expect(await findFailure(rewritingSubject, 8)).not.toHaveProperty('seed');
  }, 300_000);
});
