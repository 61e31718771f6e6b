import { expect, it } from 'vitest';
import { avalanche, fnv1a } from '../../src/protocol/hash.ts';

it.each([
  ['', 0x811c9dc5],
  ['a', 0xe40c292c],
  ['foobar', 0xbf9cf968],
])('fnv1a has the values of its authors: %j', (text, expected) => {
  expect(fnv1a(text) >>> 0).toBe(expected);
});

it.each([
  [0, 0],
  [1, 0x514e28b7],
  [0xffffffff | 0, 0x81f16f39],
])('avalanche is the fmix32 of MurmurHash3: %d', (word, expected) => {
  expect(avalanche(word) >>> 0).toBe(expected);
});
