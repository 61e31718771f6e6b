/** A history returns what was put in, also across the chunks of its columns. */

import { describe, expect, it } from 'vitest';
import { History } from '../../src/history/history.ts';
import { NEMESIS, type OperationEntry } from '../../src/history/operation.ts';

const CHUNK_LENGTH = 1 << 14;

function entry(number: number): OperationEntry {
  return {
    time: number * 1000,
    type: number % 2 === 0 ? 'invoke' : 'ok',
    process: number % 7,
    f: `f${number % 3}`,
    value: { number },
  };
}

function entries(count: number): OperationEntry[] {
  return Array.from({ length: count }, (_, index) => entry(index));
}

describe('history', () => {
  it('is empty at first', () => {
    const history = new History();
    expect(history.length).toBe(0);
    expect([...history]).toEqual([]);
    expect(() => history.at(0)).toThrow(RangeError);
  });

  it('numbers operations from 0 and returns every field', () => {
    const history = new History();
    const invocation: OperationEntry = { time: 5, type: 'invoke', process: 3, f: 'echo', value: 'x' };
    const failure: OperationEntry = {
      time: 5_198_545_668,
      type: 'fail',
      process: 3,
      f: 'echo',
      value: 'x',
      error: ['abort', 'no'],
    };
    expect(history.append(invocation)).toBe(0);
    expect(history.append(failure)).toBe(1);
    expect(history.at(0)).toStrictEqual({ index: 0, ...invocation });
    expect(history.at(1)).toStrictEqual({ index: 1, ...failure });
  });

  it('keeps values of every JSON type, and the error of the right operation', () => {
    const values = [null, false, 0, '', [], {}, [1, { a: null }]];
    const history = History.of(values.map((value) => ({ time: 0, type: 'info', process: 0, f: 'f', value })));
    history.append({ time: 1, type: 'info', process: 1, f: 'f', value: null, error: 'net-timeout' });
    expect([...history].slice(0, values.length).map((operation) => operation.value)).toEqual(values);
    expect([...history].map((operation) => operation.error)).toEqual([...values.map(() => undefined), 'net-timeout']);
    expect(history.at(0)).not.toHaveProperty('error');
  });

  it.each([CHUNK_LENGTH - 1, CHUNK_LENGTH, CHUNK_LENGTH + 1, 2 * CHUNK_LENGTH + 3])(
    'iterates over %i operations in order',
    (count) => {
      const history = History.of(entries(count));
      expect(history.length).toBe(count);
      let next = 0;
      for (const operation of history) {
        if (operation.index !== next || (operation.value as { number: number }).number !== next) break;
        next++;
      }
      expect(next).toBe(count);
    },
  );

  it('finds operations on both sides of the end of a chunk', () => {
    const history = History.of(entries(2 * CHUNK_LENGTH + 1));
    for (const index of [0, CHUNK_LENGTH - 1, CHUNK_LENGTH, 2 * CHUNK_LENGTH - 1, 2 * CHUNK_LENGTH]) {
      expect(history.at(index)).toStrictEqual({ index, ...entry(index) });
    }
  });

  it('keeps errors beyond the first chunk', () => {
    const history = History.of(entries(CHUNK_LENGTH));
    history.append({ ...entry(CHUNK_LENGTH), error: 'net-timeout' });
    expect(history.at(CHUNK_LENGTH).error).toBe('net-timeout');
    expect(history.at(0).error).toBeUndefined();
  });

  it('rejects an index outside of it', () => {
    const history = History.of(entries(2));
    for (const index of [-1, 2, CHUNK_LENGTH, Number.NaN]) expect(() => history.at(index)).toThrow(RangeError);
  });

  it('leaves the nemesis out of the operations of clients', () => {
    const history = History.of([
      entry(0),
      { time: 1, type: 'info', process: NEMESIS, f: 'start-partition', value: 'one' },
      { time: 2, type: 'info', process: 1, f: 'echo', value: null },
    ]);
    expect(history.at(1).process).toBe(NEMESIS);
    expect([...history.clientOperations()].map((operation) => operation.index)).toEqual([0, 2]);
  });
});
