/** Faults: what was done counts, what was announced does not. */

import { describe, expect, it } from 'vitest';
import { faultsChecker } from '../../src/checkers/nemesis.ts';
import type { History } from '../../src/history/history.ts';
import { handwritten, info, invoke, nemesis, ok, THREE_NODES } from '../support/histories.ts';

const ISOLATED = ['isolated', { n0: ['n1', 'n2'], n1: ['n0'], n2: ['n0'] }];

function check(history: History) {
  return faultsChecker().check(THREE_NODES, history);
}

describe('faults', () => {
  it('finds none in an empty run or one without a nemesis', () => {
    const none = { 'valid?': true, started: {}, 'partition-seconds': 0 };
    expect(check(handwritten())).toEqual(none);
    expect(check(handwritten(invoke(0, 'echo', ISOLATED), ok(0, 'echo', ISOLATED)))).toEqual(none);
    expect(check(handwritten(invoke(0, 'start-partition', ISOLATED), info(0, 'start-partition', ISOLATED)))).toEqual(
      none,
    );
  });

  it('does not take an announcement for a fault', () => {
    const history = handwritten(
      nemesis('start-partition', 'one'),
      nemesis('start-partition', null),
      nemesis('stop-partition', null),
    );
    expect(check(history)).toEqual({ 'valid?': true, started: {}, 'partition-seconds': 0 });
  });

  it('counts faults, and the time from the grudge to the healing', () => {
    const history = handwritten(
      nemesis('start-partition', 'one', 0),
      nemesis('start-partition', ISOLATED, 100),
      nemesis('stop-partition', null, 1500),
      nemesis('stop-partition', 'network-healed', 1600),
      nemesis('kill', 'one', 1700),
      nemesis('kill', { n1: 'killed' }, 1710),
      nemesis('start', { n1: 'started' }, 1800),
      nemesis('start-partition', 'majority', 2000),
      nemesis('start-partition', ISOLATED, 2000),
      nemesis('stop-partition', null, 2250),
      nemesis('stop-partition', 'network-healed', 2250),
      nemesis('stop-partition', 'network-healed', 9000),
    );
    expect(check(history)).toEqual({ 'valid?': true, started: { partition: 2, kill: 1 }, 'partition-seconds': 1.75 });
  });

  it('counts the time of a partition that lasts to the end, and of one that replaces another', () => {
    const history = handwritten(
      nemesis('start-partition', ISOLATED, 1000),
      nemesis('start-partition', ISOLATED, 2000),
      invoke(0, 'echo', 'a', 2500),
      info(0, 'echo', 'a', 4000),
    );
    expect(check(history)).toEqual({ 'valid?': true, started: { partition: 2 }, 'partition-seconds': 3 });
  });
});
