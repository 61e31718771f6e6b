import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { defineRpc, encodeReplyBody, findReplyProblem } from '../../src/protocol/rpc.ts';

const Sum = defineRpc(
  'sum',
  'Adds.',
  { numbers: z.array(z.number()) },
  { sum: z.number(), note: z.string().optional() },
);

describe('a reply', () => {
  it('is written with its declared fields, in their order, and no others', () => {
    expect(encodeReplyBody(Sum, 3, { note: 'a "b"\n', sum: 6, secret: 1 })).toBe(
      '{"type":"sum_ok","in_reply_to":3,"sum":6,"note":"a \\"b\\"\\n"}',
    );
  });

  it('leaves out undefined fields', () => {
    expect(JSON.parse(encodeReplyBody(Sum, 3, { sum: 6, note: undefined }))).toEqual({
      type: 'sum_ok',
      in_reply_to: 3,
      sum: 6,
    });
  });
});

describe("a stranger's reply", () => {
  const reply = { type: 'sum_ok', in_reply_to: 3, sum: 6 };

  it.each([
    ['as declared', reply],
    ['with an optional field', { ...reply, note: 'x' }],
    ['with a msg_id', { ...reply, msg_id: 9 }],
  ])('%s has no problem', (_, body) => {
    expect(findReplyProblem(Sum, body)).toBeUndefined();
  });

  it.each([
    ['of another type', { ...reply, type: 'sum' }, 'type: expected sum_ok, received "sum"'],
    ['without a field', { type: 'sum_ok', in_reply_to: 3 }, 'sum: is missing'],
    ['with a field of another type', { ...reply, sum: '6' }, 'sum: expected number, received string'],
    ['with one field more', { ...reply, extra: 1 }, 'extra: a field that sum_ok does not have'],
    [
      'with a prototype key',
      JSON.parse('{"type":"sum_ok","in_reply_to":3,"sum":6,"__proto__":1}'),
      '__proto__: a field that sum_ok does not have',
    ],
    ['with a msg_id that is no integer', { ...reply, msg_id: 'x' }, 'msg_id: expected an integer'],
  ])('%s has the problem named', (_, body, problem) => {
    expect(findReplyProblem(Sum, body)).toBe(problem);
  });
});
