/** Equal parts of values become one object, and nothing else does. */

import { describe, expect, it } from 'vitest';
import { Interning } from '../../../src/history/formats/interning.ts';
import { canonicalKey, parseExact } from '../../../src/protocol/exact-json.ts';
import { SeededRandom } from '../../../src/protocol/random.ts';

describe('a value', () => {
  it('is what it was, after any other', () => {
    const random = new SeededRandom('values');
    const draw = (depth: number): unknown => {
      const kind = random.integer(depth > 3 ? 6 : 9);
      if (kind === 0) return null;
      if (kind === 1) return random.integer(2) === 0;
      if (kind === 2) return random.pick(['', 'r', 'append', 'rr', 'ra']);
      if (kind === 3) return random.pick([-1, 0.5, 1e300, 2 ** 40, 2 ** 32 + 1]);
      if (kind === 4) return { a: random.integer(2) };
      if (kind === 5) return random.integer(4);
      return Array.from({ length: random.integer(4) }, () => draw(depth + 1));
    };
    const interning = new Interning();
    for (let round = 0; round < 5000; round++) {
      const value = draw(0);
      const before = canonicalKey(value);
      expect(canonicalKey(interning.intern(value))).toBe(before);
    }
  });

  it('shares its parts with equal ones from before', () => {
    const interning = new Interning();
    const [first, second] = ['[["r",5,[1,2]],["append",5,3]]', '[["append",5,3],["r",5,[1,2]]]'].map((text) =>
      interning.intern(parseExact(text)),
    ) as [unknown[], unknown[]];
    expect(second[0]).toBe(first[1]);
    expect(second[1]).toBe(first[0]);
    expect(interning.intern(parseExact('[["r",5,[1,2]],["append",5,3]]'))).toBe(first);
  });

  it.each([
    ['1', '1.0'],
    ['"1"', '1'],
    ['null', '[]'],
    ['[1]', '[[1]]'],
  ])('that is %s is not %s', (one, other) => {
    const interning = new Interning();
    const [first, second] = [one, other].map((text) => interning.intern(parseExact(`[${text}]`)));
    expect(first).not.toBe(second);
  });

  it('that is longer than any transaction is left alone', () => {
    const interning = new Interning();
    const long = Array.from({ length: 100 }, (_, index) => index);
    expect(interning.intern([...long])).not.toBe(interning.intern([...long]));
  });
});
