/** The slots of a counter: the laws of merging, and what another node is sent. */

import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../../src/protocol/random.ts';
import { type Slot, Slots } from '../../../src/workloads/pn-counter/slots.ts';

const MAX = 1000;

function slotsWith(...slots: Slot[]): Slots {
  const made = new Slots();
  made.merge(slots);
  return made;
}

function drawSlots(random: SeededRandom): Slot[] {
  return Array.from(
    { length: random.integer(8) },
    (): Slot => [`n${random.integer(3)}`, `e${random.integer(2)}`, random.integer(5), random.integer(5)],
  );
}

function merged(...lists: Slot[][]): readonly Slot[] {
  const slots = new Slots();
  for (const list of lists) slots.merge(list);
  return slots.all();
}

describe('merging', () => {
  it('does not depend on order, on repetition or on who merged before', () => {
    const random = new SeededRandom('laws');
    for (let round = 0; round < 500; round++) {
      const [one, two, three] = [drawSlots(random), drawSlots(random), drawSlots(random)];
      const all = merged(one, two, three);
      expect(merged(three, one, two, one)).toEqual(all);
      expect(merged([...merged(one, two)], [...merged(two, three)])).toEqual(all);
      const slots = slotsWith(...one, ...two, ...three);
      expect(Number(slots.sum)).toBe(all.reduce((sum, [, , plus, minus]) => sum + plus - minus, 0));
    }
  });

  it('takes the larger of both sums, also where each side knows more of one', () => {
    const slots = slotsWith(['n1', 'e', 5, 1]);
    slots.merge([['n1', 'e', 3, 4]], 'n2');
    expect(slots.all()).toEqual([['n1', 'e', 5, 4]]);
    expect(slots.sum).toBe(1n);
  });

  it('is no change without news', () => {
    const slots = slotsWith(['n1', 'e', 5, 1]);
    const { version } = slots;
    for (const told of [
      ['n1', 'e', 5, 1],
      ['n1', 'e', 4, 0],
      ['n2', 'e', 0, 0],
    ] as Slot[]) {
      expect(slots.isNews(told)).toBe(false);
      slots.merge([told]);
    }
    expect(slots).toMatchObject({ version, count: 1 });
    expect(slots.isNews(['n1', 'e', 5, 2])).toBe(true);
    expect(slots.isNews(['n1', 'other', 1, 0])).toBe(true);
  });

  it('keeps lives and nodes apart', () => {
    const slots = new Slots();
    slots.add('n1', 'a', 4);
    slots.add('n1', 'b', -3);
    slots.add('n1 b', 'a', 2);
    slots.add('n1', 'a', 1);
    expect(slots.sum).toBe(4n);
    expect(slots.all()).toEqual(
      expect.arrayContaining([
        ['n1', 'a', 5, 0],
        ['n1', 'b', 0, 3],
        ['n1 b', 'a', 2, 0],
      ]),
    );
    expect(slots.count).toBe(3);
  });

  it('is exact where the sum is beyond the integers of JavaScript', () => {
    const { MAX_SAFE_INTEGER } = Number;
    const slots = slotsWith(['n1', 'e', MAX_SAFE_INTEGER, 0], ['n2', 'e', MAX_SAFE_INTEGER, 0]);
    slots.merge([['n2', 'f', 0, 3]]);
    expect(slots.sum).toBe(2n * BigInt(MAX_SAFE_INTEGER) - 3n);
  });
});

describe('the digest', () => {
  it('is the same for the same slots, and no other', () => {
    const [one, two]: Slot[] = [
      ['n1', 'e', 5, 1],
      ['n2', 'e', 1, 0],
    ];
    const { digest } = slotsWith(one as Slot, two as Slot);
    expect(slotsWith(two as Slot, one as Slot).digest).toBe(digest);
    const slots = slotsWith(one as Slot);
    expect(slots.digest).not.toBe(digest);
    slots.merge([two as Slot]);
    expect(slots.digest).toBe(digest);
    slots.add('n2', 'e', -1);
    expect(slots.digest).not.toBe(digest);
  });
});

describe('what another node is sent', () => {
  it('is what changed after a change, each once, as it is now', () => {
    const slots = slotsWith(['n1', 'e', 1, 0], ['n2', 'e', 1, 0]);
    const { version } = slots;
    expect(slots.changedAfter(0, undefined, MAX).slots).toEqual([
      ['n1', 'e', 1, 0],
      ['n2', 'e', 1, 0],
    ]);
    expect(slots.changedAfter(version, undefined, MAX)).toEqual({ slots: [], upTo: version, more: false });
    slots.add('n1', 'e', 1);
    slots.add('n1', 'e', 1);
    expect(slots.changedAfter(version, undefined, MAX)).toEqual({
      slots: [['n1', 'e', 3, 0]],
      upTo: version + 2,
      more: false,
    });
  });

  it('leaves out what that node told, until something else changes it', () => {
    const slots = new Slots();
    slots.merge([['n1', 'e', 4, 0]], 'n1');
    expect(slots.changedAfter(0, 'n1', MAX).slots).toEqual([]);
    expect(slots.changedAfter(0, 'n2', MAX).slots).toHaveLength(1);
    slots.merge([['n1', 'e', 3, 2]], 'n1');
    // n1 told of neither of the two sums together.
    expect(slots.changedAfter(0, 'n1', MAX).slots).toEqual([['n1', 'e', 4, 2]]);
  });

  it('comes in pages that miss nothing, also if something changes in between', () => {
    const slots = new Slots();
    for (let number = 0; number < 5; number++) slots.add(`n${number}`, 'e', 1);
    const first = slots.changedAfter(0, undefined, 2);
    expect(first).toMatchObject({ slots: [{ 0: 'n0' }, { 0: 'n1' }], more: true });
    slots.add('n0', 'e', 1);
    const second = slots.changedAfter(first.upTo, undefined, 2);
    expect(second).toMatchObject({ slots: [{ 0: 'n2' }, { 0: 'n3' }], more: true });
    const third = slots.changedAfter(second.upTo, undefined, 2);
    expect(third).toEqual({
      slots: [
        ['n4', 'e', 1, 0],
        ['n0', 'e', 2, 0],
      ],
      upTo: slots.version,
      more: false,
    });
  });
});
