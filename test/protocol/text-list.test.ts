/** Lists of texts that are JSON in advance. */

import { describe, expect, it } from 'vitest';
import { defineRpc, encodeReplyBody, findReplyProblem } from '../../src/protocol/rpc.ts';
import { TextList, Texts } from '../../src/protocol/text-list.ts';

const List = defineRpc('list', 'Lists texts.', {}, { texts: Texts });
const NASTY = ['', '"', '\\', '\n', '\u2028', '\ud800', 'é', '","', '1'];

describe('a list of texts', () => {
  it('is written as its array', () => {
    const list = TextList.of(NASTY);
    expect(list.toArray()).toEqual(NASTY);
    expect(list).toHaveLength(NASTY.length);
    expect(JSON.stringify({ list })).toBe(JSON.stringify({ list: NASTY }));
    expect(encodeReplyBody(List, 7, { texts: list })).toBe(encodeReplyBody(List, 7, { texts: NASTY }));
    expect(JSON.parse(encodeReplyBody(List, 7, { texts: list }))).toEqual({
      type: 'list_ok',
      in_reply_to: 7,
      texts: NASTY,
    });
  });

  it('is valid, as an array of texts is, and nothing else is', () => {
    const problem = (texts: unknown) => findReplyProblem(List, { type: 'list_ok', in_reply_to: 1, texts });
    expect(problem(TextList.of(NASTY))).toBeUndefined();
    expect(problem(NASTY)).toBeUndefined();
    for (const other of [undefined, null, 'text', 1, [1], ['a', null], { length: 1, json: '["a"]' }])
      expect(problem(other)).toMatch(/^texts: /);
  });
});
