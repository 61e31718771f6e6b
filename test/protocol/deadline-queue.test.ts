import { describe, expect, it } from 'vitest';
import { DeadlineQueue, type Entry } from '../../src/protocol/deadline-queue.ts';
import { SeededRandom } from '../../src/protocol/random.ts';

function drain<T>(queue: DeadlineQueue<T>): Entry<T>[] {
  const entries: Entry<T>[] = [];
  for (let entry = queue.pop(); entry !== undefined; entry = queue.pop()) entries.push(entry);
  return entries;
}

describe('a deadline queue', () => {
  it('gives nothing when it is empty, and can be used again after that', () => {
    const queue = new DeadlineQueue<string>();
    expect(queue.pop()).toBeUndefined();
    queue.push(1, 'a');
    expect(queue.pop()).toMatchObject({ deadline: 1, value: 'a' });
    expect(queue.pop()).toBeUndefined();
    expect(queue.length).toBe(0);
  });

  it('gives the earliest deadline first', () => {
    const queue = new DeadlineQueue<string>();
    for (const deadline of [30, -10, 20.5, 0, 20]) queue.push(deadline, `at ${deadline}`);
    expect(queue.length).toBe(5);
    expect(drain(queue).map(({ value }) => value)).toEqual(['at -10', 'at 0', 'at 20', 'at 20.5', 'at 30']);
  });

  it('gives entries with equal deadlines in the order in which they came', () => {
    const queue = new DeadlineQueue<string>();
    queue.push(7, 'first');
    queue.push(7, 'second');
    queue.push(3, 'earlier');
    queue.push(7, 'third');
    expect(queue.pop()?.value).toBe('earlier');
    queue.push(7, 'fourth');
    expect(drain(queue).map(({ value }) => value)).toEqual(['first', 'second', 'third', 'fourth']);
  });

  it('gives nothing that was removed, and removes nothing twice', () => {
    const queue = new DeadlineQueue<string>();
    const [removeFirst, , removeLast] = [1, 2, 3].map((deadline) => queue.push(deadline, `at ${deadline}`));
    removeLast?.();
    removeFirst?.();
    removeFirst?.();
    expect(queue.length).toBe(1);
    expect(queue.pop()?.value).toBe('at 2');
    removeFirst?.();
    expect(queue.length).toBe(0);
  });

  it.each(['one', 'two', 'three'])(
    'does what a sorted list does, with pushes, pops and removals at random (seed %s)',
    (seed) => {
      const random = new SeededRandom(seed);
      const queue = new DeadlineQueue<number>();
      const model: { deadline: number; value: number }[] = [];
      const removals = new Map<number, () => void>();
      for (let step = 0; step < 5000; step++) {
        // Few deadlines make many ties; now and then the queue runs empty.
        if (random.integer(100) < (Math.floor(step / 500) % 2 === 0 ? 70 : 30)) {
          const entry = { deadline: random.integer(50), value: step };
          removals.set(step, queue.push(entry.deadline, entry.value));
          const after = model.findIndex(({ deadline }) => deadline > entry.deadline);
          model.splice(after < 0 ? model.length : after, 0, entry);
        } else if (model.length > 0 && random.integer(4) === 0) {
          const [removed] = model.splice(random.integer(model.length), 1);
          removals.get(removed?.value as number)?.();
        } else {
          const popped = queue.pop();
          expect(popped && { deadline: popped.deadline, value: popped.value }).toEqual(model.shift());
        }
        expect(queue.length).toBe(model.length);
      }
      expect(drain(queue).map(({ value }) => value)).toEqual(model.map(({ value }) => value));
    },
  );
});
