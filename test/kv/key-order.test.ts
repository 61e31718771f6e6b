import { describe, expect, it } from 'vitest';
import { compareKeys, KeyOrder } from '../../src/kv/key-order.ts';
import { SeededRandom } from '../../src/protocol/random.ts';

const byBytes = (one: string, other: string) => Buffer.compare(Buffer.from(one), Buffer.from(other));

describe('keys in order', () => {
  it('are found as in a sorted list, after any additions and removals', () => {
    const random = new SeededRandom('keys');
    const parts = ['a', 'b/', 'é', '\uffee', '😀', '/'];
    const draw = () => Array.from({ length: random.integer(5) }, () => random.pick(parts)).join('');
    for (const runLength of [2, 3, 8]) {
      const order = new KeyOrder(runLength);
      const keys = new Set<string>();
      for (let step = 0; step < 3000; step++) {
        const key = draw();
        // It grows first, and shrinks to nothing at the end.
        const shrinks = step > 2000 && keys.size > 0;
        const gone = shrinks ? random.pick([...keys]) : key;
        if (keys.delete(gone)) order.remove(gone);
        else {
          keys.add(key);
          order.add(key);
        }
        // Sorting them anew takes long.
        if (step % 8 > 0) continue;
        const prefix = random.pick(['', '', draw()]);
        const after = random.pick([undefined, draw()]);
        const max = 1 + random.integer(6);
        const expected = [...keys]
          .filter((each) => each.startsWith(prefix) && (after === undefined || byBytes(each, after) > 0))
          .sort(byBytes);
        expect(order.find(prefix, after, max)).toEqual(expected.slice(0, max));
      }
    }
  });
});

it('keys are compared by their UTF-8 bytes', () => {
  const keys = ['', 'a', 'aa', 'b', 'é', '\ud7ff', '\ue000', '\uffee', '😀', '😀a', '😁', '𝒳'];
  const byBytes = keys.toSorted((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
  expect(keys.toSorted(compareKeys)).toEqual(byBytes);
  for (const key of keys) expect(compareKeys(key, key)).toBe(0);
});
