/** Pairs: an invocation with the next operation of its process, and nothing for the nemesis or for what was cut off. */

import { describe, expect, it } from 'vitest';
import { operationPairs } from '../../src/checkers/pairs.ts';
import type { History } from '../../src/history/history.ts';
import { fail, handwritten, info, invoke, nemesis, ok } from '../support/histories.ts';

function indexes(history: History): [number, number][] {
  return [...operationPairs(history)].map(({ invocation, completion }) => [invocation.index, completion.index]);
}

describe('operationPairs', () => {
  it('finds none in an empty history', () => {
    expect(indexes(handwritten())).toEqual([]);
  });

  it('pairs by process, in the order of the completions, of all types', () => {
    const history = handwritten(
      invoke(0, 'a'),
      invoke(1, 'a'),
      nemesis('start-partition'),
      invoke(2, 'a'),
      fail(1, 'a'),
      ok(0, 'a'),
      invoke(0, 'a'),
      info(2, 'a'),
      ok(0, 'a'),
      invoke(5, 'a'),
    );
    expect(indexes(history)).toEqual([
      [1, 4],
      [0, 5],
      [3, 7],
      [6, 8],
    ]);
  });

  it('rejects a process that invokes while it is busy', () => {
    expect(() => indexes(handwritten(invoke(0, 'a'), invoke(0, 'a')))).toThrow('process 0 invokes 1 while 0 is open');
  });

  it('rejects a completion without an invocation', () => {
    expect(() => indexes(handwritten(invoke(0, 'a'), ok(0, 'a'), ok(0, 'a')))).toThrow(
      'process 0 completes 2 without an invocation',
    );
  });
});
