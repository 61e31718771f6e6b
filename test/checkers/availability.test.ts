/** Availability: the fraction of what was invoked that ended ok. */

import { describe, expect, it } from 'vitest';
import { availabilityChecker, availabilityResult } from '../../src/checkers/availability.ts';
import type { TestFacts } from '../../src/checkers/checker.ts';
import type { History } from '../../src/history/history.ts';
import { fail, handwritten, info, invoke, nemesis, ok, THREE_NODES, withoutEvidence } from '../support/histories.ts';

function check(history: History, availability?: TestFacts['availability']) {
  const facts = availability === undefined ? THREE_NODES : { ...THREE_NODES, availability };
  return withoutEvidence(availabilityChecker().check(facts, history));
}

const HALF = handwritten(
  invoke(0, 'echo'),
  nemesis('start-partition'),
  ok(0, 'echo'),
  invoke(1, 'echo'),
  info(1, 'echo'),
);

describe('availability', () => {
  it.each([undefined, 'total', 1, 0.5] as const)(
    'accepts a run in which nothing was invoked when %s is asked for',
    (availability) => {
      expect(check(handwritten(nemesis('start-partition')), availability)).toEqual({
        'valid?': true,
        'ok-fraction': 1,
      });
    },
  );

  it('reports the fraction and accepts it when nothing is asked for', () => {
    expect(check(HALF)).toEqual({ 'valid?': true, 'ok-fraction': 0.5 });
  });

  it('accepts total availability', () => {
    expect(check(handwritten(invoke(0, 'echo'), ok(0, 'echo')), 'total')).toEqual({ 'valid?': true, 'ok-fraction': 1 });
  });

  it('accepts the very fraction that is asked for', () => {
    expect(check(HALF, 0.5)).toEqual({ 'valid?': true, 'ok-fraction': 0.5 });
    expect(check(handwritten(), 0)).toEqual({ 'valid?': true, 'ok-fraction': 1 });
  });

  it('rejects less than the fraction that is asked for', () => {
    expect(check(HALF, 0.51)).toEqual({ 'valid?': false, 'ok-fraction': 0.5 });
    expect(check(HALF, 'total')).toEqual({ 'valid?': false, 'ok-fraction': 0.5 });
  });

  it('does not count what comes after the end', () => {
    const healed = handwritten(invoke(0, 'echo'), fail(0, 'echo'), invoke(0, 'echo'), ok(0, 'echo'));
    const fractions = [1, 2, 3, 4].map((end) => availabilityChecker(end).check(THREE_NODES, healed)['ok-fraction']);
    expect(fractions).toEqual([0, 0, 0, 0.5]);
  });

  it('rejects a failure under total availability', () => {
    expect(check(handwritten(invoke(0, 'echo'), fail(0, 'echo')), 'total')).toEqual({
      'valid?': false,
      'ok-fraction': 0,
    });
  });

  it('rejects an operation that the end of the run cut off under total availability', () => {
    expect(check(handwritten(invoke(0, 'echo'), ok(0, 'echo'), invoke(0, 'echo')), 'total')).toEqual({
      'valid?': false,
      'ok-fraction': 0.5,
    });
  });

  it.each([1e7, 1e8, 1e9])('rejects one short of total in %i, where a 32-bit float may see none', (invoked) => {
    expect(withoutEvidence(availabilityResult('total', invoked - 1, invoked))).toEqual({
      'valid?': false,
      'ok-fraction': (invoked - 1) / invoked,
    });
    expect(availabilityResult(1, invoked - 1, invoked)['valid?']).toBe(false);
    expect(availabilityResult('total', invoked, invoked)['valid?']).toBe(true);
  });

  it('accepts 9 of 10 for 0.9, where a 32-bit float sees less', () => {
    expect(Math.fround(9 / 10)).toBeLessThan(0.9);
    expect(withoutEvidence(availabilityResult(0.9, 9, 10))).toEqual({ 'valid?': true, 'ok-fraction': 0.9 });
  });

  it('says in the summary of a bad run how much was ok', () => {
    const { summary } = availabilityResult('total', 2, 3);
    expect(summary).toBe('Only 0.666667 of all operations were ok.');
    expect(availabilityResult('total', 9_999_999, 1e7).summary).toBe('Only 0.9999999 of all operations were ok.');
    expect(availabilityResult(0.5, 2, 3)).not.toHaveProperty('summary');
  });
});
