/**
 * Unique ids: no id twice, by JSON equality; and two rules for ids in our own format that are reported beside the
 * verdict.
 */

import { describe, expect, it } from 'vitest';
import { fingerprint } from '../../../../src/checkers/fingerprints.ts';
import { History } from '../../../../src/history/history.ts';
import { EPOCH_MS, encodeSnowflake } from '../../../../src/ids/snowflake.ts';
import { parseExact } from '../../../../src/protocol/exact-json.ts';
import { uniqueIdsChecker } from '../../../../src/workloads/unique-ids/checker/unique-ids-checker.ts';
import {
  fail,
  handwritten,
  info,
  invoke,
  nemesis,
  ok,
  THREE_NODES,
  withoutEvidence,
} from '../../../support/histories.ts';

const NO_ORDER = 'the ids cannot be compared with each other: all ids must be of one type, and not objects';

function check(history: History) {
  return withoutEvidence(uniqueIdsChecker().check(THREE_NODES, history));
}

/** A run of one client that gets these ids one after the other. */
function checkIds(...ids: readonly unknown[]) {
  return check(handwritten(...ids.flatMap((id) => [invoke(0, 'generate'), ok(0, 'generate', id)])));
}

function unique(count: number, lowest: unknown, highest: unknown) {
  return {
    'valid?': true,
    'attempted-count': count,
    'acknowledged-count': count,
    'duplicated-count': 0,
    duplicated: {},
    range: [lowest, highest],
  };
}

function snowflake(milliseconds: number, node: number, sequence = 0, entropy = 0): string {
  return String(encodeSnowflake({ timestampMs: EPOCH_MS + milliseconds, node, sequence, entropy }));
}

const DAYS_400 = 400 * 24 * 3600 * 1000;

describe('unique ids', () => {
  it('accepts a run without operations', () => {
    expect(check(handwritten())).toEqual(unique(0, null, null));
  });

  it('accepts ids that are all different', () => {
    const history = handwritten(
      invoke(0, 'generate'),
      invoke(1, 'generate'),
      nemesis('start-partition', 'one'),
      ok(1, 'generate', 'n1-9'),
      ok(0, 'generate', 'n1-10'),
    );
    expect(check(history)).toEqual(unique(2, 'n1-10', 'n1-9'));
  });

  it('counts only what ended ok, of what was to generate', () => {
    const history = handwritten(
      invoke(0, 'generate'),
      ok(0, 'generate', 'a'),
      invoke(0, 'generate'),
      fail(0, 'generate', 'a'),
      invoke(0, 'generate'),
      info(0, 'generate', 'a'),
      invoke(1, 'read'),
      ok(1, 'read', 'a'),
      invoke(2, 'generate'),
    );
    expect(check(history)).toEqual({ ...unique(1, 'a', 'a'), 'attempted-count': 4 });
  });

  it('rejects an id that two nodes gave out', () => {
    const history = handwritten(
      invoke(0, 'generate'),
      invoke(1, 'generate'),
      ok(0, 'generate', 'a'),
      ok(1, 'generate', 'a'),
      invoke(1, 'generate'),
      ok(1, 'generate', 'b'),
    );
    expect(check(history)).toEqual({
      'valid?': false,
      'attempted-count': 3,
      'acknowledged-count': 3,
      'duplicated-count': 1,
      duplicated: { a: 2 },
      range: ['a', 'b'],
    });
  });

  it('identifies the one repeated id in a long run, far apart', () => {
    const history = new History();
    for (let number = 0; number < 100_000; number++) {
      const id = number === 99_000 ? 'id-17' : `id-${number}`;
      history.append({ time: 2 * number, type: 'invoke', process: number % 3, f: 'generate', value: null });
      history.append({ time: 2 * number + 1, type: 'ok', process: number % 3, f: 'generate', value: id });
    }
    expect(check(history)).toMatchObject({ 'valid?': false, 'duplicated-count': 1, duplicated: { 'id-17': 2 } });
  });

  it.each([
    ['numbers', [1, 2, 1], { 1: 2 }, [1, 2]],
    ['nulls', [null, null, 'a'], { null: 2 }, ['a', 'a']],
    ['booleans', [true, false, true], { true: 2 }, [false, true]],
    ['arrays', [[1, 'a'], [2], [1, 'a']], { '[1,"a"]': 2 }, [[2], [1, 'a']]],
    [
      'names of JavaScript',
      ['__proto__', '__proto__', 'constructor'],
      JSON.parse('{"__proto__": 2}'),
      ['__proto__', 'constructor'],
    ],
  ])('rejects repeated %s', (_name, ids, duplicated, range) => {
    const result = checkIds(...ids);
    expect(result).toEqual({
      'valid?': false,
      'attempted-count': 3,
      'acknowledged-count': 3,
      'duplicated-count': 1,
      duplicated: expect.anything(),
      range,
    });
    expect(Object.entries(result.duplicated as object)).toEqual(Object.entries(duplicated));
  });

  it('rejects repeated objects, with keys in any order', () => {
    expect(checkIds({ a: 1, b: 2 }, { b: 2, a: 1 })).toEqual({
      'valid?': false,
      'attempted-count': 2,
      'acknowledged-count': 2,
      'duplicated-count': 1,
      duplicated: { '{"a":1,"b":2}': 2 },
      error: NO_ORDER,
    });
  });

  it('rejects a repeated integer that JavaScript cannot hold, and accepts its neighbours', () => {
    const [first, second, third] = ['9007199254740993', '9007199254740992', '9007199254740994'].map(parseExact);
    expect(checkIds(first, second, third)).toEqual(unique(3, second, third));
    expect(checkIds(first, parseExact('9007199254740993'))).toMatchObject({
      'valid?': false,
      duplicated: { '9007199254740993': 2 },
    });
  });

  it('accepts 1 beside 1.0 and 9 before 10', () => {
    expect(checkIds(1, parseExact('1.0'))).toEqual(unique(2, 1, 1));
    expect(checkIds(10, 9, 9.5)).toEqual(unique(3, 9, 10));
    expect(checkIds('10', '9')).toEqual(unique(2, '10', '9'));
  });

  it('accepts nulls between ids of one type, as Jepsen does', () => {
    expect(checkIds(null, 'b', 'a')).toEqual(unique(3, 'a', 'b'));
    expect(checkIds('b', null, 'a')).toEqual(unique(3, 'a', 'b'));
  });

  it('takes an id that is missing for null', () => {
    const missing = [invoke(0, 'generate'), { ...ok(0, 'generate'), value: undefined }];
    const acknowledged = (id: unknown) => [invoke(0, 'generate'), ok(0, 'generate', id)];
    expect(check(handwritten(...acknowledged('b'), ...missing, ...acknowledged('a')))).toEqual(unique(3, 'a', 'b'));
    expect(check(handwritten(...missing, ...acknowledged(null)))).toMatchObject({
      'valid?': false,
      duplicated: { null: 2 },
    });
  });

  it('accepts ids whose fingerprints collide', () => {
    const id = parseExact('9007199254740993');
    const other = fingerprint(id);
    expect(fingerprint(other)).toBe(other);
    expect(checkIds(id, other)).toEqual(unique(2, other, id));
  });

  it('accepts a lone object and finds two unknown, because objects have no order', () => {
    expect(checkIds({ a: 1 })).toEqual(unique(1, { a: 1 }, { a: 1 }));
    expect(checkIds({ a: 1 }, { a: 2 })['valid?']).toBe('unknown');
  });

  it('finds ids of mixed types unknown when none is repeated', () => {
    expect(checkIds(1, '1', 2)).toEqual({
      'valid?': 'unknown',
      'attempted-count': 3,
      'acknowledged-count': 3,
      'duplicated-count': 0,
      duplicated: {},
      error: NO_ORDER,
    });
  });

  it('rejects a repeated id among mixed types and tells texts from numbers', () => {
    expect(checkIds(1, '1', 1, '1', '1')).toEqual({
      'valid?': false,
      'attempted-count': 5,
      'acknowledged-count': 5,
      'duplicated-count': 2,
      duplicated: { 1: 2, '"1"': 3 },
      error: NO_ORDER,
    });
  });

  it('lists the 48 most frequent, of those with one count the highest, in ascending order', () => {
    const ids: number[] = [];
    for (let id = 0; id < 100; id++) ids.push(id, id);
    ids.push(3, 3, 50);
    const result = checkIds(...ids);
    expect(result).toMatchObject({ 'valid?': false, 'duplicated-count': 100, range: [0, 99] });
    const listed = Object.entries(result.duplicated as object);
    const expected = [3, ...Array.from({ length: 47 }, (_, index) => 53 + index)];
    // 50 has three, 3 has four: both outrank all that have two.
    expected.splice(1, 1, 50);
    expect(listed).toEqual(expected.map((id) => [String(id), id === 3 ? 4 : id === 50 ? 3 : 2]));
  });

  it('orders the listed texts by their code units', () => {
    const result = checkIds('b', 'b', 'a', 'a', '\u{1F600}', '\u{1F600}', '\uFFFD', '\uFFFD');
    expect(Object.keys(result.duplicated as object)).toEqual(['a', 'b', '\u{1F600}', '\uFFFD']);
    expect(result.range).toEqual(['a', '\uFFFD']);
  });
});

describe('ids in our own format', () => {
  function checkClients(...acknowledged: readonly (readonly [process: number, id: unknown])[]) {
    return check(
      handwritten(
        ...acknowledged.flatMap(([process, id]) => [invoke(process, 'generate'), ok(process, 'generate', id)]),
      ),
    );
  }

  const FINE = {
    'decodes-to-node': true,
    'mismatch-count': 0,
    mismatches: [],
    increasing: true,
    'regression-count': 0,
    regressions: [],
  };

  it('finds that ids decode to the node that answered and increase', () => {
    const result = checkClients(
      [0, snowflake(DAYS_400, 0)],
      [1, snowflake(DAYS_400, 1, 4095, 1)],
      [0, snowflake(DAYS_400, 0, 1)],
      [5, snowflake(DAYS_400, 2)],
      [3, snowflake(DAYS_400, 0, 1, 1)],
    );
    expect(result).toEqual({ ...unique(5, snowflake(DAYS_400, 0), snowflake(DAYS_400, 2)), snowflake: FINE });
  });

  it('identifies ids without the number of their node, and leaves the verdict', () => {
    const first = snowflake(DAYS_400, 0);
    const second = snowflake(DAYS_400 + 1, 0);
    expect(checkClients([0, first], [4, second])).toEqual({
      ...unique(2, first, second),
      snowflake: {
        ...FINE,
        'decodes-to-node': false,
        'mismatch-count': 1,
        mismatches: [{ id: second, process: 4, node: 'n1', 'node-number': 0, 'expected-node-number': 1 }],
      },
    });
  });

  it('identifies ids of one client that decrease, also under a new process number', () => {
    const late = snowflake(DAYS_400 + 5, 1);
    const early = snowflake(DAYS_400, 1);
    expect(checkClients([1, late], [4, early])).toEqual({
      ...unique(2, early, late),
      snowflake: {
        ...FINE,
        increasing: false,
        'regression-count': 1,
        regressions: [{ process: 4, node: 'n1', previous: late, id: early }],
      },
    });
  });

  it('identifies an id that is repeated to one client', () => {
    const id = snowflake(DAYS_400, 0);
    expect(checkClients([0, id], [0, id])).toMatchObject({
      'valid?': false,
      snowflake: { increasing: false, 'regression-count': 1 },
    });
  });

  it('takes longer for later and does not compare the ids of two clients', () => {
    const eighteenDigits = '999999999999991808';
    const nineteenDigits = '1000000000000000000';
    expect(checkClients([0, eighteenDigits], [0, nineteenDigits])).toMatchObject({ snowflake: { increasing: true } });
    expect(checkClients([0, nineteenDigits], [0, eighteenDigits])).toMatchObject({ snowflake: { increasing: false } });
    expect(checkClients([0, nineteenDigits], [1, eighteenDigits])).toMatchObject({ snowflake: { increasing: true } });
  });

  it('decodes the ids of the time from two weeks after the epoch on', () => {
    const early = snowflake(14 * 24 * 3600 * 1000, 2, 4095, 1);
    expect(early).toHaveLength(17);
    expect(checkClients([2, early])).toEqual({ ...unique(1, early, early), snowflake: FINE });
  });

  it('decodes the greatest id', () => {
    expect(checkClients([0, '18446744073709551615'])).toMatchObject({
      snowflake: { mismatches: [{ 'node-number': 1023 }] },
    });
  });

  it('lists a bounded number of examples and counts all', () => {
    const ids = Array.from({ length: 30 }, (_, index): [number, string] => [1, snowflake(DAYS_400 - index, 0)]);
    const report = checkClients(...ids).snowflake as { mismatches: unknown[]; regressions: unknown[] };
    expect(report).toMatchObject({ 'mismatch-count': 30, 'regression-count': 29 });
    expect([report.mismatches.length, report.regressions.length]).toEqual([8, 8]);
  });

  it.each([
    ['a number', 289910292480000000],
    ['another text', 'n0-1'],
    ['too few digits', '1234567890123456'],
    ['too many digits', '184467440737095516150'],
    ['a value of 2^64', '18446744073709551616'],
    ['a leading zero', '0289910292480000000'],
    ['a sign', '-289910292480000000'],
    ['a fraction', '289910292480000.000'],
    ['a colon', '28991029248000000:'],
    ['a letter', '28991029248000000a'],
  ])('says nothing when one id has %s', (_name, id) => {
    expect(checkClients([0, snowflake(DAYS_400, 1)], [0, id], [0, snowflake(DAYS_400 - 1, 1)])).not.toHaveProperty(
      'snowflake',
    );
  });
});

describe('what proves repeated ids', () => {
  const evidence = (...ids: readonly unknown[]) => {
    const history = handwritten(...ids.flatMap((id) => [invoke(0, 'generate'), ok(0, 'generate', id)]));
    const { proofs, summary } = uniqueIdsChecker().check(THREE_NODES, history);
    return { proofs, summary };
  };

  it('is nothing in a valid run', () => {
    expect(evidence('a', 'b')).toEqual({});
  });

  it('is each of them, with the operations that handed it out, complete when the second did', () => {
    expect(evidence(7, 'a', 7, null, 'a', 8, 7)).toEqual({
      proofs: [
        { problem: '7 was answered 3 times', facts: {}, operations: [1, 5, 13], operationCount: 3, time: 5e6 },
        { problem: 'a was answered 2 times', facts: {}, operations: [3, 9], operationCount: 2, time: 9e6 },
      ],
      summary: '2 ids were given out more than once, for instance 7.',
    });
  });

  it('is one id that came twice, also where it is beyond 2^53', () => {
    const ids = ['1152921504606846977', '1152921504606846978', '1152921504606846979', '1152921504606846978'];
    expect(evidence(...ids.map(parseExact))).toEqual({
      proofs: [
        {
          problem: '1152921504606846978 was answered 2 times',
          facts: {},
          operations: [3, 7],
          operationCount: 2,
          time: 7e6,
        },
      ],
      summary: '1 id was given out more than once, for instance 1152921504606846978.',
    });
  });

  it('counts all answers, also those beyond the ones it names', () => {
    const { proofs } = evidence(...new Array(40).fill('x'));
    expect(proofs?.map(({ problem }) => problem)).toEqual(['x was answered 40 times']);
    expect(proofs?.[0]?.operations).toHaveLength(16);
    expect(proofs?.[0]?.operationCount).toBe(40);
  });

  it('is two dozen ids at most, and quotes the beginning of a long one', () => {
    const ids = Array.from({ length: 30 }, (_, index) => `${'Ω'.repeat(3001)}${index}`);
    const { proofs, summary } = evidence(...ids, ...ids);
    expect(proofs).toHaveLength(24);
    expect(proofs?.[0]?.problem).toBe(`${'Ω'.repeat(160)}… was answered 2 times`);
    expect(summary).toBe(`30 ids were given out more than once, for instance ${'Ω'.repeat(200)}….`);
  });

  it('keeps the text "1" and the number 1 apart', () => {
    expect(evidence('1', 1, '1', 1).proofs?.map(({ operations }) => operations)).toEqual([
      [1, 5],
      [3, 7],
    ]);
  });

  it('is a sentence only, where ids have no order', () => {
    expect(evidence('1', 1)).toEqual({ summary: `T${NO_ORDER.slice(1)}.` });
  });

  it('rests on ok only, of what was to generate', () => {
    const undecided = [invoke(0, 'generate'), info(0, 'generate', 7), invoke(0, 'generate'), fail(0, 'generate', 7)];
    const read = [invoke(0, 'read'), ok(0, 'read', 7)];
    const acknowledged = [invoke(1, 'generate'), ok(1, 'generate', 7)];
    const history = handwritten(...undecided, ...read, ...acknowledged);
    expect(uniqueIdsChecker().check(THREE_NODES, history)).not.toHaveProperty('proofs');

    const repeated = handwritten(...acknowledged, ...undecided, ...read, ...acknowledged);
    const problem = '7 was answered 2 times';
    expect(uniqueIdsChecker().check(THREE_NODES, repeated)).toMatchObject({
      duplicated: { 7: 2 },
      proofs: [{ problem, operations: [1, 9], operationCount: 2, time: 9e6 }],
    });
  });
});
