/**
 * The proof for transactions: each mutant of txn-list-append and of txn-rw-register fails within 200 seeds, by the
 * anomaly or the rule that it is there for. What is right stays valid.
 */

import { describe, expect, it } from 'vitest';
import type { RunOptions } from '../../src/harness/run-options.ts';
import { createSettle } from '../../src/host/settle.ts';
import { runSeed } from '../../src/search/fuzz.ts';
import { fuzzOptions } from '../../src/search/fuzz-defaults.ts';
import { drawSwarm, swarmOf } from '../../src/search/swarm.ts';
import type { Subject } from '../../src/simulator/simulation.ts';
import { subjectOf } from '../../src/workloads/registry.ts';
import { txnListAppend } from '../../src/workloads/txn-list-append/workload.ts';
import { txnRwRegister } from '../../src/workloads/txn-rw-register/workload.ts';
import type { Workload } from '../../src/workloads/workload.ts';
import {
  LIST_APPEND_MUTANTS,
  type ListAppendMutantName,
  listAppendMutantSubject,
} from '../fixtures/mutants/list-append.ts';
import { MUTANT_RULES } from '../fixtures/mutants/rules.ts';
import {
  RW_REGISTER_MUTANTS,
  type RwRegisterMutantName,
  rwRegisterMutantSubject,
} from '../fixtures/mutants/rw-register.ts';
import { brokenRules } from '../support/find-failure.ts';

const SEEDS_MAX = 200;
const RIGHT_SEEDS = 10;

/** Of txn-rw-register, whose nodes talk more. */
const SMALL: Partial<RunOptions> = {
  nodes: ['n1', 'n2', 'n3'],
  timeLimitMs: 6000,
  nemesisIntervalMs: 1500,
};

/** Their runs have fewer clients: what depends on each other is further apart. */
const SPARSE: ReadonlySet<string> = new Set(['causes-not-awaited', 'gaps-passed-over']);

const settle = createSettle();

function optionsOf(workload: Workload, seed: number, concurrency = 12): RunOptions {
  const { test } = subjectOf(workload);
  return drawSwarm(
    fuzzOptions({ ...(workload === txnRwRegister && { ...SMALL, concurrency }), seed: String(seed), test }),
    swarmOf(workload),
  );
}

/** Whether a seed breaks the rule. */
async function breaks(subject: Subject, workload: Workload, rule: string | undefined): Promise<boolean> {
  for (let seed = 1; seed <= SEEDS_MAX; seed++) {
    const options = optionsOf(workload, seed, SPARSE.has(subject.name) ? 6 : 12);
    const { results } = await runSeed({ subject, settle }, options);
    if (rule !== undefined && brokenRules(results).includes(rule)) return true;
  }
  return false;
}

describe.each([txnListAppend, txnRwRegister].map((workload) => [workload.name, workload] as const))('%s', (_, own) => {
  it(`is valid with ${RIGHT_SEEDS} seeds`, async () => {
    for (let seed = 1; seed <= RIGHT_SEEDS; seed++) {
      const { validity, results } = await runSeed({ subject: subjectOf(own), settle }, optionsOf(own, seed));
      expect(validity, `seed ${seed}: ${brokenRules(results)}`).not.toBe(false);
    }
  });
});

describe('a mutant of txn-list-append', () => {
  it.each(Object.keys(LIST_APPEND_MUTANTS) as ListAppendMutantName[])('is found, by its rule: %s', async (name) => {
    expect(await breaks(listAppendMutantSubject(name), txnListAppend, MUTANT_RULES[name])).toBe(true);
  });
});

describe('a mutant of txn-rw-register', () => {
  it.each(Object.keys(RW_REGISTER_MUTANTS) as RwRegisterMutantName[])('is found, by its rule: %s', async (name) => {
    expect(await breaks(rwRegisterMutantSubject(name), txnRwRegister, MUTANT_RULES[name])).toBe(true);
  });
});
