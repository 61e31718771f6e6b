/** Models of one's own, budgets, long histories that a search must narrow, and what is told of a bad one. */

import { describe, expect, it } from 'vitest';
import { independentResult, partsByKey, unkeyedValueAt } from '../../../src/checkers/independent.ts';
import { collectCalls, NEVER } from '../../../src/checkers/linearizability/calls.ts';
import { Frontier } from '../../../src/checkers/linearizability/frontier.ts';
import { kindsOf } from '../../../src/checkers/linearizability/kinds.ts';
import { layOut } from '../../../src/checkers/linearizability/layout.ts';
import { isLinearizable, linearizableResult } from '../../../src/checkers/linearizability/linearizable.ts';
import { casRegisterModel, type Model, registerModel } from '../../../src/checkers/linearizability/model.ts';
import { History } from '../../../src/history/history.ts';
import type { Operation } from '../../../src/history/operation.ts';
import { busyRegisters } from '../../support/busy-histories.ts';
import { handwritten, info, invoke, ok } from '../../support/histories.ts';

const callsOf = (history: History) =>
  collectCalls(
    history,
    [...history].map(({ index }) => index),
  );

/** A first-in, first-out queue: no operation of it reads or overwrites. */
const queueModel: Model<readonly unknown[]> = {
  initial: [],
  step(queue, f, value) {
    if (f === 'enqueue') return { state: [...queue, value] };
    return queue[0] === value ? { state: queue.slice(1) } : { refusal: `can't dequeue ${value}` };
  },
  keyOf: (queue) => JSON.stringify(queue),
  describe: (queue) => ({ queue }),
};

describe('a model of one’s own', () => {
  const enqueued = [invoke(0, 'enqueue', 1), invoke(1, 'enqueue', 2), ok(0, 'enqueue', 1), ok(1, 'enqueue', 2)];
  const dequeue = (value: number) => [invoke(2, 'dequeue'), ok(2, 'dequeue', value)];

  it.each([1, 2])('allows each order of what is concurrent: %d first', (first) => {
    const history = handwritten(...enqueued, ...dequeue(first), ...dequeue(3 - first));
    expect(linearizableResult(callsOf(history), { model: queueModel })).toEqual({ 'valid?': true });
  });

  it('rejects what no order gives, with the states there may have been', () => {
    const history = handwritten(...enqueued, ...dequeue(2), ...dequeue(2));
    expect(linearizableResult(callsOf(history), { model: queueModel, name: 'the queue' })).toMatchObject({
      'valid?': false,
      op: history.at(7),
      'previous-ok': history.at(5),
      'final-paths': [[{ op: history.at(5) }, { op: history.at(7), model: { msg: "can't dequeue 2" } }]],
      counterexample: { op: history.at(7), concurrent: [], states: [{ queue: [1] }] },
      summary: 'Dequeue 2 of process 2, ended at 7 ms, has no place: the queue was {"queue":[1]}.',
    });
  });

  it('is told which operations there are', () => {
    const history = handwritten(invoke(0, 'cas', [1, 2]), ok(0, 'cas', [1, 2]));
    expect(() =>
      linearizableResult(callsOf(history), { model: { ...registerModel, isRegister: undefined as never } }),
    ).toThrow('a register has no operation "cas", only read and write');
  });
});

describe('a bad end', () => {
  it('has no previous ok and no last operation if it is the first of all', () => {
    const history = handwritten(invoke(0, 'read'), ok(0, 'read', 5));
    expect(linearizableResult(callsOf(history), { model: casRegisterModel })).toMatchObject({
      'valid?': false,
      'previous-ok': null,
      'last-op': null,
      configs: [{ model: { value: null }, 'last-op': null }],
      counterexample: { states: [{ value: null }] },
    });
  });

  it('is the first one that no order allows, also of a register with unique values that a search gives up', () => {
    const operations = [
      invoke(0, 'write', 1),
      ok(0, 'write', 1),
      invoke(0, 'read'),
      ok(0, 'read', 7),
      invoke(0, 'read'),
      ok(0, 'read', 8),
    ];
    const history = handwritten(...operations);
    const budget = { configurationsMax: 0, bytesMax: 0 };
    const options = { model: casRegisterModel };
    expect(linearizableResult(callsOf(history), options)).toMatchObject({
      op: history.at(3),
      counterexample: { states: [{ value: 1 }] },
    });
    const { counterexample, ...result } = linearizableResult(callsOf(history), { ...options, budget });
    expect(result).toMatchObject({ 'valid?': false, op: history.at(3), 'previous-ok': history.at(1) });
    expect(counterexample).toEqual({ op: history.at(3), concurrent: [] });
  });
});

describe('a budget', () => {
  it('that is used up makes the result unknown, and tells how far it came', () => {
    const writes = Array.from({ length: 14 }, (_, process) => invoke(process, 'write', process % 7));
    const reads = [5, 6, 1, 3].flatMap((value) => [invoke(20, 'read'), ok(20, 'read', value)]);
    const history = handwritten(...writes, ...reads, ...writes.map(({ process, f, value }) => ok(process, f, value)));
    const options = { model: casRegisterModel, name: 'the register' };
    expect(linearizableResult(callsOf(history), options)).toEqual({ 'valid?': true });
    const budget = { configurationsMax: 40, bytesMax: 1e9 };
    expect(linearizableResult(callsOf(history), { ...options, budget })).toEqual({
      'valid?': 'unknown',
      cause: 'budget',
      op: expect.objectContaining({ f: 'read' }),
      'previous-ok': null,
      'reached-count': 0,
      'end-count': 18,
      configurations: 40,
      summary:
        'the register is linearizable as far as was looked, for 0 of 18 operations that ended: ' +
        '40 configurations did not suffice for more.',
    });
    expect(isLinearizable(callsOf(history), { ...options, budget: { configurationsMax: 1e9, bytesMax: 1 } })).toBe(
      'unknown',
    );
  });
});

describe('a long history of many clients', () => {
  const judge = (history: History) =>
    independentResult(partsByKey(history), ({ events }) =>
      linearizableResult(collectCalls(history, events, { valueAt: unkeyedValueAt(history) }), {
        model: casRegisterModel,
      }),
    );
  const load = { operations: 3000, keys: 1, clientsOfKey: 10, endlessOfKey: 20, values: 5 };

  it.each([
    ['with calls that never end', load],
    ['with many clients at once', { ...load, operations: 1500, clientsOfKey: 40, endlessOfKey: 0 }],
    ['with many clients and calls that never end', { ...load, operations: 800, clientsOfKey: 40, endlessOfKey: 5 }],
  ])('is found valid %s', (_what, { ...given }) => {
    expect(judge(busyRegisters(given))['valid?']).toBe(true);
  });

  it('is found invalid where one read is of a value that there never was', () => {
    const history = busyRegisters(load);
    const reads = [...history].filter(({ f, type }) => f === 'read' && type === 'ok');
    const changed = reads[reads.length - 20] as Operation;
    const wrong = History.of(
      [...history].map((operation) =>
        operation.index === changed.index ? { ...operation, value: [0, 9] } : operation,
      ),
    );
    expect(judge(wrong)).toMatchObject({
      'valid?': false,
      results: { 0: { op: { index: changed.index, value: 9 } } },
    });
  });

  it.each([
    ['four clients', 4, 0],
    ['ten clients, calls that never end', 10, 3],
  ])('is judged as by a search that leaves nothing out, whichever read is changed: %s', (_what, clients, endless) => {
    const history = busyRegisters({ ...load, operations: 240, clientsOfKey: clients, endlessOfKey: endless });
    const reads = [...history].filter(({ f, type }) => f === 'read' && type === 'ok');
    const verdicts = reads.map(({ index, value }) => {
      const changed = [0, (((value as number[])[1] as number) + 1) % 5];
      const wrong = History.of(
        [...history].map((operation) => ({ ...operation, ...(operation.index === index && { value: changed }) })),
      );
      return [judge(wrong)['valid?'], passesExactly(wrong)];
    });
    expect(verdicts.map(([found]) => found)).toEqual(verdicts.map(([, exact]) => exact));
    expect(verdicts.filter(([found]) => found === false).length).toBeGreaterThan(10);
  });
});

/** Whether the calls on the one key are possible, with a frontier that is never narrowed. */
function passesExactly(history: History): boolean {
  const calls = collectCalls(
    history,
    [...history].map(({ index }) => index),
    { valueAt: unkeyedValueAt(history) },
  );
  const kinds = kindsOf(casRegisterModel, calls);
  const layout = layOut(calls, kinds);
  const rows = new Int32Array(1 + 2 * layout.words + layout.endless.length);
  const start = { position: 0, open: [], begun: new Int32Array(layout.endless.length), rows, isExact: true };
  const frontier = new Frontier(layout, { left: 1e9, bytesMax: 1e9 }, start);
  return calls.callAt.every((call, position) => {
    if (call < 0) return true;
    if (calls.starts[call] !== position) return frontier.end(call) === 'alive';
    if (calls.ends[call] !== NEVER || calls.history.functionAt(position) !== 'read') frontier.begin(call);
    return true;
  });
}

describe('calls', () => {
  it('of a process that overlaps itself are refused', () => {
    expect(() => callsOf(handwritten(invoke(0, 'read'), invoke(0, 'read')))).toThrow(
      'process 0 invokes 1 while 0 is open',
    );
    expect(() => callsOf(handwritten(ok(0, 'read', 1)))).toThrow('process 0 completes 0 without an invocation');
  });

  it('that never ended may take effect after everything else', () => {
    const late = [
      invoke(0, 'write', 1),
      info(0, 'write', 1),
      invoke(1, 'write', 2),
      ok(1, 'write', 2),
      invoke(1, 'read'),
    ];
    for (const [value, valid] of [
      [1, true],
      [2, true],
      [3, false],
    ] as const)
      expect(isLinearizable(callsOf(handwritten(...late, ok(1, 'read', value))), { model: casRegisterModel })).toBe(
        valid,
      );
  });
});
