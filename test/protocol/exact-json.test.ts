/**
 * Lossless JSON must keep what the JVM keeps. Where JavaScript loses nothing, it must equal JSON.parse and stringify.
 */

import { describe, expect, it, vi } from 'vitest';
import {
  canonicalKey,
  ExactNumber,
  exactEquals,
  javaDouble,
  parseExact,
  stringifyExact,
} from '../../src/protocol/exact-json.ts';
import { SeededRandom } from '../../src/protocol/random.ts';

const roundTrip = (text: string) => stringifyExact(parseExact(text));

describe('parseExact', () => {
  it('distinguishes two integers that are one number in JavaScript', () => {
    const [a, b] = parseExact('[9007199254740993,9007199254740992]') as unknown[];
    expect([String(a), String(b)]).toEqual(['9007199254740993', '9007199254740992']);
    expect(exactEquals(a, b)).toBe(false);
  });

  it('gives ordinary numbers if they lose nothing', () => {
    const text = '[0,-7,1.5,-2.5e-7,9007199254740991,-9007199254740991,1234567890123456]';
    expect(parseExact(text)).toEqual(JSON.parse(text));
    expect(parseExact(' 42 ')).toBe(42);
  });

  it.each([
    ['1.0', '1.0'],
    ['1e3', '1000.0'],
    ['10.00E2', '1000.0'],
    ['0.1e1', '1.0'],
    ['-0.0', '-0.0'],
    ['1e10', '1.0E10'],
    ['12345678.0', '1.2345678E7'],
    ['1.5E+300', '1.5E300'],
    ['1e-400', '0.0'],
    ['1e400', '1E999'],
    ['-9007199254740992', '-9007199254740992'],
    ['123456789012345678901234567890', '123456789012345678901234567890'],
  ])('spells %s as the JVM does: %s', (token, text) => {
    for (const value of [parseExact(token), (parseExact(`{"a":[ ${token}]}`) as { a: unknown[] }).a[0]]) {
      expect(value).toBeInstanceOf(ExactNumber);
      expect(String(value)).toBe(text);
    }
    expect(roundTrip(roundTrip(token))).toBe(text);
  });

  it('does not change strings of any content', () => {
    const strings = [
      '1.0',
      ' 1.0',
      'a,1e5',
      '9007199254740993',
      '"n":"1.0"',
      's',
      '\\',
      '\\" ,1.0',
      'n1.0',
      '{"n":"1.0"}',
      '\u2028',
    ];
    for (const exact of [[], [new ExactNumber('1.0')]]) {
      const text = stringifyExact([...exact, ...strings, Object.fromEntries(strings.map((key) => [key, key]))]);
      const parsed = parseExact(text) as unknown[];
      expect(parsed.slice(exact.length)).toEqual(JSON.parse(text).slice(exact.length));
    }
  });

  it.each(['1.0', '-1e3', '9007199254740993'])('keeps %s exact between any characters', (token) => {
    for (const [before, after] of [
      ['[', ']'],
      ['[\n', '\n]'],
      ['[0, ', ' ,0]'],
      ['[0,', ',0]'],
      ['{"a":', '}'],
      ['{"a": ', '\t}'],
    ] as const)
      expect(stringifyExact(parseExact(before + token + after)), before).toContain(String(new ExactNumber(token)));
  });

  it('parses a line with times in its strings once, as it is', () => {
    const line = stringifyExact({ at: '2026-11-30T10:22:54.123Z', kept: '{"until":"2026-11-30T10:22:54.123456Z"}' });
    const parse = vi.spyOn(JSON, 'parse');
    try {
      parseExact(line);
      expect(parse.mock.calls).toEqual([[line]]);
    } finally {
      parse.mockRestore();
    }
  });

  it('keeps __proto__ and n as keys', () => {
    const text = '{"__proto__":{"x":1.0},"n":"1.0","toJSON":2.0,"constructor":null}';
    expect(roundTrip(text)).toBe(text);
    expect(Object.getPrototypeOf(parseExact(text))).toBe(Object.prototype);
  });

  it.each([
    '[01.0]',
    '[1.]',
    '[.5,1.0]',
    '[1.0.0]',
    '[1.0-2.0]',
    '{1.0:2}',
    '[1.0',
    '["a, 1.0',
    '["a\\", 1.0',
    '[+1.0]',
    '[1.0,]',
    '[NaN,1.0]',
    '["a\n",1.0]',
    '{"a":1.0,}',
    '1.0 1.0',
    '[1e]',
    "['a',1.0]",
    '',
  ])('refuses %j as JSON.parse does', (text) => {
    expect(() => JSON.parse(text)).toThrow(SyntaxError);
    expect(() => parseExact(text)).toThrow(SyntaxError);
  });

  it('agrees with JSON.parse on generated values, except for numbers that need care', () => {
    const random = new SeededRandom(1);
    for (let run = 0; run < 2000; run++) {
      const text = generate(random, 4);
      const parsed = parseExact(text);
      expect(JSON.parse(JSON.stringify(parsed)), text).toEqual(JSON.parse(text));
      expect(canonicalKey(parseExact(stringifyExact(parsed))), text).toBe(canonicalKey(parsed));
    }
  });
});

function generate(random: SeededRandom, depth: number): string {
  const leaves = [
    '1',
    '-0.5',
    '1.0',
    '2e7',
    '9007199254740993',
    '""',
    '"a\\"1.0"',
    '" ,1.0"',
    '"\\\\"',
    'null',
    'true',
    '12345678901234567890',
  ];
  const kind = depth === 0 ? 0 : random.integer(3);
  if (kind === 0) return random.pick(leaves);
  const items = Array.from({ length: random.integer(4) }, () => generate(random, depth - 1));
  if (kind === 1) return `[${items.join(random.pick([',', ' , ', ',\n']))}]`;
  return `{${items.map((item, index) => `${random.pick([`"k${index}"`, '"\\"1.5"', '"n"', '"s"'])}:${item}`).join(', ')}}`;
}

describe('stringifyExact', () => {
  it('is JSON.stringify if there is no exact number', () => {
    const value = { a: [1, 'x', null, undefined], b: undefined, c: { toJSON: () => 'd' } };
    expect(stringifyExact(value)).toBe(JSON.stringify(value));
  });

  it('is JSON.stringify beside an exact number, too', () => {
    const value = { a: [1, 'x"', null, undefined], b: undefined, c: { toJSON: () => 'd' }, e: new Array(2) };
    expect(stringifyExact({ ...value, z: new ExactNumber('1e3') })).toBe(
      `${JSON.stringify(value).slice(0, -1)},"z":1000.0}`,
    );
  });

  it('refuses values without JSON', () => {
    expect(() => stringifyExact(undefined)).toThrow(TypeError);
    expect(() => new ExactNumber('1.')).toThrow(TypeError);
  });
});

describe('equality', () => {
  it.each([
    ['{"a":1,"b":[2]}', '{"b":[2],"a":1}'],
    ['{"a":{"x":1.0,"y":null}}', '{"a":{"y":null,"x":1e0}}'],
    ['0.0', '-0.0'],
    ['1E400', '1E500'],
    ['"\\u0061"', '"a"'],
  ])('holds %s and %s to be equal', (a, b) => {
    expect(exactEquals(parseExact(a), parseExact(b))).toBe(true);
    expect(canonicalKey(parseExact(a))).toBe(canonicalKey(parseExact(b)));
  });

  it.each([
    ['1', '1.0'],
    ['7', '"7"'],
    ['null', '"null"'],
    ['[1,2]', '[2,1]'],
    ['[]', '{}'],
    ['{"a":1}', '{"a":1.0}'],
    ['["a,b"]', '["a","b"]'],
    ['{"a":null}', '{}'],
    ['9007199254740993', '9007199254740992'],
    ['10000000000', '1E10'],
  ])('holds %s and %s to be different', (a, b) => {
    expect(exactEquals(parseExact(a), parseExact(b))).toBe(false);
    expect(canonicalKey(parseExact(a))).not.toBe(canonicalKey(parseExact(b)));
  });

  it('treats an absent value as null', () => {
    expect(exactEquals(undefined, null)).toBe(true);
  });
});

it('prints doubles as Java does', () => {
  const doubles = [1e7, 1e-3, 9.99e-4, 1.5e300, 123456.789, 1e21, 12345678.9, 5e-324, 100, 9999999, 0.1, -1e-7];
  // Printed by Clojure 1.12 on Java 17, the last one by hand.
  const printed = '1.0E7 0.001 9.99E-4 1.5E300 123456.789 1.0E21 1.23456789E7 4.9E-324 100.0 9999999.0 0.1 -1.0E-7';
  expect(doubles.map(javaDouble).join(' ')).toBe(printed);
});
