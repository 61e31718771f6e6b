import { expect, it } from 'vitest';
import { clientNumber, isClient } from '../../src/protocol/client-id.ts';

it.each([
  ['c0', true, 0],
  ['c12', true, 12],
  ['c01', true, undefined],
  ['c', true, undefined],
  ['c1x', true, undefined],
  ['cat', true, undefined],
  ['n1', false, undefined],
  ['C1', false, undefined],
  ['lin-kv', false, undefined],
  ['nc', false, undefined],
  ['', false, undefined],
])('the id %j is a client: %s, with the number %s', (id, expected, number) => {
  expect(isClient(id)).toBe(expected);
  expect(clientNumber(id)).toBe(number);
});
