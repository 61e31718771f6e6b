/** New work until the end of a run. */

import { describe, expect, it } from 'vitest';
import { type ActivityOptions, activityChecker, type CountWork } from '../../src/checkers/activity.ts';
import { type HandwrittenOperation, handwritten, nemesis, THREE_NODES } from '../support/histories.ts';

/** Work is what answers `new`. */
const isNew: CountWork = (f, value) => f === 'do' && value === 'new';

/** Operations of one process, each with its moment and how it ended. */
function operations(...told: readonly (readonly [atMs: number, value: string, type?: 'ok' | 'fail' | 'info'])[]) {
  return told.flatMap(([atMs, value, type = 'ok'], process): HandwrittenOperation[] => [
    { type: 'invoke', process, f: 'do', value: null, atMs },
    { type, process, f: 'do', value, atMs },
  ]);
}

const ALL: ActivityOptions = { end: Number.POSITIVE_INFINITY, operationsMs: 1000, isFaulty: false };

function check(history: readonly HandwrittenOperation[], options: Partial<ActivityOptions> = {}) {
  const checker = activityChecker(() => isNew, { ...ALL, ...options });
  return checker.check(THREE_NODES, handwritten(...history));
}

function many(count: number, atMs: number, value: string, type: 'ok' | 'fail' | 'info' = 'ok') {
  return Array.from({ length: count }, () => [atMs, value, type] as const);
}

const IDLE = 'operations that succeeded in the last third of the run did new work';

describe('the activity of a run', () => {
  it('is counted, in all and in the last third of the time', () => {
    const history = operations([0, 'new'], [500, 'old'], [666, 'new'], [667, 'new'], [1000, 'new'], [1000, 'old']);
    expect(check(history)).toEqual({
      'valid?': true,
      'work-count': 4,
      'last-third-count': 2,
      'last-third-fraction': 0.5,
    });
  });

  it('is none in a run in which nothing new was done', () => {
    const none = { 'valid?': true, 'work-count': 0, 'last-third-count': 0, 'last-third-fraction': 0 };
    expect(check([])).toEqual(none);
    expect(check(operations([0, 'old'], [900, 'old']))).toEqual(none);
  });

  it('is all in the last third if the only work was done there, and the last third begins at two thirds', () => {
    const one = { 'valid?': true, 'work-count': 1, 'last-third-count': 1, 'last-third-fraction': 1 };
    expect(check(operations([600, 'new']), { operationsMs: 900 })).toEqual(one);
  });

  it('is unknown when so much was answered in the last third and none of it was new', () => {
    const history = operations(...many(30, 0, 'new'), ...many(20, 900, 'old'));
    expect(check(history)).toEqual({
      'valid?': 'unknown',
      'work-count': 30,
      'last-third-count': 0,
      'last-third-fraction': 0,
      error: `the workload was idle: none of the 20 ${IDLE}`,
      summary: `The workload was idle: none of the 20 ${IDLE}.`,
    });
  });

  it('is told with separators where it is much', () => {
    const history = operations([0, 'new'], ...many(4210, 900, 'old'));
    expect(check(history).error).toBe(`the workload was idle: none of the 4,210 ${IDLE}`);
  });

  it.each([
    ['too few operations', operations([0, 'new'], ...many(19, 900, 'old'))],
    ['one that did', operations([0, 'new'], ...many(99, 900, 'old'), [900, 'new'])],
    ['failures', operations([0, 'new'], ...many(99, 900, 'old', 'fail'), ...many(99, 900, 'new', 'info'))],
    ['nothing', []],
    ['what was answered before', operations(...many(99, 0, 'old'), ...many(19, 900, 'old'))],
  ])('is good with %s in the last third', (_name, history) => {
    expect(check(history)).toMatchObject({ 'valid?': true });
    expect(check(history).error).toBeUndefined();
  });

  it('does not count what is asked after everything was healed', () => {
    const before = operations([0, 'new'], ...many(20, 900, 'old'));
    const history = [...before, ...operations(...many(50, 950, 'new')).map(later)];
    expect(check(history)).toMatchObject({ 'valid?': true, 'last-third-count': 50 });
    expect(check(history, { end: before.length })).toMatchObject({ 'valid?': 'unknown', 'work-count': 1 });
  });

  function later(operation: HandwrittenOperation): HandwrittenOperation {
    return { ...operation, process: (operation.process as number) + 1000 };
  }

  it('lasts as long as operations are begun, not until the last timeout', () => {
    const even = Array.from({ length: 100 }, (_, tenth) => [tenth * 10, 'new'] as const);
    const late = [...operations(...even), ...operations([6000, 'new', 'info']).map(later)];
    expect(check(late)).toEqual({
      'valid?': true,
      'work-count': 100,
      'last-third-count': 33,
      'last-third-fraction': 0.33,
    });
    const idle = [...operations([0, 'new'], ...many(20, 900, 'old')), ...operations([6000, 'new']).map(later)];
    expect(check(idle)).toMatchObject({ 'valid?': 'unknown', 'work-count': 1 });
  });

  it('lasts from its start, whenever the first operation and faults come', () => {
    const history = operations([600, 'new'], ...many(20, 900, 'old'));
    const faults = [nemesis('start-partition', null, 0), ...history, nemesis('stop-partition', null, 9000)];
    expect(check(faults)).toMatchObject({ 'valid?': 'unknown', 'work-count': 1 });
  });

  it('is judged anew every time', () => {
    let counters = 0;
    const checker = activityChecker(() => {
      counters++;
      return isNew;
    }, ALL);
    for (let time = 1; time <= 2; time++) {
      expect(checker.check(THREE_NODES, handwritten(...operations([0, 'new'])))).toMatchObject({ 'work-count': 1 });
      expect(counters).toBe(time);
    }
  });
});

describe('a service that stops answering', () => {
  const answered = operations(...many(19, 0, 'new'), [210, 'new']);
  const asked: HandwrittenOperation = { type: 'invoke', process: 99, f: 'do', value: null, atMs: 900 };
  const DEATH = 'operation succeeded in the last third of the run; the last one succeeded at 0.2 s';

  it('makes the verdict unknown', () => {
    expect(check([...answered, asked])).toEqual({
      'valid?': 'unknown',
      'work-count': 20,
      'last-third-count': 0,
      'last-third-fraction': 0,
      error: `no ${DEATH}`,
      summary: `No ${DEATH}.`,
    });
  });

  it.each<[string, readonly HandwrittenOperation[]]>([
    ['are without an answer since earlier', [{ ...asked, atMs: 300 }]],
    [
      'time out after an earlier request',
      [
        { ...asked, atMs: 300 },
        { ...asked, type: 'info', atMs: 5300 },
      ],
    ],
    ['fail', [asked, { ...asked, type: 'fail' }]],
    [
      'are open since earlier, whatever the nemesis did',
      [{ ...asked, atMs: 300 }, nemesis('start-partition', null, 400)],
    ],
  ])('is found if its requests in the last third %s', (_, last) => {
    expect(check([...answered, ...last])).toMatchObject({ 'valid?': 'unknown', error: `no ${DEATH}` });
  });

  it.each<[string, readonly HandwrittenOperation[], Partial<ActivityOptions>]>([
    ['nothing was asked in the last third', answered, {}],
    ['little was answered before', [...answered.slice(2), asked], {}],
    ['the answer came late', [...answered, asked, { ...asked, type: 'ok', atMs: 1100 }], {}],
    ['faults were injected', [...answered, asked], { isFaulty: true }],
    ['only final questions were asked', [...answered, asked], { end: answered.length }],
  ])('is not blamed if %s', (_, history, options) => {
    expect(check(history, options)).toMatchObject({ 'valid?': true });
    expect(check(history, options).error).toBeUndefined();
  });
});
