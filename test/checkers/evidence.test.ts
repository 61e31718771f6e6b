import { describe, expect, it } from 'vitest';
import type { Checker, CheckResult } from '../../src/checkers/checker.ts';
import { findProofs, findWarnings, momentOf } from '../../src/checkers/evidence.ts';
import type { Proof } from '../../src/checkers/proof.ts';
import { History } from '../../src/history/history.ts';
import { parseExact, stringifyExact } from '../../src/protocol/exact-json.ts';
import { echoChecker } from '../../src/workloads/echo/checker/echo-checker.ts';
import { uniqueIdsChecker } from '../../src/workloads/unique-ids/checker/unique-ids-checker.ts';
import { handwritten, invoke, ok, readRecording, THREE_NODES } from '../support/histories.ts';

/** The results of a run in which the checker of the workload says this. */
const invalid = (result: Readonly<Record<string, unknown>>): CheckResult => ({
  workload: { 'valid?': false, ...result },
  'valid?': false,
});

/** Ids 7, "a", 7, null, "a", 8 by one process; completions at 1, 3, 5 ... */
const IDS = handwritten(...[7, 'a', 7, null, 'a', 8].flatMap((id) => [invoke(0, 'generate'), ok(0, 'generate', id)]));

const proofOf = (operations: readonly number[], time?: number): Proof => ({
  rule: undefined,
  problem: 'bad',
  facts: {},
  operations,
  operationCount: operations.length,
  time,
});

describe('proofs', () => {
  it('are those of the checkers that found the run invalid, with their names', () => {
    const proof = proofOf([1]);
    const results: CheckResult = {
      stats: { 'valid?': 'unknown', proofs: [proof] },
      net: { 'valid?': true, proofs: [proof] },
      workload: { 'valid?': false, proofs: [proof, { ...proof, rule: 'sold-once', facts: { code: 'hot' }, time: 12 }] },
      protocol: { 'valid?': false },
      'valid?': false,
    };
    expect(findProofs(results, IDS)).toEqual([
      { ...proof, checker: 'workload' },
      { ...proof, checker: 'workload', rule: 'sold-once', facts: { code: 'hot' }, time: 12 },
    ]);
  });

  it('are none if a result has none, also if its examples look like some', () => {
    expect(findProofs({ 'valid?': false }, new History())).toEqual([]);
    const examples = [{ problem: 'bad', operation: 1 }];
    expect(findProofs(invalid({ rule: { examples }, duplicated: { '7': 2 } }), IDS)).toEqual([]);
  });

  it('name no operation that the history does not have', () => {
    const operations = [11, -1, 0.5, '3', null, 12, Number.NaN, 1e9, 5, 0, 11];
    expect(findProofs(invalid({ proofs: [{ ...proofOf([]), operations }] }), IDS)[0]?.operations).toEqual([0, 5, 11]);
  });

  it('keep how many operations they have in all', () => {
    const proof = { ...proofOf([1, 3]), operationCount: 40 };
    expect(findProofs(invalid({ proofs: [proof] }), IDS)).toEqual([{ ...proof, checker: 'workload' }]);
  });

  it('are at most two dozen of a checker', () => {
    expect(findProofs(invalid({ proofs: Array(100).fill(proofOf([1])) }), IDS)).toHaveLength(24);
  });

  it('leave out what a damaged record has in their place', () => {
    const damaged = [null, 3, 'x', {}, { problem: 5 }, [], parseExact('1152921504606846977')];
    expect(findProofs(invalid({ proofs: damaged }), IDS)).toEqual([]);
    expect(findProofs(invalid({ proofs: 'none' }), IDS)).toEqual([]);
    const half = { problem: 'bad', rule: 1, facts: 2, operations: 3, operationCount: 'four', time: 'five' };
    expect(findProofs(invalid({ proofs: [half] }), IDS)).toEqual([{ ...proofOf([]), checker: 'workload' }]);
  });
});

describe('proofs in the recordings of the real harness', () => {
  /** What ours find, as it is read from a record. */
  const prove = (checker: Checker, history: History) => {
    const results = { workload: checker.check(THREE_NODES, history), 'valid?': false };
    const proofs = findProofs(results as CheckResult, history);
    expect(findProofs(parseExact(stringifyExact(results)) as CheckResult, history)).toEqual(proofs);
    return proofs;
  };

  it('are the ids that were given out several times, and not the bounds of the range', () => {
    const { history } = readRecording('unique-ids-duplicates');
    const proofs = prove(uniqueIdsChecker(), history);
    expect(proofs).toHaveLength(24);
    for (const { checker, problem, operations } of proofs) {
      expect(checker).toBe('workload');
      expect(problem).toMatch(/^\d+ was answered 3 times$/);
      expect(operations.map((operation) => history.typeAt(operation))).toEqual(['ok', 'ok', 'ok']);
      expect(new Set(operations.map((operation) => history.valueAt(operation))).size).toBe(1);
    }
  });

  it('are the answers that echoes should not have had', () => {
    const { history } = readRecording('echo-wrong');
    const proofs = prove(echoChecker(), history);
    expect(proofs.length).toBeGreaterThan(0);
    for (const { operations } of proofs)
      for (const operation of operations)
        expect(history.valueAt(operation)).toMatchObject({ type: 'echo_ok', echo: 'no' });
  });

  it.each([
    ['echo-garbage', echoChecker()],
    ['unique-ids-partition', uniqueIdsChecker()],
    ['unique-ids-unavailable', uniqueIdsChecker()],
  ])('are none in %s', (name, checker) => {
    expect(prove(checker, readRecording(name).history)).toEqual([]);
  });
});

describe('the moment', () => {
  it('is when the first of the proofs was complete', () => {
    expect(momentOf([proofOf([1, 11]), proofOf([3, 5]), proofOf([], 9e6)], IDS)).toBe(5e6);
    expect(momentOf([proofOf([1, 3, 11])], IDS)).toBe(11e6);
  });

  it('is the time that a proof tells, before that of its last operation', () => {
    expect(momentOf([proofOf([], 2e6), proofOf([5])], IDS)).toBe(2e6);
    expect(momentOf([proofOf([1, 5, 11], 3e6)], IDS)).toBe(3e6);
  });

  it('is unknown where no proof has a time', () => {
    expect(momentOf([], IDS)).toBeUndefined();
    expect(momentOf([proofOf([])], new History())).toBeUndefined();
  });
});

describe('findWarnings', () => {
  const report = { count: 9, examples: [{ problem: 'two of it', operation: 5, operations: [0, 5], element: 7 }] };
  const found = {
    checker: 'workload',
    rule: 'no-duplicates',
    problem: 'two of it',
    facts: { element: 7 },
    operations: [0, 5],
    operationCount: 2,
  };
  const valid = (beyond: unknown, more: object = {}) => ({
    workload: { 'valid?': true, beyond, ...more },
    'valid?': true as const,
  });

  it('has what broke a rule beyond those of Jepsen, though the run is valid', () => {
    expect(findWarnings(valid({ 'valid?': false, 'no-duplicates': report }), IDS)).toEqual([found]);
  });

  it('has nothing that is a proof', () => {
    const proofs = [{ ...found, checker: undefined }];
    expect(findWarnings(valid({ 'valid?': false, 'no-duplicates': report }, { proofs }), IDS)).toEqual([]);
  });

  it.each([
    undefined,
    'none',
    { 'valid?': true },
    { 'no-duplicates': { count: 1 } },
    { 'no-duplicates': { count: 1, examples: [null] } },
    { 'no-duplicates': { count: 1, examples: [{ problem: 'so', operations: 5 }] } },
  ])('has nothing of %j in a record', (beyond) => {
    expect(findWarnings(valid(beyond, { proofs: [null] }), IDS)).toEqual([]);
  });
});
