/** The strict reader of JSON: it agrees with JSON.parse on everything but what it refuses on purpose. */

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { DecimalNumber, JsonFlaw, readJson } from '../../src/api/json-text.ts';
import { NESTING_DEPTH_MAX } from '../../src/protocol/message.ts';
import { SeededRandom } from '../../src/protocol/random.ts';

const flawIn = (text: string): string | undefined => {
  try {
    readJson(text);
    return undefined;
  } catch (error) {
    if (!(error instanceof JsonFlaw)) throw error;
    return error.message;
  }
};

/** As JSON.parse would give it. */
function plain(value: unknown): unknown {
  if (value instanceof DecimalNumber) return Number(value.text);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, plain(member)]));
}

describe('the strict reader', () => {
  it.each([
    'null',
    ' true ',
    '"a"',
    '""',
    '"\\u00e4\\n\\"\\\\"',
    '-1',
    '0',
    '1.5',
    '[]',
    '{}',
    '[1, [2], {"a": {"b": []}}]',
    '\t{"a"\n:\r1}',
    '"\\ud800"',
    '"ä"',
    '9007199254740991',
  ])('reads %s as JSON.parse does', (text) => {
    expect(plain(readJson(text))).toEqual(JSON.parse(text));
  });

  it.each([
    '',
    ' ',
    'nul',
    'truE',
    "'a'",
    '"a',
    '"\\x"',
    '"\n"',
    '01',
    '1.',
    '.5',
    '+1',
    '- 1',
    '1e',
    'NaN',
    '[1,]',
    '[1 2]',
    '[',
    '{"a"}',
    '{"a":1,}',
    '{a:1}',
    '{"a" 1}',
    '{"a":1',
    '1 2',
    '\ufeff1',
    '//',
    '{"a":1}}',
    '\v1',
    '"\u0000"',
  ])('refuses %j as JSON.parse does', (text) => {
    expect(() => JSON.parse(text)).toThrow();
    expect(flawIn(text)).toMatch(/^expected .* at (?:character \d+|the end)$|^expected nothing more/);
  });

  it('agrees with JSON.parse on changed texts', () => {
    const random = new SeededRandom('json-text');
    const text = '{"from":"ada","to":["b\\u0062",-0.5e2,true,{"x":null}],"n":12}';
    let refused = 0;
    for (let round = 0; round < 3000; round++) {
      const at = random.integer(text.length);
      const changed = text.slice(0, at) + random.pick([...'{}[]",:0.e\\-t ']) + text.slice(at + random.integer(3));
      let parsed: unknown;
      try {
        parsed = JSON.parse(changed);
      } catch {
        refused++;
        expect(flawIn(changed), changed).toBeDefined();
        continue;
      }
      expect(plain(readJson(changed)), changed).toEqual(parsed);
    }
    expect(refused).toBeGreaterThan(500);
  });

  it('refuses a key that occurs twice, however it is escaped', () => {
    expect(flawIn('{"amount":1,"to":"a","amount":2}')).toBe('the key "amount" occurs twice');
    expect(flawIn('{"a":1,"\\u0061":2}')).toBe('the key "a" occurs twice');
    expect(flawIn('{"__proto__":1,"__proto__":2}')).toBe('the key "__proto__" occurs twice');
    expect(flawIn('{"a":{"a":1},"b":{"a":1}}')).toBeUndefined();
  });

  it('changes no prototype', () => {
    const value = readJson('{"__proto__":{"polluted":true},"constructor":1}') as Record<string, unknown>;
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(Object.keys(value)).toEqual(['__proto__', 'constructor']);
    expect('polluted' in {}).toBe(false);
  });

  it('keeps the text of every number that is not a safe integer', () => {
    expect(readJson('[1, -7]')).toEqual([1, -7]);
    for (const token of ['1.0', '1e2', '-0', '9007199254740992', '0.10', '123456789012345678901234567890'])
      expect(readJson(token)).toEqual(new DecimalNumber(token));
  });

  it(`nests up to ${NESTING_DEPTH_MAX} levels`, () => {
    const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
    expect(flawIn(nested(NESTING_DEPTH_MAX))).toBeUndefined();
    expect(flawIn(nested(NESTING_DEPTH_MAX + 1))).toContain('nests deeper than');
    expect(flawIn('{"a":'.repeat(1_000_000))).toContain('nests deeper than');
  });

  it('says where a text stops being JSON', () => {
    expect(flawIn('{"a":1,b}')).toBe('expected a key in quotes at character 8');
    expect(flawIn('[1')).toBe('expected a comma or ] at the end');
  });
});

describe('what is kept of a text', () => {
  // From 13 characters on, V8 makes a slice of a text a view of the whole text.
  it('does not keep the text', () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const usedBytes = () => {
      collect();
      return process.memoryUsage().heapUsed;
    };
    const beforeBytes = usedBytes();
    const kept = Array.from({ length: 64 }, (_, index) => {
      const text = Buffer.from(
        `{"the name of a field": "the value of number ${index}"${' '.repeat(2 ** 20)}}`,
      ).toString();
      return readJson(text);
    });
    expect(usedBytes() - beforeBytes).toBeLessThan(16 * 2 ** 20);
    expect(kept[7]).toEqual({ 'the name of a field': 'the value of number 7' });
  });
});
