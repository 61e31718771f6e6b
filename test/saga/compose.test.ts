/** How a group of steps changes one version of their participant. */

import { describe, expect, it } from 'vitest';
import { compose, type WantedStep } from '../../src/saga/compose.ts';
import { SAGA_LIMITS } from '../../src/saga/limits.ts';
import { MARKING, type Mark, type ParticipantRecord } from '../../src/saga/marks.ts';
import { Refusal } from '../../src/saga/plan.ts';

interface Box {
  readonly count: number;
}

type Step = WantedStep<Box>;

const MARKS_MAX = SAGA_LIMITS.marks;
const RULES = { marking: MARKING, isFinished: () => false, marksMax: MARKS_MAX };

/** Takes one out, as long as there is one; undone by putting it back. */
function take(saga: string, own: Partial<Step> = {}, compensable = true): Step {
  const change = (box?: Box) =>
    box === undefined || box.count === 0 ? new Refusal('empty') : { count: box.count - 1 };
  return { turn: { saga, step: 0, compensable }, what: 'act', change, ...own };
}

function undo(saga: string): Step {
  return take(saga, { what: 'undo', change: (box) => ({ count: (box?.count ?? 0) + 1 }) });
}

function box(count: number, ...marks: Mark[]): ParticipantRecord<Box> {
  return { content: { count }, marks };
}

describe('steps of one group', () => {
  it('are taken one after the other, each with its mark', () => {
    const group = [take('a'), take('b')];
    const { taken, refused, settled, putOff, next } = compose(box(5), group, RULES);
    expect([taken, refused.size, settled.size, putOff]).toEqual([group, 0, 0, []]);
    expect(next(7)).toEqual(box(3, ['a', 0, 'applied', 0], ['b', 0, 'applied', 0]));
  });

  it('are refused if those before them leave too little', () => {
    const [one, other] = [take('a'), take('b')];
    const { taken, refused, next } = compose(box(1), [one, other], RULES);
    expect([taken, refused.get(other)]).toEqual([[one], new Refusal('empty')]);
    expect(next(2)).toEqual(box(0, ['a', 0, 'applied', 0]));
  });

  it.each([
    ['taken before', 'applied', 0, 'act', 'done'],
    ['undone before', 'undone', 0, 'act', 'overtaken'],
    ['undone twice', 'undone', 0, 'undo', 'done'],
    ['of a saga that has ended', 'applied', 3, 'act', 'overtaken'],
    ['to be undone, of a saga that has ended', 'applied', 3, 'undo', 'overtaken'],
  ] as const)('are settled by their marks: %s', (_, became, endedVer, what, outcome) => {
    const step = what === 'act' ? take('a') : undo('a');
    const { settled, taken } = compose(box(5, ['a', 0, became, endedVer]), [step], RULES);
    expect([settled.get(step), taken]).toEqual([outcome, []]);
  });

  it('are undone, and their marks show it', () => {
    const { taken, next } = compose(box(4, ['a', 0, 'applied', 0]), [undo('a')], RULES);
    expect(taken).toHaveLength(1);
    expect(next(2)).toEqual(box(5, ['a', 0, 'undone', 0]));
  });

  it('leave only a tombstone if they are undone before they were taken', () => {
    expect(compose(box(5), [undo('a')], RULES).next(2)).toEqual(box(5, ['a', 0, 'undone', 0]));
    const step = undo('a');
    const without = compose(box(5), [step], { ...RULES, marking: { ...MARKING, tombstones: false } });
    expect([without.settled.get(step), without.next(2)]).toEqual(['done', box(5)]);
  });

  it('are deferred if another entry of the group is the same step', () => {
    const [one, twin, back] = [take('a'), take('a'), undo('a')];
    const { taken, putOff, next } = compose(box(5), [one, twin, back], RULES);
    expect([taken, putOff]).toEqual([[one], [twin, back]]);
    expect(next(2)).toEqual(box(4, ['a', 0, 'applied', 0]));
  });

  it('are deferred if there is no room for more marks, unless they are undone or after the pivot', () => {
    const marks = Array.from({ length: MARKS_MAX - 1 }, (_, number): Mark => [`s${number}`, 0, 'applied', 0]);
    const [first, second, credit] = [take('a'), take('b'), take('c', {}, false)];
    const [back, tombstone] = [undo('s1'), undo('d')];
    const { taken, putOff } = compose(box(5, ...marks), [first, second, credit, back, tombstone], RULES);
    expect([taken, putOff]).toEqual([[first, credit, back, tombstone], [second]]);
    const finished = compose(box(5, ...marks), [first, second], { ...RULES, isFinished: (saga) => saga === 's0' });
    expect(finished.taken).toEqual([first, second]);
  });

  it('end the marks of finished sagas with the version that they make', () => {
    const record = box(5, ['old', 0, 'applied', 0]);
    const { next } = compose(record, [take('a')], { ...RULES, isFinished: (saga) => saga === 'old' });
    expect(next(9).marks).toEqual([
      ['old', 0, 'applied', 9],
      ['a', 0, 'applied', 0],
    ]);
  });

  it('do not change their input', () => {
    const record = box(5, ['b', 0, 'applied', 0]);
    compose(record, [take('a'), undo('b')], RULES).next(2);
    expect(record).toEqual(box(5, ['b', 0, 'applied', 0]));
  });
});
