import { describe, expect, it, vi } from 'vitest';
import {
  describeErrorCode,
  ERRORS,
  errorByCode,
  errorByName,
  isDefinite,
  RpcError,
} from '../../src/protocol/errors.ts';
import { parseExact } from '../../src/protocol/exact-json.ts';

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

describe('the code of an error that was answered', () => {
  it.each([
    ['11', 'error 11 (temporarily-unavailable)'],
    ['0', 'error 0 (timeout)'],
    ['1234', 'error 1234'],
    ['-1', 'error -1'],
    ['99999999999999999999', 'error 99999999999999999999'],
    ['11.0', 'an error with the code 11.0'],
    ['"11"', 'an error with the code "11"'],
    ['null', 'an error with the code null'],
    [`"${'x'.repeat(100)}"`, `an error with the code "${'x'.repeat(59)}…`],
  ])('%s is described', (code, text) => {
    expect(describeErrorCode(parseExact(code))).toBe(text);
  });

  it('is described where it is missing, and found by its name', () => {
    expect(describeErrorCode(undefined)).toBe('an error without a code');
    expect(ERRORS.map(({ name }) => errorByName(name)?.code)).toEqual(ERRORS.map(({ code }) => code));
    expect(errorByName('unknown')).toBeUndefined();
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

  it('is known in every copy of the code, and no other error is', async () => {
    vi.resetModules();
    const { RpcError: Copy } = await import('../../src/protocol/errors.ts');
    expect(Copy).not.toBe(RpcError);
    expect(new Copy(11, 'later')).toBeInstanceOf(RpcError);
    for (const other of [new Error('later'), { code: 11, name: 'RpcError' }, null, 'later'])
      expect(other).not.toBeInstanceOf(RpcError);
    class Busy extends RpcError {}
    expect(new Busy(11, 'later')).toBeInstanceOf(RpcError);
    expect(new Busy(11, 'later')).toBeInstanceOf(Busy);
    expect(new RpcError(11, 'later')).not.toBeInstanceOf(Busy);
  });
});
