/** How marks are found, written, ended and removed, and that a missing one proves what the desk concludes from it. */

import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { SeededRandom } from '../../src/protocol/random.ts';
import { GRACE_VERSIONS, isEnded, MARKING, type Mark, NotTaken, participantSchema } from '../../src/saga/marks.ts';

const { find, put, tidy } = MARKING;
const NONE_FINISHED = () => false;

describe('the proof that a step was not taken', () => {
  it('is enough for versions in which its mark must still be there, and for no other', () => {
    const known = new NotTaken(5);
    expect(known.isEnoughFor(5)).toBe(true);
    expect(known.isEnoughFor(5 + GRACE_VERSIONS - 1)).toBe(true);
    expect(known.isEnoughFor(5 + GRACE_VERSIONS)).toBe(false);
  });

  it('extends with each version that has no mark of it', () => {
    const known = new NotTaken(undefined);
    expect(known.isEnoughFor(0)).toBe(false);
    known.reach(5);
    known.reach(5 + GRACE_VERSIONS - 1);
    expect(known.isEnoughFor(5 + 2 * GRACE_VERSIONS - 2)).toBe(true);
  });
});

describe('a mark', () => {
  const marks: readonly Mark[] = [
    ['a', 0, 'applied', 0],
    ['a', 1, 'undone', 7],
    ['b', 0, 'applied', 0],
  ];

  it('is found by its saga and its step', () => {
    expect(find(marks, 'a', 1)).toEqual(['a', 1, 'undone', 7]);
    expect(find(marks, 'b', 0)).toEqual(['b', 0, 'applied', 0]);
    expect(find(marks, 'b', 1)).toBeUndefined();
    expect(find([], 'a', 0)).toBeUndefined();
  });

  it('replaces an earlier one of the same step, and no other', () => {
    expect(put(marks, 'a', 0, 'undone')).toEqual([marks[1], marks[2], ['a', 0, 'undone', 0]]);
    expect(put(marks, 'c', 2, 'applied')).toEqual([...marks, ['c', 2, 'applied', 0]]);
    expect(marks).toHaveLength(3);
  });

  it('is ended when a version is written', () => {
    expect(isEnded(['a', 0, 'applied', 0])).toBe(false);
    expect(isEnded(['a', 0, 'undone', 1])).toBe(true);
  });

  it('is accepted by the schema of the store, and nothing else is', () => {
    const schema = participantSchema(z.object({ balance: z.int() }));
    const record = { content: { balance: 5 }, marks };
    expect(schema.parse(record)).toEqual(record);
    expect(schema.parse({ content: null, marks: [] })).toEqual({ content: null, marks: [] });
    for (const wrong of [
      ['a', -1, 'applied', 0],
      ['a', 0, 'done', 0],
      ['a', 0, 'applied', 0.5],
      ['a', 0, 'applied'],
    ])
      expect(schema.safeParse({ content: null, marks: [wrong] }).success).toBe(false);
  });
});

describe('the mark of a finished saga', () => {
  it('is ended by the version that is being written, and no other mark is', () => {
    const marks: readonly Mark[] = [
      ['a', 0, 'applied', 0],
      ['b', 0, 'undone', 0],
      ['c', 0, 'applied', 4],
    ];
    expect(tidy(marks, 9, (saga) => saga !== 'a')).toEqual([
      ['a', 0, 'applied', 0],
      ['b', 0, 'undone', 9],
      ['c', 0, 'applied', 4],
    ]);
  });

  // The number itself, since nodes of two releases must agree on it.
  it('stays for 16 versions and is gone with the next', () => {
    const ended = tidy([['a', 0, 'applied', 0]], 5, () => true);
    for (let ver = 5; ver < 5 + 16; ver++) expect(tidy(ended, ver, () => true)).toEqual(ended);
    expect(tidy(ended, 5 + 16, NONE_FINISHED)).toEqual([]);
  });

  it('is never removed before it was ended, at any age', () => {
    expect(tidy([['a', 0, 'applied', 0]], 1_000_000, NONE_FINISHED)).toHaveLength(1);
    expect(tidy([['a', 0, 'applied', 0]], 1_000_000, () => true)).toEqual([['a', 0, 'applied', 1_000_000]]);
  });
});

/**
 * A document with many sagas, written by nodes that learn late, or never, which are finished. Every reader that knows
 * of a version at which the saga was unfinished must find the mark in every version from there on that is less than the
 * grace ahead.
 */
describe.each(Array.from({ length: 60 }, (_, seed) => seed))('a random schedule, seed %d', (seed) => {
  it('never loses the mark of an unfinished saga, nor one within the grace after it', () => {
    const random = new SeededRandom(seed);
    const versions: (readonly Mark[])[] = [[]];
    const takenAt = new Map<string, number>();
    const finishedAt = new Map<string, number>();
    const known = Array.from({ length: 3 }, () => new Set<string>());
    for (let ver = 1; ver <= 300; ver++) {
      const knows = random.pick(known);
      let marks = versions[ver - 1] as readonly Mark[];
      for (let count = random.integer(3); count > 0; count--) {
        const saga = `s${takenAt.size}`;
        marks = put(marks, saga, 0, random.pick(['applied', 'undone']));
        takenAt.set(saga, ver);
      }
      for (const saga of takenAt.keys())
        if (!finishedAt.has(saga) && random.integer(8) === 0) finishedAt.set(saga, ver);
      for (const saga of finishedAt.keys()) if (random.integer(4) === 0) knows.add(saga);
      versions.push(tidy(marks, ver, (saga) => knows.has(saga)));
    }
    let removed = 0;
    const wrong: string[] = [];
    for (const [saga, taken] of takenAt) {
      const lastUnfinished = (finishedAt.get(saga) ?? versions.length) - 1;
      for (const [ver, marks] of versions.entries()) {
        if (ver < taken) continue;
        const mark = find(marks, saga, 0);
        if (mark === undefined && ver <= lastUnfinished + GRACE_VERSIONS) wrong.push(`${saga} is missing in ${ver}`);
        if (mark !== undefined && isEnded(mark) && ver <= lastUnfinished) wrong.push(`${saga} is ended in ${ver}`);
        if (mark === undefined) removed++;
      }
    }
    expect(wrong).toEqual([]);
    expect(removed).toBeGreaterThan(0);
  });
});
