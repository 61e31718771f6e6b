/**
 * The proof for logs: each mutant fails within 200 seeds, with the defaults of `snowstorm fuzz`, by the rule that it
 * breaks. What is right stays valid. (`corpus.test.ts` has a small schedule of each.)
 */

import { describe, expect, it } from 'vitest';
import { createSettle } from '../../src/host/settle.ts';
import { createKafkaTest, kafka } from '../../src/workloads/kafka/workload.ts';
import { subjectOf } from '../../src/workloads/registry.ts';
import { KAFKA_MUTANTS, type KafkaMutantName, kafkaMutantSubject } from '../fixtures/mutants/kafka.ts';
import { MUTANT_RULES } from '../fixtures/mutants/rules.ts';
import { brokenRules, findFailure } from '../support/find-failure.ts';

const SEEDS_MAX = 100;
const RIGHT_SEEDS = 12;

/** Where the search begins: the seeds before find nothing, and take their time for it. */
const FROM: Partial<Record<KafkaMutantName, number>> = {
  'send-silence-called-refusal': 25,
  'refuses-commits': 100,
  'commits-overwritten': 10,
};

describe('what is right', () => {
  it.each([
    ['limits of a real node', {}],
    ['small limits', { segment: 2, group: 2, window: 1, logs: 3, closed: 1, returned: 1, committed: 2 }],
  ])(`is valid with ${RIGHT_SEEDS} seeds, by all rules: %s`, async (_, nodeLimits) => {
    const subject = { ...subjectOf(kafka), test: createKafkaTest({ operationsOfList: 8 }) };
    const context = { subject, settle: createSettle() };
    expect(await findFailure(context, 1, RIGHT_SEEDS, { nodeLimits })).toBeUndefined();
  });
});

describe('a mutant of kafka', () => {
  it.each(Object.keys(KAFKA_MUTANTS) as KafkaMutantName[])('is found, by its rule: %s', async (name) => {
    const context = { subject: kafkaMutantSubject(name), settle: createSettle() };
    const from = FROM[name] ?? 1;
    const found = await findFailure(context, from, from + SEEDS_MAX);
    if (found === undefined) throw new Error(`${name} is valid with ${SEEDS_MAX} seeds`);
    expect(brokenRules(found.results)).toContain(MUTANT_RULES[name]);
  });
});
