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

  it('counts the time of cuts that overlap once, until the last of them ends', () => {
    const history = handwritten(
      nemesis('start-partition', ISOLATED, 1000),
      nemesis('start-one-way', 'one', 1500),
      nemesis('start-one-way', ISOLATED, 2000),
      nemesis('stop-partition', null, 3000),
      nemesis('stop-partition', 'network-healed', 3000),
      nemesis('stop-one-way', null, 4000),
      nemesis('stop-one-way', 'network-healed', 4000),
      nemesis('start-bridge', ISOLATED, 6000),
      nemesis('stop-bridge', 'network-healed', 6500),
      invoke(0, 'echo', 'a', 9000),
    );
    const started = { partition: 1, 'one-way': 1, bridge: 1 };
    expect(check(history)).toEqual({ 'valid?': true, started, 'partition-seconds': 3.5 });
  });

  it('takes the end of a cut that never began for nothing', () => {
    const history = handwritten(
      nemesis('stop-partition', 'network-healed', 500),
      nemesis('start-partition', ISOLATED, 1000),
      nemesis('stop-partition', 'network-healed', 2000),
      invoke(0, 'echo', 'a', 9000),
    );
    expect(check(history)).toEqual({ 'valid?': true, started: { partition: 1 }, 'partition-seconds': 1 });
  });

  it('adds the messages that were hit, of each kind that hit any', () => {
    const fates = { loss: 3, duplicate: 0, reorder: 1 };
    const history = handwritten(nemesis('kill', { n1: 'killed' }));
    const { started } = faultsChecker(fates).check(THREE_NODES, history);
    expect(started).toEqual({ kill: 1, loss: 3, reorder: 1 });
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
