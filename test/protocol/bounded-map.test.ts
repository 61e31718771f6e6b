import { describe, expect, it } from 'vitest';
import { BoundedMap } from '../../src/protocol/bounded-map.ts';

describe('a bounded map', () => {
  const filled = () => {
    const map = new BoundedMap<string, number>(3);
    for (const [index, key] of ['a', 'b', 'c'].entries()) map.set(key, index);
    return map;
  };

  it('remembers entries up to its limit', () => {
    const map = filled();
    expect([map.size, map.get('a'), map.get('b'), map.get('c'), map.get('d')]).toEqual([3, 0, 1, 2, undefined]);
    expect([map.has('a'), map.has('d')]).toEqual([true, false]);
  });

  it('forgets the oldest for a new one', () => {
    const map = filled();
    map.set('d', 3);
    expect([map.size, map.has('a'), map.has('b'), map.has('d')]).toEqual([3, false, true, true]);
    map.set('e', 4);
    expect([map.size, map.has('b'), map.has('c')]).toEqual([3, false, true]);
  });

  it('forgets nothing when a known key is set, which keeps its age', () => {
    const map = filled();
    map.set('a', 7);
    expect([map.size, map.get('a'), map.get('b')]).toEqual([3, 7, 1]);
    map.set('d', 3);
    expect(map.has('a')).toBe(false);
  });
});
