import { describe, expect, it } from 'vitest';
import type { CheckResult } from '../../src/checkers/checker.ts';
import { findProofs, momentOf } from '../../src/checkers/evidence.ts';
import { History } from '../../src/history/history.ts';
import { parseExact, stringifyExact } from '../../src/protocol/exact-json.ts';
import { uniqueIdsChecker } from '../../src/workloads/unique-ids/checker/unique-ids-checker.ts';
import { handwritten, info, invoke, ok, readRecording, THREE_NODES } from '../support/histories.ts';

const invalid = (result: Readonly<Record<string, unknown>>): CheckResult => ({
  workload: { 'valid?': false, ...result },
  'valid?': false,
});

/** Ids 7, "a", 7, null, "a", 8 by one process; completions at 1, 3, 5 ... */
const IDS = handwritten(...[7, 'a', 7, null, 'a', 8].flatMap((id) => [invoke(0, 'generate'), ok(0, 'generate', id)]));

describe('proofs', () => {
  it('are none where nothing is invalid', () => {
    const example = { examples: [{ problem: 'bad', operation: 1 }] };
    expect(findProofs({ 'valid?': true, workload: { 'valid?': true, rule: example } }, IDS)).toEqual([]);
    expect(findProofs({ 'valid?': 'unknown', workload: { 'valid?': 'unknown', rule: example } }, IDS)).toEqual([]);
    expect(findProofs({ 'valid?': false }, new History())).toEqual([]);
  });

  it('are the examples of a rule, with the operations they name in the order of the history', () => {
    const results = invalid({
      count: 2,
      'sold-once': {
        'valid?': false,
        examples: [
          { problem: 'twice', operations: [5, 1, 5], code: 'hot' },
          { problem: 'late', operation: 3, time: 12 },
        ],
      },
    });
    const shared = { checker: 'workload', rule: 'sold-once' };
    expect(findProofs(results, IDS)).toEqual([
      { ...shared, problem: 'twice', facts: { code: 'hot' }, operations: [1, 5], operationCount: 2, time: undefined },
      { ...shared, problem: 'late', facts: {}, operations: [3], operationCount: 1, time: 12 },
    ]);
  });

  it('are breaches of the protocol, with their time', () => {
    const violations = [{ node: 'n1', time: 4e6, rule: 'json', text: 'n1 printed what is no JSON', line: '<' }];
    expect(findProofs({ protocol: { 'valid?': false, count: 1, violations }, 'valid?': false }, IDS)).toEqual([
      {
        checker: 'protocol',
        rule: 'json',
        problem: 'n1 printed what is no JSON',
        facts: { node: 'n1', line: '<' },
        operations: [],
        operationCount: 0,
        time: 4e6,
      },
    ]);
  });

  it('name no operation that the history does not have', () => {
    const examples = [{ problem: 'bad', operations: [-1, 0.5, '3', null, 12, Number.NaN, 11], operation: 1e9 }];
    expect(findProofs(invalid({ rule: { examples } }), IDS)[0]?.operations).toEqual([11]);
  });

  it('are found by the values that a checker of Jepsen names', () => {
    const results = invalid({ 'duplicated-count': 2, duplicated: { '7': 2, a: 2 }, range: [7, 8] });
    expect(findProofs(results, IDS).map(({ problem, operations }) => ({ problem, operations }))).toEqual([
      { problem: '7 was answered 2 times', operations: [1, 5] },
      { problem: 'a was answered 2 times', operations: [3, 9] },
    ]);
  });

  it('count all answers, also those beyond the ones they show', () => {
    const history = handwritten(
      ...Array.from({ length: 40 }, () => [invoke(0, 'generate'), ok(0, 'generate', 'x')]).flat(),
    );
    const [proof, ...others] = findProofs(invalid({ duplicated: { x: 40 } }), history);
    expect(others).toEqual([]);
    expect(proof?.problem).toBe('x was answered 40 times');
    expect(proof?.operations).toHaveLength(16);
    expect(proof?.operationCount).toBe(40);
  });

  it('are the repeated ids, and not the bounds of the range, also where ids are beyond 2^53', () => {
    const ids = ['1152921504606846977', '1152921504606846978', '1152921504606846979'].map(parseExact);
    const [low, middle, high] = ids;
    const history = handwritten(
      ...[low, middle, high, parseExact('1152921504606846978')].flatMap((id) => [
        invoke(0, 'generate'),
        ok(0, 'generate', id),
      ]),
    );
    const results = invalid(uniqueIdsChecker().check(THREE_NODES, history));
    const proofs = [
      {
        checker: 'workload',
        rule: undefined,
        problem: '1152921504606846978 was answered 2 times',
        facts: {},
        operations: [3, 7],
        operationCount: 2,
        time: history.timeAt(7),
      },
    ];
    expect(findProofs(results, history)).toEqual(proofs);
    // As they are read from a record.
    expect(findProofs(parseExact(stringifyExact(results)) as CheckResult, history)).toEqual(proofs);
  });

  it('take a large number for its value, and nothing in it for a name', () => {
    const history = handwritten(invoke(0, 'generate'), ok(0, 'generate', 'text'));
    expect(findProofs(invalid({ range: [parseExact('1152921504606846977')] }), history)).toEqual([]);
  });

  it('say how often a value was answered, however long it is', () => {
    const id = 'Ω'.repeat(3001);
    const history = handwritten(...[id, id].flatMap((value) => [invoke(0, 'generate'), ok(0, 'generate', value)]));
    const [proof] = findProofs(invalid({ duplicated: { [id]: 2 } }), history);
    expect(proof?.problem).toBe(`${'Ω'.repeat(160)}… was answered 2 times`);
    expect(proof?.operations).toEqual([1, 3]);
  });

  it('keep the text "1" and the number 1 apart', () => {
    const history = handwritten(...['1', 1, '1', 1].flatMap((id) => [invoke(0, 'generate'), ok(0, 'generate', id)]));
    const { 'valid?': validity, ...workload } = uniqueIdsChecker().check(THREE_NODES, history);
    expect(validity).toBe(false);
    expect(findProofs(invalid(workload), history).map(({ operations }) => operations)).toEqual([
      [1, 5],
      [3, 7],
    ]);
  });

  it('are at most two dozen of a checker', () => {
    const examples = Array.from({ length: 100 }, () => ({ problem: 'bad', operation: 1 }));
    expect(findProofs(invalid({ rule: { examples } }), IDS)).toHaveLength(24);
  });

  it('leave out what is no example', () => {
    expect(
      findProofs(invalid({ rule: { examples: [null, 3, 'x', {}, { problem: 5 }, []] }, list: [{}] }), IDS),
    ).toEqual([]);
  });
});

describe('proofs in the recordings of the real harness', () => {
  it('are the ids that were given out several times, and not the bounds of the range', () => {
    const { history, results } = readRecording('unique-ids-duplicates');
    const proofs = findProofs(results as unknown as CheckResult, history);
    expect(proofs).toHaveLength(24);
    for (const { checker, problem, operations } of proofs) {
      expect(checker).toBe('workload');
      expect(problem).toMatch(/^\d+ was answered 3 times$/);
      expect(operations.map((operation) => history.typeAt(operation))).toEqual(['ok', 'ok', 'ok']);
      expect(new Set(operations.map((operation) => history.valueAt(operation))).size).toBe(1);
    }
  });

  it('are the answers that echoes should not have had', () => {
    const { history, results } = readRecording('echo-wrong');
    const proofs = findProofs(results as unknown as CheckResult, history);
    expect(proofs.length).toBeGreaterThan(0);
    for (const { operations } of proofs)
      for (const operation of operations)
        expect(history.valueAt(operation)).toMatchObject({ type: 'echo_ok', echo: 'no' });
  });

  it.each(['echo-garbage', 'unique-ids-partition', 'unique-ids-unavailable'])('are none in %s', (name) => {
    const { history, results } = readRecording(name);
    expect(findProofs(results as unknown as CheckResult, history)).toEqual([]);
  });
});

describe('the moment', () => {
  const proof = (operations: readonly number[], time?: number) => ({
    checker: 'workload',
    rule: undefined,
    problem: 'bad',
    facts: {},
    operations,
    operationCount: operations.length,
    time,
  });

  it('is when the first of the proofs was complete', () => {
    expect(momentOf([proof([1, 11]), proof([3, 5]), proof([], 9e6)], IDS)).toBe(5e6);
  });

  it('is the time that a proof tells, before that of its last operation', () => {
    expect(momentOf([proof([], 2e6), proof([5])], IDS)).toBe(2e6);
    expect(momentOf([proof([1, 5, 11], 3e6)], IDS)).toBe(3e6);
  });

  it('is the second time that a value came which must come once', () => {
    const values = [1, 2, 3].flatMap(() => [invoke(0, 'generate'), ok(0, 'generate', 'x')]);
    const history = handwritten(...values);
    expect(momentOf(findProofs(invalid({ duplicated: { x: 3 } }), history), history)).toBe(history.timeAt(3));
  });

  it('is unknown where no proof has a time', () => {
    expect(momentOf([], IDS)).toBeUndefined();
    expect(momentOf([proof([])], new History())).toBeUndefined();
  });

  it('has nothing to do with what nobody knows', () => {
    const history = handwritten(invoke(0, 'generate'), info(0, 'generate', 7));
    expect(findProofs(invalid({ duplicated: { '7': 2 } }), history)).toEqual([]);
  });
});
