import { expect, it } from 'vitest';
import { once } from '../../src/protocol/once.ts';

it('makes a value at the first call, once, undefined too', () => {
  let made = 0;
  const value = once(() => ++made);
  expect(made).toBe(0);
  expect([value(), value(), made]).toEqual([1, 1, 1]);
  const nothing = once(() => {
    made++;
  });
  expect([nothing(), nothing(), made]).toEqual([undefined, undefined, 2]);
});

it('makes it again after an error', () => {
  let tries = 0;
  const value = once(() => {
    if (++tries === 1) throw new Error('not yet');
    return tries;
  });
  expect(value).toThrow('not yet');
  expect([value(), value()]).toEqual([2, 2]);
});
