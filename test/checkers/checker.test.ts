/** The merging of verdicts, and what becomes of a checker that throws. */

import { describe, expect, it } from 'vitest';
import { type Checker, type CheckResult, compose, mergeValidity, type Validity } from '../../src/checkers/checker.ts';
import { History } from '../../src/history/history.ts';
import { THREE_NODES } from '../support/histories.ts';

const EMPTY = new History();

function always(result: CheckResult): Checker {
  return { check: () => result };
}

describe('mergeValidity', () => {
  it.each<[Validity[], Validity]>([
    [[], true],
    [[true], true],
    [[true, 'unknown'], 'unknown'],
    [['unknown', true], 'unknown'],
    [['unknown', false], false],
    [[false, 'unknown', true], false],
    [[true, false], false],
  ])('makes %j %j', (verdicts, expected) => {
    expect(mergeValidity(verdicts)).toBe(expected);
  });
});

describe('compose', () => {
  it('is valid without checkers', () => {
    expect(compose({}).check(THREE_NODES, EMPTY)).toEqual({ 'valid?': true });
  });

  it('gives every result under its name beside the merged verdict', () => {
    const checker = compose({
      stats: always({ 'valid?': true, count: 1 }),
      workload: always({ 'valid?': false, errors: ['e'] }),
    });
    expect(checker.check(THREE_NODES, EMPTY)).toEqual({
      stats: { 'valid?': true, count: 1 },
      workload: { 'valid?': false, errors: ['e'] },
      'valid?': false,
    });
  });

  it('hands the test and the history to every checker', () => {
    const checker = compose({ a: { check: (test, history) => ({ 'valid?': true, test, history }) } });
    const result = checker.check(THREE_NODES, EMPTY).a as CheckResult;
    expect(result.test).toBe(THREE_NODES);
    expect(result.history).toBe(EMPTY);
  });

  it('takes a checker that throws for unknown and still runs the others', () => {
    const throwing: Checker = {
      check() {
        throw new Error('no order among these ids');
      },
    };
    const result = compose({ throwing, other: always({ 'valid?': true }) }).check(THREE_NODES, EMPTY);
    expect(result).toEqual({
      throwing: {
        'valid?': 'unknown',
        error: expect.stringContaining('no order among these ids'),
        summary: 'Error: no order among these ids.',
      },
      other: { 'valid?': true },
      'valid?': 'unknown',
    });
  });

  it('lets a false outrank the unknown of a checker that throws', () => {
    const throwing: Checker = {
      check() {
        throw 'a text, not an error';
      },
    };
    const result = compose({ throwing, other: always({ 'valid?': false }) }).check(THREE_NODES, EMPTY);
    expect(result['valid?']).toBe(false);
    expect(result.throwing).toEqual({
      'valid?': 'unknown',
      error: 'a text, not an error',
      summary: 'A text, not an error.',
    });
  });
});
