/**
 * The proof for counters: `snowstorm fuzz` finds each mutant within some hundred seeds. What is right stays valid. (The
 * mutants are made small in the corpus, `corpus.test.ts`.)
 */

import { describe, expect, it } from 'vitest';
import type { RunOptions } from '../../src/harness/run-options.ts';
import type { WorkloadTest } from '../../src/harness/workload-test.ts';
import { createSettle } from '../../src/host/settle.ts';
import { fuzzOptions } from '../../src/search/fuzz-defaults.ts';
import { drawSwarm, swarmOf } from '../../src/search/swarm.ts';
import { Simulation, type Subject } from '../../src/simulator/simulation.ts';
import { gCounter, pnCounter } from '../../src/workloads/pn-counter/workload.ts';
import { subjectOf } from '../../src/workloads/registry.ts';
import { COUNTER_MUTANTS, type CounterMutantName, counterMutantSubject } from '../fixtures/mutants/counter.ts';

const SEEDS_MAX = 60;
const RIGHT_SEEDS = 10;

/** As `snowstorm fuzz` draws it. Wide numbers are drawn too: small ones hide errors where many adds are undecided. */
function optionsOf(seed: number, test: WorkloadTest): RunOptions {
  return drawSwarm(fuzzOptions({ seed: String(seed), test }), swarmOf(pnCounter));
}

/** The first of the seeds that is not valid, and what the workload's checker says. */
async function findInvalid(subject: Subject, from: number, count: number) {
  for (let seed = from; seed < from + count; seed++) {
    const { results } = await new Simulation({
      subject,
      options: optionsOf(seed, subject.test),
      settle: createSettle(),
    }).finish();
    if (results['valid?'] !== true) return { seed, workload: results.workload };
  }
  return undefined;
}

it.each([gCounter, pnCounter])(`what is right is valid with ${RIGHT_SEEDS} seeds: $name`, async (workload) => {
  expect(await findInvalid(subjectOf(workload), 1, RIGHT_SEEDS)).toBeUndefined();
});

describe('a mutant of pn-counter', () => {
  /** Where the search begins: the seeds before find nothing, and take their time for it. */
  const FROM: Readonly<Partial<Record<CounterMutantName, number>>> = {
    'acknowledges-before-the-sync': 127,
    'forgets-what-is-under-way': 41,
  };

  it.each(Object.keys(COUNTER_MUTANTS) as CounterMutantName[])('is found by its final reads: %s', async (name) => {
    const found = await findInvalid(counterMutantSubject(name), FROM[name] ?? 1, SEEDS_MAX);
    expect(found?.workload).toMatchObject({ 'valid?': false });
  });
});
