/** Pairs: an invocation with the next operation of its process, and nothing for the nemesis or for what was cut off. */

import { describe, expect, it } from 'vitest';
import { indexInvocations, invocationsOf, operationPairs } from '../../src/checkers/pairs.ts';
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

const SOME = handwritten(
  invoke(0, 'a'),
  nemesis('start-partition'),
  invoke(1, 'a'),
  ok(1, 'a'),
  invoke(1, 'a'),
  fail(0, 'a'),
);

describe('invocationsOf', () => {
  it('finds the invocations of completions, and none of what is no completion', () => {
    expect([...invocationsOf(SOME, new Set([3, 5]))]).toEqual([
      [3, 2],
      [5, 0],
    ]);
    expect([...invocationsOf(SOME, new Set([5, 1, 4, 9]))]).toEqual([[5, 0]]);
  });

  it('does not read the history if nothing is asked for', () => {
    const overlapping = handwritten(invoke(0, 'a'), invoke(0, 'a'));
    expect([...invocationsOf(overlapping, new Set())]).toEqual([]);
    expect(() => invocationsOf(overlapping, new Set([1]))).toThrow('process 0 invokes 1 while 0 is open');
  });
});

describe('indexInvocations', () => {
  it('are in their own order, each with its completion if it has one', () => {
    expect([...indexInvocations(SOME)]).toEqual([
      { invocation: 0, completion: 5 },
      { invocation: 2, completion: 3 },
      { invocation: 4, completion: undefined },
    ]);
    expect([...indexInvocations(handwritten(invoke(0, 'a'), ok(0, 'a')))]).toEqual([{ invocation: 0, completion: 1 }]);
  });
});
