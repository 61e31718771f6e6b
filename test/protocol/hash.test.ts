import { describe, expect, it } from 'vitest';
import { avalanche, fnv1a, hash53, RunningHash, rotateLeft } from '../../src/protocol/hash.ts';

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

it('rotateLeft brings the bits that leave a word back on the right', () => {
  expect(rotateLeft(0x80000001 | 0, 1)).toBe(3);
  expect(rotateLeft(0x12345678, 8)).toBe(0x34567812);
});

const TEXTS = [
  '',
  'a',
  'b',
  'ab',
  'ba',
  '\0',
  'a\0',
  'ä',
  ...Array.from({ length: 20_000 }, (_, index) => `id-${index}`),
];

describe('hash53', () => {
  it('is an integer of 53 bits, another one for each of these texts', () => {
    const hashes = TEXTS.map(hash53);
    for (const hash of hashes) if (!(Number.isSafeInteger(hash) && hash >= 0)) expect.fail(`${hash}`);
    expect(new Set(hashes).size).toBe(TEXTS.length);
    expect(Math.max(...hashes)).toBeGreaterThan(2 ** 52);
  });
});

describe('a running hash', () => {
  const digestOf = (...texts: readonly string[]) => {
    const hash = new RunningHash();
    for (const text of texts) hash.add(text);
    return hash.digest;
  };

  it('depends on every text, on the order and on where one ends', () => {
    const lists = [
      [],
      [''],
      ['', ''],
      ['ab', 'c'],
      ['a', 'bc'],
      ['abc'],
      ['c', 'ab'],
      ...TEXTS.map((text) => [text, 'x']),
    ];
    expect(new Set(lists.map((list) => digestOf(...list))).size).toBe(lists.length);
  });

  it('is the same for the same texts, two words in hexadecimal', () => {
    expect(digestOf('ab', 'c')).toBe(digestOf('ab', 'c'));
    expect(digestOf('ab', 'c')).toMatch(/^[\da-f]{1,8}-[\da-f]{1,8}$/);
  });
});
