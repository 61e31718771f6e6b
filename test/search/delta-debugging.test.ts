import { describe, expect, it } from 'vitest';
import { ddmin } from '../../src/search/delta-debugging.ts';

const NUMBERS = Array.from({ length: 4096 }, (_, index) => index);

/** What is left of all numbers, and in how many trials, when a predicate is kept true. */
async function minimize(fails: (kept: readonly number[]) => boolean, numbers: readonly number[] = NUMBERS) {
  let trials = 0;
  const kept = await ddmin(numbers, async (candidate) => {
    trials++;
    return fails(candidate);
  });
  return { kept, trials };
}

describe('delta debugging', () => {
  it('finds out in one trial that nothing matters', async () => {
    expect(await minimize(() => true)).toEqual({ kept: [], trials: 1 });
    expect(await minimize(() => false, [])).toEqual({ kept: [], trials: 0 });
  });

  it('finds the one, two or three that matter among thousands in few trials', async () => {
    for (const wanted of [[2718], [0, 4095], [1, 2, 3], [17, 1000, 3000]]) {
      const { kept, trials } = await minimize((candidate) => wanted.every((number) => candidate.includes(number)));
      expect(kept).toEqual(wanted);
      expect(trials).toBeLessThan(12 * 3 * (wanted.length + 1));
    }
  });

  it('keeps all where all matter', async () => {
    const few = NUMBERS.slice(0, 9);
    expect((await minimize((candidate) => candidate.length === 9, few)).kept).toEqual(few);
  });

  it('leaves nothing that could be left out by itself, also where a part fails and the whole of it does not', async () => {
    const fails = (kept: readonly number[]) =>
      kept.length % 3 === 1 || kept.filter((number) => number % 7 === 0).length > 4;
    const { kept } = await minimize(fails, NUMBERS.slice(0, 100));
    expect(fails(kept)).toBe(true);
    const without = kept.map((_, index) => kept.toSpliced(index, 1)).filter((rest) => rest.length > 0);
    expect(without.filter(fails)).toEqual([]);
  });

  it('ends with the best so far when it is told to', async () => {
    let trials = 0;
    const fails = async (kept: readonly number[]) => {
      trials++;
      return kept.includes(5);
    };
    const kept = await ddmin(NUMBERS, fails, () => trials >= 4);
    expect(trials).toBe(4);
    expect(kept).toHaveLength(2048);
    expect(kept).toContain(5);
  });
});
