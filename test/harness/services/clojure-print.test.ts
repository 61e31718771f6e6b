/** Compares the printer with what Clojure 1.12 printed on Java 17 for the same values. */

import { describe, expect, it } from 'vitest';
import { printPlainly, printReadably } from '../../../src/harness/services/clojure-print.ts';
import { hashText } from '../../../src/protocol/clojure-hash.ts';
import { parseExact } from '../../../src/protocol/exact-json.ts';

const numbered = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`key${index}`, index]));

describe('printReadably', () => {
  it.each([
    ['{"ver":1,"x":[1,"a",null,true]}', '{"ver" 1, "x" [1 "a" nil true]}'],
    ['{}', '{}'],
    ['[]', '[]'],
    ['[1.0,10e6,0.001,9.99e-4,1e400,-1e400,-0.0,-0]', '[1.0 1.0E7 0.001 9.99E-4 ##Inf ##-Inf -0.0 0]'],
    ['123456789012345678901234567890', '123456789012345678901234567890'],
    ['"a\\"\\\\\\n\\t\\r\\f\\b\\u0001é/"', '"a\\"\\\\\\n\\t\\r\\f\\b\u0001é/"'],
    ['{"a\\"b":false}', '{"a\\"b" false}'],
  ])('prints %s', (json, text) => {
    expect(printReadably(parseExact(json))).toBe(text);
  });

  it('prints eight keys in their order and nine in the order of their hashes', () => {
    expect(printReadably(numbered(8))).toBe(
      '{"key0" 0, "key1" 1, "key2" 2, "key3" 3, "key4" 4, "key5" 5, "key6" 6, "key7" 7}',
    );
    expect(printReadably(numbered(9))).toBe(
      '{"key0" 0, "key3" 3, "key2" 2, "key4" 4, "key1" 1, "key8" 8, "key5" 5, "key7" 7, "key6" 6}',
    );
  });

  it('orders a greater map by more than one level of the trie', () => {
    const order = printReadably(numbered(40)).match(/(?<=key)\d+/g);
    expect(order?.join(' ')).toBe(
      '37 10 31 11 0 35 15 3 38 32 2 23 18 30 25 4 1 21 13 39 8 5 14 7 36 26 6 22 33 34 20 28 29 12 17 16 9 19 24 27',
    );
  });

  it('leaves keys of the same hash in the order in which they came', () => {
    const keys = ['a', 'b', 'é', '𝄞', 'Aa', 'BB', 'AaAa', 'BBBB', 'AaBB', '', 'z'];
    const text = printReadably(Object.fromEntries(keys.map((key) => [key, key.length])));
    expect(text).toBe('{"" 0, "z" 1, "é" 1, "AaAa" 4, "BBBB" 4, "AaBB" 4, "a" 1, "Aa" 2, "BB" 2, "𝄞" 2, "b" 1}');
  });
});

it('hashes strings as Clojure does', () => {
  const hashes = [0, 1455541201, 1715862179, -1545918685, -1107437598, 295916583, 295916583, 0];
  expect(['', 'a', 'hello', 'key0', 'é', 'AaAa', 'BBBB', 'f5a5a608'].map(hashText)).toEqual(hashes);
});

it('prints plainly only what is outermost', () => {
  const values = ['null', '"abc"', '[1,"a",null,true]', '{"a":"b"}', '1e400', '-1e400', 'true', '{"a":1e400}', '{}'];
  const printed = ['', 'abc', '[1 "a" nil true]', '{"a" "b"}', 'Infinity', '-Infinity', 'true', '{"a" ##Inf}', '{}'];
  expect(values.map((value) => printPlainly(parseExact(value)))).toEqual(printed);
});
