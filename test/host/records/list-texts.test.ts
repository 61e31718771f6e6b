import { describe, expect, it } from 'vitest';
import { ListTexts } from '../../../src/host/records/list-texts.ts';
import { ExactNumber, parseExact, stringifyExact } from '../../../src/protocol/exact-json.ts';

const listOf = (length: number) => Array.from({ length }, (_, index) => index);

/** Whether the text of a list is kept: a change to the list, which no run makes, does not show. */
function isKept(texts: ListTexts, list: number[]): boolean {
  const before = texts.textOf(list);
  list.push(-1);
  const after = texts.textOf(list);
  list.pop();
  return after === before;
}

describe('the texts of lists', () => {
  it('are those of stringifyExact, also for the same list again', () => {
    const texts = new ListTexts();
    const exact = parseExact(`[${listOf(200).join(',')},12345678901234567890]`);
    for (const value of [listOf(10), listOf(1000), exact, new ExactNumber('1.0'), { a: listOf(500) }, 'x', null])
      for (let time = 0; time < 2; time++) expect(texts.textOf(value)).toBe(stringifyExact(value));
  });

  it('are told apart by the list, not by its elements', () => {
    const texts = new ListTexts();
    const [one, other] = [listOf(1000), listOf(1000)];
    texts.textOf(one);
    other[0] = 7;
    expect(texts.textOf(other)).toBe(JSON.stringify(other));
    expect(texts.textOf(one)).toBe(JSON.stringify(one));
  });

  it('are kept for long lists only, and for the last ones', () => {
    const texts = new ListTexts();
    expect(isKept(texts, listOf(127))).toBe(false);
    const first = listOf(128);
    expect(isKept(texts, first)).toBe(true);
    for (let count = 0; count < 15; count++) texts.textOf(listOf(128));
    expect(isKept(texts, first)).toBe(true);
    texts.textOf(listOf(128));
    first.push(5);
    expect(texts.textOf(first)).toBe(JSON.stringify(first));
  });

  it('are a million characters in all, but for the last', () => {
    const texts = new ListTexts();
    const [small, huge] = [listOf(128), listOf(300_000)];
    expect(isKept(texts, small)).toBe(true);
    expect(isKept(texts, huge)).toBe(true);
    small.push(5);
    expect(texts.textOf(small)).toBe(JSON.stringify(small));
    huge.push(5);
    expect(texts.textOf(huge)).toBe(JSON.stringify(huge));
  });
});
