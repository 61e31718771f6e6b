import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../src/protocol/random.ts';
import { KeyedWrites } from '../../src/workloads/keyed-writes.ts';

const draw = (keyCount: number, writesOfKeyMax: number, count: number) => {
  const writes = new KeyedWrites({ keyCount, writesOfKeyMax });
  const random = new SeededRandom('writes');
  return Array.from({ length: count }, () => writes.draw(random));
};

describe('keyed writes', () => {
  it('write each value of a key once, from 1 to the most there may be', () => {
    const written = new Map<number, number[]>();
    for (const access of draw(3, 4, 3000)) {
      if (access.kind === 'write') written.set(access.key, [...(written.get(access.key) ?? []), access.value]);
    }
    const full = [...written.values()].filter((values) => values.length === 4);
    expect(full.length).toBeGreaterThan(300);
    for (const values of written.values()) expect(values).toEqual([1, 2, 3, 4].slice(0, values.length));
  });

  it('have so many keys in use at a time, and ever new ones', () => {
    const accesses = draw(3, 4, 3000);
    const keys = [...new Set(accesses.map(({ key }) => key))];
    const used = keys.map((key) => ({
      first: accesses.findIndex((access) => access.key === key),
      last: accesses.findLastIndex((access) => access.key === key),
    }));
    const inUse = accesses.map((_, at) => used.filter(({ first, last }) => first <= at && at <= last).length);
    expect(Math.max(...inUse)).toBe(3);
    expect(keys.length).toBeGreaterThan(300);
  });

  it('are half of all accesses, and hit the last key most, the one before half as often', () => {
    const accesses = draw(4, 1_000_000, 30_000);
    const share = (keep: (access: (typeof accesses)[number]) => boolean) => accesses.filter(keep).length / 30_000;
    expect(share(({ kind }) => kind === 'write')).toBeCloseTo(1 / 2, 1);
    for (const key of [0, 1, 2, 3]) expect(share((access) => access.key === key)).toBeCloseTo(2 ** key / 15, 1.5);
  });
});
