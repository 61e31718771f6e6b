/** Lists that share their parts: what goes in comes out, and what is equal is there once. */

import { describe, expect, it } from 'vitest';
import { History } from '../../src/history/history.ts';
import { isShareable, SharedLists } from '../../src/history/shared-list.ts';
import { SeededRandom } from '../../src/protocol/random.ts';

const upTo = (length: number) => Array.from({ length }, (_, index) => index);

describe('a list', () => {
  it('comes out as it went in, however it differs from the ones before', () => {
    const random = new SeededRandom('lists');
    const lists = new SharedLists();
    let values: number[] = [];
    for (let round = 0; round < 300; round++) {
      const at = random.integer(values.length + 1);
      const change = random.integer(4);
      if (change === 0) values = values.toSpliced(at, random.integer(20));
      else if (change === 1) values = [...values, ...upTo(random.integer(100)).map((value) => value * 7)];
      else if (change === 2) values = values.toSpliced(at, 0, random.integer(1e6) - 5e5);
      else values = values.slice(0, at);
      expect(lists.share(values).toArray()).toEqual(values);
    }
  });

  it('shares what it has in common with another one, also behind an element more', () => {
    const lists = new SharedLists();
    lists.share(upTo(100_000));
    const before = lists.chunks.length;
    lists.share(upTo(100_000).toSpliced(50_000, 0, -1));
    lists.share(upTo(100_001));
    expect(lists.chunks.length - before).toBeLessThanOrEqual(4);
  });

  it('that grows by one at a time has chunks as long as any other', () => {
    const lists = new SharedLists();
    for (let length = 200; length < 3000; length++) lists.share(upTo(length));
    expect(lists.share(upTo(3000)).chunks.length).toBeLessThanOrEqual(3000 / 32);
  });

  it.each([
    ['a short one', [1, 2, 3]],
    ['one of texts', upTo(200).map(String)],
    ['one with a fraction', [...upTo(200), 0.5]],
    ['one with a large integer', [...upTo(200), 2 ** 40]],
    ['one with a negative zero', [...upTo(200), -0]],
    ['a map', {}],
  ])('is not shared if it is %s', (_, value) => {
    expect(isShareable(value)).toBe(false);
  });
});

describe('a history', () => {
  const entry = { time: 0, process: 0, f: 'read' } as const;

  it('has long lists as ordinary values', () => {
    const history = History.of([{ ...entry, type: 'ok', value: upTo(1000) }]);
    expect(history.valueAt(0)).toEqual(upTo(1000));
    expect(history.at(0).value).toEqual(upTo(1000));
  });

  it('keeps thousands of reads of thousands of elements in little memory', () => {
    const history = new History();
    for (let length = 1000; length < 3000; length++) history.append({ ...entry, type: 'ok', value: upTo(length) });
    const elements = history.sharedChunks.reduce((sum, chunk) => sum + chunk.length, 0);
    // All lists together have four million.
    expect(elements).toBeLessThan(200_000);
  });
});
