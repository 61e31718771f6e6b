/** Stats: counts by outcome, and a verdict that asks for one ok of every function. */

import { describe, expect, it } from 'vitest';
import { statsChecker } from '../../src/checkers/stats.ts';
import type { History } from '../../src/history/history.ts';
import {
  fail,
  type HandwrittenOperation,
  handwritten,
  info,
  invoke,
  nemesis,
  ok,
  THREE_NODES,
} from '../support/histories.ts';

function check(history: History) {
  return statsChecker().check(THREE_NODES, history);
}

const NOTHING = {
  'valid?': 'unknown',
  error: 'no operation was completed',
  summary: 'No operation was completed.',
  count: 0,
  'ok-count': 0,
  'fail-count': 0,
  'info-count': 0,
  'by-f': {},
};

describe('stats', () => {
  it('finds a run in which nothing happened unknown', () => {
    expect(check(handwritten())).toEqual(NOTHING);
  });

  it('finds a run in which nothing was completed unknown, also with faults', () => {
    expect(check(handwritten(nemesis('start-partition', 'one'), invoke(0, 'echo')))).toEqual(NOTHING);
  });

  it('accepts a run in which every function was ok once', () => {
    const history = handwritten(
      invoke(0, 'read'),
      fail(0, 'read'),
      invoke(0, 'read'),
      ok(0, 'read'),
      invoke(1, 'add'),
      nemesis('start-partition'),
      ok(1, 'add'),
      invoke(2, 'add'),
      info(2, 'add'),
    );
    const result = check(history);
    expect(result).toEqual({
      'valid?': true,
      count: 4,
      'ok-count': 2,
      'fail-count': 1,
      'info-count': 1,
      'by-f': {
        add: { 'valid?': true, count: 2, 'ok-count': 1, 'fail-count': 0, 'info-count': 1 },
        read: { 'valid?': true, count: 2, 'ok-count': 1, 'fail-count': 1, 'info-count': 0 },
      },
    });
    expect(Object.keys(result['by-f'] as object)).toEqual(['add', 'read']);
  });

  it('lists functions by their names, in whichever order they came', () => {
    const history = handwritten(...['b', 'a', 'd', 'c'].flatMap((f) => [invoke(0, f), ok(0, f)]));
    expect(Object.keys(check(history)['by-f'] as object)).toEqual(['a', 'b', 'c', 'd']);
  });

  it('rejects a function that was never ok', () => {
    const history = handwritten(
      invoke(0, 'read'),
      ok(0, 'read'),
      invoke(0, 'add'),
      fail(0, 'add'),
      invoke(1, 'add'),
      info(1, 'add'),
    );
    expect(check(history)).toEqual({
      'valid?': false,
      summary: 'No operation of the kind "add" ever succeeded.',
      count: 3,
      'ok-count': 1,
      'fail-count': 1,
      'info-count': 1,
      'by-f': {
        add: { 'valid?': false, count: 2, 'ok-count': 0, 'fail-count': 1, 'info-count': 1 },
        read: { 'valid?': true, count: 1, 'ok-count': 1, 'fail-count': 0, 'info-count': 0 },
      },
    });
  });

  it('rejects a run of which only the indefinite is known', () => {
    expect(check(handwritten(invoke(0, 'echo'), info(0, 'echo')))).toMatchObject({
      'valid?': false,
      count: 1,
      'info-count': 1,
    });
  });

  it.each(['crash', 'debug-topic-partitions'])('excuses %s from being ok', (f) => {
    const history = handwritten(invoke(0, 'send'), ok(0, 'send'), invoke(1, f), info(1, f));
    expect(check(history)).toMatchObject({ 'valid?': true, 'by-f': { [f]: { 'valid?': false } } });
  });

  it('tells which errors were answered, how often, and what the first of each said', () => {
    const answered = (f: string, ...error: unknown[]) => [invoke(0, f), { ...info(0, f), error }];
    const history = handwritten(
      ...answered('echo', 'abort', 'first'),
      ...answered('echo', 'abort', 'second'),
      ...answered('echo', 'unknown', undefined, 1234),
      ...answered('echo', 'unknown', { why: 'so' }, undefined),
      ...answered('echo', 'unknown', null, 4321),
      ...answered('echo', 'malformed-reply', 'no error that was answered'),
      invoke(0, 'echo'),
      { ...info(0, 'echo'), error: 'net-timeout' },
      ...answered('read', 'crash', 'x'.repeat(300)),
    );
    const { 'by-f': byFunction } = check(history) as unknown as { 'by-f': Record<string, { errors: object }> };
    expect(byFunction.echo?.errors).toEqual({
      'error 14 (abort)': { count: 2, text: 'first' },
      'error 1234': { count: 1 },
      'error 4321': { count: 1 },
      'an error without a code': { count: 1, text: '{"why":"so"}' },
    });
    expect(byFunction.read?.errors).toEqual({ 'error 13 (crash)': { count: 1, text: `${'x'.repeat(200)}…` } });
  });

  it('keeps a hundred kinds of errors of a node that makes up codes', () => {
    const operations = Array.from({ length: 150 }, (_, code) => [
      invoke(0, 'echo'),
      { ...info(0, 'echo'), error: ['unknown', null, 1000 + code] },
    ]).flat();
    const result = check(handwritten(...operations)) as unknown as { 'by-f': { echo: { errors: object } } };
    expect(Object.keys(result['by-f'].echo.errors)).toHaveLength(100);
  });

  describe('of a run that was healed', () => {
    const before = [invoke(0, 'read'), ok(0, 'read'), invoke(1, 'add'), info(1, 'add')];
    const checkHealed = (...after: readonly HandwrittenOperation[]) =>
      statsChecker(before.length).check(THREE_NODES, handwritten(...before, ...after));

    it('counts nothing that came afterwards', () => {
      expect(checkHealed(invoke(3, 'read'), fail(3, 'read'), invoke(4, 'add'), ok(4, 'add'))).toMatchObject({
        count: 2,
        'by-f': { add: { count: 1, 'ok-count': 0 }, read: { count: 1, 'fail-count': 0 } },
      });
    });

    it('counts no answer that came at the healing or later', () => {
      const late = handwritten(...before, invoke(2, 'read'), ok(2, 'read'));
      expect(statsChecker(5).check(THREE_NODES, late)).toMatchObject({ count: 2 });
      expect(statsChecker(6).check(THREE_NODES, late)).toMatchObject({ count: 3 });
    });

    it('accepts a function that was ok afterwards', () => {
      expect(checkHealed(invoke(4, 'add'), ok(4, 'add'))['valid?']).toBe(true);
    });

    it('rejects a function that was never ok', () => {
      expect(checkHealed(invoke(4, 'add'), info(4, 'add'), invoke(3, 'read'), ok(3, 'read'))['valid?']).toBe(false);
    });

    it('rejects it when nothing at all was ok before', () => {
      const history = handwritten(invoke(0, 'read'), info(0, 'read'), invoke(3, 'read'), ok(3, 'read'));
      expect(statsChecker(2).check(THREE_NODES, history)['valid?']).toBe(false);
    });

    it('finds it unknown when nothing was completed before', () => {
      const later = handwritten(invoke(0, 'read'), ok(0, 'read'));
      expect(statsChecker(0).check(THREE_NODES, later)['valid?']).toBe('unknown');
    });
  });
});

describe('a function that was never ok', () => {
  const lost = handwritten(invoke(0, 'read'), info(0, 'read'), invoke(1, 'add'), fail(1, 'add'));
  const judge = (...withChance: string[]) =>
    statsChecker(undefined, (f) => withChance.includes(f)).check(THREE_NODES, lost);

  it('is unknown where faults left it no chance', () => {
    expect(judge()).toMatchObject({
      'valid?': 'unknown',
      error: 'faults let no add, no read through: more clients, a longer run or fewer faults',
      'by-f': { add: { 'valid?': 'unknown' }, read: { 'valid?': 'unknown' } },
    });
  });

  it('is false if it fails after everything was healed, too', () => {
    const healed = handwritten(invoke(0, 'read'), info(0, 'read'), invoke(0, 'read'), info(0, 'read'));
    const judgeUntil = (end: number) => statsChecker(end, () => false).check(THREE_NODES, healed);
    expect(judgeUntil(2)).toMatchObject({ 'valid?': false, 'by-f': { read: { 'valid?': false, count: 1 } } });
    expect(judgeUntil(4)).toMatchObject({ 'valid?': 'unknown' });
  });

  it('is false if it had one, also if others had none', () => {
    expect(judge('add')).toMatchObject({
      'valid?': false,
      error: 'faults let no read through: more clients, a longer run or fewer faults',
      'by-f': { add: { 'valid?': false }, read: { 'valid?': 'unknown' } },
    });
    expect(judge('add', 'read')).toMatchObject({ 'valid?': false });
    expect(judge('add', 'read')).not.toHaveProperty('error');
  });
});
