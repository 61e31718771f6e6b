/**
 * The proof for broadcast: each mutant fails within a few seeds, with the defaults of `snowstorm fuzz`. What is right
 * stays valid, also by the rules beyond Jepsen's. Small schedules of all mutants are in the corpus.
 */

import { describe, expect, it } from 'vitest';
import type { RunOptions } from '../../src/harness/run-options.ts';
import { createSettle } from '../../src/host/settle.ts';
import { failureSignature } from '../../src/search/failure.ts';
import { broadcast } from '../../src/workloads/broadcast/workload.ts';
import { gSet } from '../../src/workloads/g-set/workload.ts';
import { subjectOf } from '../../src/workloads/registry.ts';
import { BROADCAST_MUTANTS, type BroadcastMutantName, broadcastMutantSubject } from '../fixtures/mutants/broadcast.ts';
import { MUTANT_RULES } from '../fixtures/mutants/rules.ts';
import { findFailure } from '../support/find-failure.ts';

const SEEDS_MAX = 20;
const RIGHT_SEEDS = 6;

/** Without these hardly any seed shows it. */
const OWN: Partial<Record<BroadcastMutantName, Partial<RunOptions>>> = {
  'forgets-the-rest': { nodeLimits: { part: 1 } },
};

describe('what is right', () => {
  it.each([broadcast, gSet])(`is valid with ${RIGHT_SEEDS} seeds, strictly: $name`, async (workload) => {
    const context = { subject: subjectOf(workload), settle: createSettle() };
    expect(await findFailure(context, 1, RIGHT_SEEDS, { strict: true })).toBeUndefined();
  });
});

describe('a mutant of broadcast', () => {
  it.each(Object.keys(BROADCAST_MUTANTS) as BroadcastMutantName[])('is found: %s', async (name) => {
    const context = { subject: broadcastMutantSubject(name), settle: createSettle() };
    const found = await findFailure(context, 1, SEEDS_MAX, OWN[name]);
    if (found === undefined) throw new Error(`${name} is valid with ${SEEDS_MAX} seeds`);
    expect(failureSignature(found.results)).toContain(MUTANT_RULES[name]);
  });
});
