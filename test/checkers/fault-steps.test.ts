import { describe, expect, it } from 'vitest';
import { beginStep, endStep, faultStep, hitTarget } from '../../src/checkers/fault-steps.ts';

describe('the steps of a fault', () => {
  it.each([
    ['kill', 'kill', 'start'],
    ['pause', 'pause', 'resume'],
    ['partition', 'start-partition', 'stop-partition'],
    ['clock-jump', 'start-clock-jump', 'stop-clock-jump'],
  ])('of %s are %s and %s, both ways', (kind, begin, end) => {
    expect([beginStep(kind), endStep(kind)]).toEqual([begin, end]);
    expect([faultStep(begin), faultStep(end)]).toEqual([
      { kind, does: 'begin' },
      { kind, does: 'end' },
    ]);
  });

  it('are not what clients do, nor a property that every object has', () => {
    for (const f of ['read', 'started', 'constructor', '']) expect(faultStep(f)).toBeUndefined();
    expect(beginStep('constructor')).toBe('start-constructor');
  });
});

it.each([
  [['n1'], true],
  [['isolated', { n1: ['n0'] }], true],
  [{ nodes: ['n1'], rate: 2 }, true],
  [[], false],
  [{ nodes: [] }, false],
  [null, false],
  ['majority', false],
])('a step with the value %j hit a target: %s', (value, expected) => {
  expect(hitTarget(value)).toBe(expected);
});
