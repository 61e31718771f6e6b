import { describe, expect, it } from 'vitest';
import { parseExact } from '../../src/protocol/exact-json.ts';
import { shortJson } from '../../src/protocol/short-json.ts';

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}

describe('JSON for people', () => {
  it('is the whole JSON where that fits', () => {
    const value = { list: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], text: 'a"b', none: null, left: undefined };
    const text = '{"list":[1,2,3,4,5,6,7,8,9,10],"text":"a\\"b","none":null}';
    expect(shortJson(value, text.length)).toBe(text);
    expect(shortJson(value, text.length - 1)).toBe('{"list":[1,…,10] (10 elements),"text":"a\\"b","none":null…');
  });

  it('shows a long list by its ends and its length, at any depth', () => {
    const read = '[1,2,3,…,9998,9999,10000] (10000 elements)';
    expect(shortJson(upTo(10_000), 160)).toBe(read);
    expect(shortJson(['x', upTo(10_000)], 160)).toBe(`["x",${read}]`);
    expect(shortJson([['poll', { k: upTo(10_000) }]], 160)).toBe(`[["poll",{"k":${read}}]]`);
    expect(shortJson({ type: 'read_ok', messages: upTo(10_000), in_reply_to: 7 }, 160)).toBe(
      `{"type":"read_ok","messages":${read},"in_reply_to":7}`,
    );
  });

  it('shows lists of lists by their ends as well', () => {
    const pairs = upTo(500).map((offset) => [offset, 10 * offset]);
    expect(shortJson(pairs, 160)).toBe('[[1,10],[2,20],[3,30],…,[498,4980],[499,4990],[500,5000]] (500 elements)');
  });

  it('shortens inner lists before it leaves out operations of a transaction', () => {
    const transaction = [1, 2, 3, 4].map((key) => ['r', key, upTo(1000)]);
    expect(shortJson(transaction, 200)).toBe(
      '[["r",1,[1,2,3,…,998,999,1000] (1000 elements)],["r",2,[1,2,3,…,998,999,1000] (1000 elements)],' +
        '["r",3,[1,2,3,…,998,999,1000] (1000 elements)],["r",4,[1,2,3,…,998,999,1000] (1000 elements)]]',
    );
    expect(shortJson(transaction, 160)).toBe(
      `[${[1, 2, 3, 4].map((key) => `["r",${key},[1,…,1000] (1000 elements)]`).join(',')}]`,
    );
    expect(shortJson(transaction, 100)).toBe(
      '[["r",1,[1,…,1000] (1000 elements)],…,["r",4,[1,…,1000] (1000 elements)]] (4 elements)',
    );
  });

  it('keeps every digit of big integers', () => {
    const list = parseExact(`[${'9007199254740993,'.repeat(50)}1.0]`);
    expect(shortJson(list, 160)).toBe(
      '[9007199254740993,9007199254740993,9007199254740993,…,9007199254740993,9007199254740993,1.0] (51 elements)',
    );
  });

  it('cuts what is too long without lists, and long texts in lists', () => {
    expect(shortJson('x'.repeat(200), 10)).toBe(`"${'x'.repeat(9)}…`);
    expect(shortJson(['x'.repeat(200), 'y'.repeat(200)], 10)).toBe(`["${'x'.repeat(8)}…`);
  });
});
