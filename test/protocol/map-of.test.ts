/** Objects whose keys a sender chooses. */

import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { mapOf } from '../../src/protocol/map-of.ts';
import { describeIssue } from '../../src/protocol/message.ts';
import { defineRpc } from '../../src/protocol/rpc.ts';

const Poll = defineRpc('poll', 'Asks.', { offsets: mapOf(z.int()) }, {});

function problemOf(body: unknown): string {
  return describeIssue(Poll.request.findError(body), 'body').text;
}

describe('a map', () => {
  it.each(['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', '', '0', 'é'])(
    'may have the key %j',
    (key) => {
      const text = `{"offsets":{${JSON.stringify(key)}:7}}`;
      expect(JSON.stringify(Poll.request.safeParse(JSON.parse(text)).data)).toBe(text);
    },
  );

  it('has members that are as declared, and the error names the key', () => {
    expect(problemOf({ offsets: { a: 1, b: 'x' } })).toBe('body.offsets.b: expected number, received string');
    expect(problemOf(JSON.parse('{"offsets":{"__proto__":"x"}}'))).toMatch(/^body\.offsets\.__proto__: expected/);
  });

  it('is an object', () => {
    for (const offsets of [[], null, 'x', 7]) expect(problemOf({ offsets })).toMatch(/^body\.offsets: expected record/);
    expect(problemOf({})).toBe('body.offsets: is missing');
  });
});
