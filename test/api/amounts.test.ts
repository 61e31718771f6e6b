/** Amounts: decimal texts outside, minor units inside, and no number in between that could round. */

import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { AmountText, amountSchema, formatAmount, parseAmount } from '../../src/api/amounts.ts';
import { readJson } from '../../src/api/json-text.ts';

describe('the text of an amount', () => {
  it.each([
    ['0', 0],
    ['0.00', 0],
    ['0.5', 50],
    ['0.50', 50],
    ['0.05', 5],
    ['12', 1200],
    ['1234567890123.45', 123456789012345],
    ['-0.01', -1],
    // Not minus zero.
    ['-0', 0],
  ])('%s is %d minor units', (text, minor) => {
    expect(parseAmount(text)).toBe(minor);
  });

  it.each(['', '.', '.5', '5.', '0.001', '1e2', '1E2', '+1', '--1', '00.5', '01', ' 1', '1 ', '1,5', '0x10', 'NaN'])(
    '%j is none',
    (text) => {
      expect(parseAmount(text)).toBeUndefined();
    },
  );

  it.each(['Infinity', '1_000', '١', '1\n', '٠.٥'])('%j is none either', (text) => {
    expect(parseAmount(text)).toBeUndefined();
  });

  it('is infinite beyond any amount, never rounded', () => {
    expect(parseAmount('9007199254740993')).toBe(Number.POSITIVE_INFINITY);
    expect(parseAmount('-99999999999999.99')).toBe(Number.NEGATIVE_INFINITY);
    expect(parseAmount('9999999999999.99')).toBe(999999999999999);
  });

  it('has two places again', () => {
    for (const minor of [0, 1, 9, 10, 99, 100, 101, 12345, 999999999999999, -1, -100, -12345]) {
      expect(parseAmount(formatAmount(minor))).toBe(minor);
      expect(AmountText.safeParse(formatAmount(minor)).success).toBe(true);
    }
    expect(formatAmount(5)).toBe('0.05');
    expect(formatAmount(-5)).toBe('-0.05');
  });
});

describe('an amount in a body', () => {
  const Body = z.object({ amount: amountSchema({ min: 1, max: 1000 }, 'An amount.') });
  const read = (json: string) => {
    const checked = Body.safeParse(readJson(json));
    return checked.success ? checked.data.amount : checked.error.issues[0]?.message;
  };

  it.each([
    ['{"amount":"0.50"}', 50],
    ['{"amount":0.5}', 50],
    ['{"amount":0.10}', 10],
    ['{"amount":5}', 500],
    // 0.29 * 100 is 28.999999999999996 as doubles.
    ['{"amount":0.29}', 29],
    ['{"amount":"10.00"}', 1000],
  ])('%s is %d minor units', (json, minor) => {
    expect(read(json)).toBe(minor);
  });

  it.each([
    // As a double it would be 0.1.
    ['{"amount":0.1000000000000000055}', 'at most 2 places'],
    ['{"amount":1e0}', 'at most 2 places'],
    ['{"amount":"0.001"}', 'at most 2 places'],
    ['{"amount":true}', 'at most 2 places'],
    ['{"amount":null}', 'at most 2 places'],
    ['{"amount":["1"]}', 'at most 2 places'],
    ['{"amount":"0.00"}', 'must be at least 0.01'],
    ['{"amount":-1}', 'must be at least 0.01'],
    ['{"amount":"10.01"}', 'must be at most 10.00'],
    ['{"amount":99999999999999999999}', 'must be at most 10.00'],
    ['{}', 'is missing'],
  ])('%s is refused', (json, reason) => {
    expect(read(json)).toContain(reason);
  });

  it('may be negative, but not 0, where that means something', () => {
    const Signed = amountSchema({ min: -500, max: 500, exceptZero: true }, 'A change.');
    expect(Signed.safeParse('-5')).toMatchObject({ success: true, data: -500 });
    expect(Signed.safeParse('0').error?.issues[0]?.message).toBe('must not be 0');
    expect(Signed.safeParse('-0.00').error?.issues[0]?.message).toBe('must not be 0');
  });
});
