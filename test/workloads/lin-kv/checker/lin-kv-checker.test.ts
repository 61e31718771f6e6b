/** Hand-written histories of lin-kv with their whole results, and a wrong one for each rule beyond Jepsen's. */

import { describe, expect, it } from 'vitest';
import type { History } from '../../../../src/history/history.ts';
import { linKvChecker } from '../../../../src/workloads/lin-kv/checker/lin-kv-checker.ts';
import { fail, handwritten, info, invoke, nemesis, ok, THREE_NODES } from '../../../support/histories.ts';

const judge = (history: History, strict = false) => linKvChecker({ strict }).check(THREE_NODES, history);

const NOT_FOUND = ['key-does-not-exist', 'not found'];
const REFUSED = ['precondition-failed', 'current value 1 is not 2'];
const refuse = (process: number, f: string, value: unknown, error: unknown) => ({ ...fail(process, f, value), error });

describe('lin-kv', () => {
  it('is valid for each key that is a register, with any entries of the nemesis', () => {
    const history = handwritten(
      nemesis('start-partition'),
      invoke(0, 'write', [0, 3]),
      invoke(1, 'read', [1, null]),
      ok(0, 'write', [0, 3]),
      ok(1, 'read', [1, null]),
      invoke(0, 'cas', [0, [3, 4]]),
      ok(0, 'cas', [0, [3, 4]]),
    );
    expect(judge(history)).toEqual({
      'valid?': true,
      results: {
        0: { 'valid?': true, linearizable: { 'valid?': true } },
        1: { 'valid?': true, linearizable: { 'valid?': true } },
      },
      failures: [],
      beyond: { 'valid?': true },
    });
  });

  it('tells of a stale read what the register was, and what was concurrent', () => {
    const history = handwritten(
      invoke(0, 'write', [7, 1]),
      ok(0, 'write', [7, 1]),
      invoke(0, 'write', [7, 2]),
      ok(0, 'write', [7, 2]),
      invoke(1, 'read', [7, null]),
      invoke(2, 'write', [7, 3]),
      ok(1, 'read', [7, 1]),
      ok(2, 'write', [7, 3]),
    );
    const [written, read] = [
      { index: 3, time: 3e6, type: 'ok', process: 0, f: 'write', value: 2 },
      { index: 6, time: 6e6, type: 'ok', process: 1, f: 'read', value: 1 },
    ];
    const began = { index: 5, time: 5e6, type: 'invoke', process: 2, f: 'write', value: 3 };
    const pending = { index: 4, time: 4e6, type: 'invoke', process: 1, f: 'read', value: 1 };
    const start = { op: written, model: { value: 2 } };
    const problem = 'read 1 of process 1, ended at 6 ms, has no place: key 7 was 2';
    const order = {
      steps: [
        { operation: 1, text: 'write 1', state: '1' },
        { operation: 3, text: 'write 2', state: '2' },
      ],
      misfit: { operation: 6, text: 'read 1', reason: "can't read 1 from register 2" },
    };
    expect(judge(history)).toEqual({
      'valid?': false,
      results: {
        7: {
          'valid?': false,
          linearizable: {
            'valid?': false,
            op: read,
            'previous-ok': written,
            configs: [{ model: { value: 2 }, 'last-op': written, pending: [pending, began] }],
            'final-paths': [
              [start, { op: read, model: { msg: "can't read 1 from register 2" } }],
              [start, { op: began, model: { value: 3 } }, { op: read, model: { msg: "can't read 1 from register 3" } }],
            ],
            'last-op': written,
            counterexample: {
              op: read,
              concurrent: [{ ...began, index: 7, time: 7e6, type: 'ok' }],
              states: [{ value: 2 }],
            },
          },
        },
      },
      failures: [7],
      proofs: [
        { problem, facts: { concurrent: 'write 3 of process 2' }, operations: [6, 7], operationCount: 2, order },
      ],
      summary: `R${problem.slice(1)}.`,
      beyond: { 'valid?': true },
    });
  });

  it.each([
    [
      'an acknowledged write that is lost',
      [invoke(0, 'write', [0, 1]), ok(0, 'write', [0, 1])],
      [invoke(0, 'cas', [0, [2, 3]]), ok(0, 'cas', [0, [2, 3]])],
    ],
    [
      'a refused write that is seen',
      [invoke(0, 'write', [0, 1]), fail(0, 'write', [0, 1])],
      [invoke(0, 'read', [0, null]), ok(0, 'read', [0, 1])],
    ],
    [
      'a value that comes back',
      [invoke(0, 'write', [0, 1]), ok(0, 'write', [0, 1]), invoke(0, 'cas', [0, [1, 2]]), ok(0, 'cas', [0, [1, 2]])],
      [invoke(0, 'read', [0, null]), ok(0, 'read', [0, 1])],
    ],
  ])('rejects %s', (_what, before, wrong) => {
    expect(judge(handwritten(...before))['valid?']).toBe(true);
    expect(judge(handwritten(...before, ...wrong))).toMatchObject({ 'valid?': false, failures: [0] });
  });

  it('lets what ended in info happen late, or never', () => {
    const lost = [
      invoke(0, 'write', [0, 1]),
      info(0, 'write', [0, 1]),
      invoke(1, 'write', [0, 2]),
      ok(1, 'write', [0, 2]),
    ];
    const read = (value: number) => [invoke(2, 'read', [0, null]), ok(2, 'read', [0, value])];
    expect(judge(handwritten(...lost, ...read(2)))['valid?']).toBe(true);
    expect(judge(handwritten(...lost, ...read(2), ...read(1)))['valid?']).toBe(true);
    expect(judge(handwritten(...lost, ...read(1), ...read(2)))['valid?']).toBe(false);
  });

  it('does not take 1 for 1.0, nor the text "1"', () => {
    const write = [invoke(0, 'write', [0, 1]), ok(0, 'write', [0, 1])];
    expect(judge(handwritten(...write, invoke(0, 'read', [0, null]), ok(0, 'read', [0, '1'])))['valid?']).toBe(false);
  });

  it('judges the other keys where one cannot be judged, and tells the invalid ones first', () => {
    const odd = [invoke(0, 'cas', [0, null]), info(0, 'cas', [0, null])];
    const wrong = [invoke(1, 'read', [1, null]), ok(1, 'read', [1, 7])];
    const { summary, ...result } = judge(handwritten(...odd, ...wrong));
    expect(result).toMatchObject({
      'valid?': false,
      failures: [1],
      results: { 0: { 'valid?': 'unknown', error: 'operation 0 is a cas of null, not of [from, to]' } },
    });
    expect(summary).toMatch(/^Read 7 of process 1.* One more key is not valid\.$/);
  });

  it('names the operation whose value is no pair', () => {
    expect(() => judge(handwritten(invoke(0, 'read', null)))).toThrow(
      'the value of operation 0 is no pair of a key and a value: null',
    );
  });
});

describe('beyond Knossos', () => {
  const write = [invoke(0, 'write', [0, 1]), ok(0, 'write', [0, 1])];

  it.each([
    [
      'not-found',
      'a key that is forgotten',
      [invoke(1, 'read', [0, null]), refuse(1, 'read', [0, null], NOT_FOUND)],
      ['read', ' that found no value', 'it has the value 1'],
    ],
    [
      'not-found',
      'a cas that does not find a key that is there',
      [invoke(1, 'cas', [0, [1, 2]]), refuse(1, 'cas', [0, [1, 2]], NOT_FOUND)],
      ['cas [1,2]', ' that found no value', 'it has the value 1'],
    ],
    [
      'refused-cas',
      'a cas that is refused though it fits',
      [invoke(1, 'cas', [0, [1, 2]]), refuse(1, 'cas', [0, [1, 2]], REFUSED)],
      ['cas [1,2]', ' that was refused', 'it has the value 1, as the CAS expects'],
    ],
    [
      'null-read',
      'a read of null where there is a value',
      [invoke(1, 'read', [0, null]), ok(1, 'read', [0, null])],
      ['read', ' that found no value', 'it has the value 1'],
    ],
  ])('%s finds %s', (rule, _what, wrong, [asked, answer, reason]) => {
    const history = handwritten(...write, ...wrong);
    const result = judge(history);
    const problem = `${asked} of process 1${answer}, ended at 3 ms, has no place: key 0 was 1`;
    const order = {
      steps: [{ operation: 1, text: 'write 1', state: '1' }],
      misfit: { operation: 3, text: `${asked}${answer}`, reason },
    };
    expect(result).toEqual({
      'valid?': true,
      results: { 0: { 'valid?': true, linearizable: { 'valid?': true } } },
      failures: [],
      beyond: { 'valid?': false, [rule]: { count: 1, examples: [{ problem, operations: [3], key: 0, order }] } },
    });
    expect(judge(history, true)).toMatchObject({ 'valid?': false, proofs: [{ rule, operations: [3], order }] });
  });

  it.each([
    [
      'not found before the write is over',
      [invoke(1, 'read', [0, null]), ...write, refuse(1, 'read', [0, null], NOT_FOUND)],
    ],
    [
      'refused while the value may be another one',
      [invoke(1, 'cas', [0, [1, 2]]), ...write, refuse(1, 'cas', [0, [1, 2]], REFUSED)],
    ],
    ['refused for the right reason', [...write, invoke(1, 'cas', [0, [2, 3]]), refuse(1, 'cas', [0, [2, 3]], REFUSED)]],
    [
      'unavailable',
      [...write, invoke(1, 'cas', [0, [1, 2]]), refuse(1, 'cas', [0, [1, 2]], ['temporarily-unavailable', 'no'])],
    ],
    ['timed out', [...write, invoke(1, 'read', [0, null]), refuse(1, 'read', [0, null], 'net-timeout')]],
  ])('is not broken by what is %s', (_what, operations) => {
    expect(judge(handwritten(...operations), true)).toMatchObject({ 'valid?': true, beyond: { 'valid?': true } });
  });

  it('counts each rule for itself', () => {
    const history = handwritten(
      ...write,
      invoke(1, 'read', [0, null]),
      refuse(1, 'read', [0, null], NOT_FOUND),
      invoke(1, 'cas', [0, [1, 2]]),
      refuse(1, 'cas', [0, [1, 2]], REFUSED),
      invoke(0, 'write', [1, 1]),
      ok(0, 'write', [1, 1]),
      invoke(1, 'read', [1, null]),
      refuse(1, 'read', [1, null], NOT_FOUND),
    );
    expect(judge(history).beyond).toMatchObject({ 'not-found': { count: 2 }, 'refused-cas': { count: 1 } });
  });

  it('says nothing more of a key that is bad anyway', () => {
    const stale = [invoke(2, 'read', [0, null]), ok(2, 'read', [0, 9])];
    const missing = [invoke(1, 'read', [0, null]), refuse(1, 'read', [0, null], NOT_FOUND)];
    expect(judge(handwritten(...write, ...stale, ...missing))).toMatchObject({
      'valid?': false,
      beyond: { 'valid?': true },
    });
  });
});
