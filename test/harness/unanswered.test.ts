import { describe, expect, it } from 'vitest';
import { Unanswered } from '../../src/harness/unanswered.ts';
import { SeededRandom } from '../../src/protocol/random.ts';

describe('unanswered requests', () => {
  it('are removed once for each time they came', () => {
    const unanswered = new Unanswered();
    unanswered.add('c1', 7);
    unanswered.add('c1', 7);
    unanswered.add('c2', 7);
    expect([unanswered.take('c1', 7), unanswered.take('c1', 7), unanswered.take('c1', 7)]).toEqual([true, true, false]);
    expect(unanswered.has('c2', 7)).toBe(true);
    expect(unanswered.take('c2', 8)).toBe(false);
    expect(unanswered.take('c3', 7)).toBe(false);
  });

  it('stay separate when a peer has several open', () => {
    const random = new SeededRandom('unanswered');
    const unanswered = new Unanswered();
    const expected: number[] = [];
    for (let step = 0; step < 5000; step++) {
      const id = random.integer(6);
      const place = expected.indexOf(id);
      expect(unanswered.has('n1', id)).toBe(place >= 0);
      if (random.integer(2) === 0) {
        unanswered.add('n1', id);
        expected.push(id);
      } else {
        expect(unanswered.take('n1', id)).toBe(place >= 0);
        if (place >= 0) expected.splice(place, 1);
      }
    }
    const other = new Unanswered();
    unanswered.moveTo(other);
    for (const id of expected) expect(other.take('n1', id)).toBe(true);
    for (let id = 0; id < 6; id++) expect(other.has('n1', id)).toBe(false);
  });

  it('move to another list with all their counts, and leave none behind', () => {
    const [one, other] = [new Unanswered(), new Unanswered()];
    one.add('n1', 1);
    one.add('n1', 1);
    other.add('n1', 1);
    one.moveTo(other);
    expect(one.has('n1', 1)).toBe(false);
    expect([1, 2, 3, 4].map(() => other.take('n1', 1))).toEqual([true, true, true, false]);
  });
});
