import { describe, expect, it } from 'vitest';
import { Unanswered } from '../../src/simulator/unanswered.ts';

describe('unanswered requests', () => {
  it('are struck off once for each time they came', () => {
    const unanswered = new Unanswered();
    unanswered.add('c1', 7);
    unanswered.add('c1', 7);
    unanswered.add('c2', 7);
    expect([unanswered.take('c1', 7), unanswered.take('c1', 7), unanswered.take('c1', 7)]).toEqual([true, true, false]);
    expect(unanswered.has('c2', 7)).toBe(true);
    expect(unanswered.take('c2', 8)).toBe(false);
    expect(unanswered.take('c3', 7)).toBe(false);
  });

  it('pass to another list with all their counts, and leave none behind', () => {
    const [one, other] = [new Unanswered(), new Unanswered()];
    one.add('n1', 1);
    one.add('n1', 1);
    other.add('n1', 1);
    one.moveTo(other);
    expect(one.has('n1', 1)).toBe(false);
    expect([1, 2, 3, 4].map(() => other.take('n1', 1))).toEqual([true, true, true, false]);
  });
});
