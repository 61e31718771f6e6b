/** What lin-kv, seq-kv and lww-kv have in common, as long as one client is alone and nothing is out of date. */

import { beforeEach, describe, expect, it } from 'vitest';
import { LinKv } from '../../../src/harness/services/lin-kv.ts';
import { LwwKv } from '../../../src/harness/services/lww-kv.ts';
import type { Service } from '../../../src/harness/services/registry.ts';
import { SeqKv } from '../../../src/harness/services/seq-kv.ts';
import { parseExact } from '../../../src/protocol/exact-json.ts';
import { SeededRandom } from '../../../src/protocol/random.ts';
import { replyText } from './choices.ts';

const random = new SeededRandom('conformance');
const STORES: readonly [string, () => Service][] = [
  ['lin-kv', () => new LinKv()],
  ['seq-kv', () => new SeqKv(random)],
  ['lww-kv', () => new LwwKv(random, { replicas: 1, keepsMerges: true })],
];

const MISSING = '{"type":"error","code":20,"text":"key does not exist"}';
const DONE = '{"type":"cas_ok"}';

describe.each(STORES)('%s', (_name, create) => {
  let store: Service;
  /** Asks in the JSON of the wire and answers in it. */
  const ask = (body: string) => replyText(store, 'n0', parseExact(body) as Record<string, unknown>);
  beforeEach(() => {
    store = create();
  });

  it('answers 20 for a key that is missing', () => {
    expect(ask('{"type":"read","key":"k"}')).toBe(MISSING);
    expect(ask('{"type":"cas","key":"k","from":null,"to":1}')).toBe(MISSING);
    expect(ask('{"type":"cas","key":"k","from":0,"to":1,"create_if_not_exists":false}')).toBe(MISSING);
  });

  it.each([
    '1',
    '1.0',
    '1.5',
    '9007199254740993',
    '123456789012345678901234567890',
    '"1"',
    'null',
    'false',
    '""',
    '[]',
    '{}',
    '{"b":[1.0,null],"a":"x"}',
  ])('reads %s as it was written', (value) => {
    expect(ask(`{"type":"write","key":"k","value":${value}}`)).toBe('{"type":"write_ok"}');
    expect(ask('{"type":"read","key":"k"}')).toBe(`{"type":"read_ok","value":${value}}`);
  });

  it('takes any JSON for a key, and 7, 7.0 and "7" for three', () => {
    const keys = [
      '7',
      '7.0',
      '"7"',
      'null',
      '"null"',
      '[7]',
      '{"a":1,"b":2}',
      '9007199254740993',
      '9007199254740992',
      '"__proto__"',
    ];
    for (const key of keys) expect(ask(`{"type":"read","key":${key}}`), key).toBe(MISSING);
    for (const key of keys) ask(`{"type":"write","key":${key},"value":[${key}]}`);
    for (const key of keys) expect(ask(`{"type":"read","key":${key}}`)).toBe(`{"type":"read_ok","value":[${key}]}`);
    expect(ask('{"type":"read","key":{"b":2,"a":1}}')).toBe('{"type":"read_ok","value":[{"a":1,"b":2}]}');
  });

  it('treats an absent key as null', () => {
    ask('{"type":"write","value":1}');
    expect(ask('{"type":"read","key":null}')).toBe('{"type":"read_ok","value":1}');
  });

  it('stores null where a value is absent', () => {
    ask('{"type":"write","key":"k"}');
    expect(ask('{"type":"read","key":"k"}')).toBe('{"type":"read_ok","value":null}');
    expect(ask('{"type":"cas","key":"k"}')).toBe(DONE);
    expect(ask('{"type":"read","key":"k"}')).toBe('{"type":"read_ok","value":null}');
  });

  it('compares by JSON value, independent of the order of keys', () => {
    ask('{"type":"write","key":"k","value":{"a":1,"b":[null,{"c":2,"d":3}]}}');
    expect(ask('{"type":"cas","key":"k","from":{"b":[null,{"d":3,"c":2}],"a":1},"to":2}')).toBe(DONE);
    expect(ask('{"type":"read","key":"k"}')).toBe('{"type":"read_ok","value":2}');
  });

  it.each([
    ['1', '1.0'],
    ['1', '2'],
    ['9007199254740993', '9007199254740992'],
    ['null', 'false'],
    ['[1 ]', '[1,1]'],
  ])('answers 22 and changes nothing where %s is not %s', (value, from) => {
    ask(`{"type":"write","key":"k","value":${value}}`);
    expect(ask(`{"type":"cas","key":"k","from":${from},"to":9}`)).toContain('"code":22');
    expect(ask(`{"type":"cas","key":"k","from":${from},"to":9,"create_if_not_exists":true}`)).toContain('"code":22');
    expect(ask('{"type":"read","key":"k"}')).toBe(`{"type":"read_ok","value":${value.replace(' ', '')}}`);
  });

  it('does not answer unknown types', () => {
    ask('{"type":"write","key":"k","value":1}');
    for (const type of ['"delete"', '"ts"', '"READ"', 'null', '1', '"toString"']) {
      expect(ask(`{"type":${type},"key":"k","value":2}`)).toBeUndefined();
    }
    expect(ask('{"key":"k","value":2}')).toBeUndefined();
    expect(ask('{"type":"read","key":"k"}')).toBe('{"type":"read_ok","value":1}');
  });
});

describe.each(STORES.slice(0, 2))('%s with create_if_not_exists', (_name, create) => {
  it.each(['true', '1', '0', '""', '{}'])('creates a missing key for %s, for any expected value', (flag) => {
    const store = create();
    const ask = (body: string) => replyText(store, 'n0', parseExact(body) as Record<string, unknown>);
    expect(ask(`{"type":"cas","key":"k","from":5,"to":1,"create_if_not_exists":${flag}}`)).toBe(DONE);
    expect(ask('{"type":"read","key":"k"}')).toBe('{"type":"read_ok","value":1}');
    expect(ask(`{"type":"cas","key":"k","from":5,"to":2,"create_if_not_exists":${flag}}`)).toContain('"code":22');
  });
});
