import { describe, expect, it } from 'vitest';
import { ERRORS, errorByCode, isDefinite, RpcError } from '../../src/protocol/errors.ts';

describe('the error table', () => {
  it("is Maelstrom's", () => {
    expect(ERRORS.map(({ code, name, definite }) => `${code} ${name}${definite ? ' definite' : ''}`)).toEqual([
      '0 timeout',
      '1 node-not-found definite',
      '10 not-supported definite',
      '11 temporarily-unavailable definite',
      '12 malformed-request definite',
      '13 crash',
      '14 abort definite',
      '20 key-does-not-exist definite',
      '21 key-already-exists definite',
      '22 precondition-failed definite',
      '30 txn-conflict definite',
    ]);
  });

  it.each([-1, 2, 999, 1000, 1_000_000, Number.NaN])('promises nothing about the unknown code %d', (code) => {
    expect(isDefinite(code)).toBe(false);
    expect(errorByCode(code)).toBeUndefined();
  });
});

describe('an RPC error', () => {
  it('is made by name, with the text of the table or one of its own', () => {
    expect(RpcError.of('abort')).toMatchObject({
      code: 14,
      definite: true,
      message: 'the request was given up and had no effect',
    });
    expect(RpcError.of('crash', 'boom')).toMatchObject({ code: 13, definite: false, message: 'boom' });
  });
});
