/** EDN as Jepsen writes it: every kind of form, cut anywhere, and what is wrong with a form that is none. */

import { describe, expect, it } from 'vitest';
import { readForms } from '../../../src/history/formats/edn-reader.ts';
import { canonicalKey, ExactNumber, parseExact } from '../../../src/protocol/exact-json.ts';

const read = (...pieces: string[]) => [...readForms(pieces)].map(({ value }) => value);

const FORMS: readonly (readonly [edn: string, json: string])[] = [
  ['nil', 'null'],
  ['true', 'true'],
  ['false', 'false'],
  ['0', '0'],
  ['-0', '0'],
  ['+17', '17'],
  ['-42', '-42'],
  ['9007199254740991', '9007199254740991'],
  ['9007199254740993', '9007199254740993'],
  ['-170141183460469231731687303715884105728', '-170141183460469231731687303715884105728'],
  ['12N', '12'],
  ['1234567890123456789012N', '1234567890123456789012'],
  ['0x1f', '31'],
  ['1.5', '1.5'],
  ['1.0', '1.0'],
  ['-0.0', '-0.0'],
  ['2.5e-3', '2.5E-3'],
  ['1E10', '1.0E10'],
  ['3M', '3.0'],
  ['2.25M', '2.25'],
  ['1/3', '"1/3"'],
  ['##Inf', '1E999'],
  ['##-Inf', '-1E999'],
  ['##NaN', '"NaN"'],
  [':ok', '"ok"'],
  [':jepsen.core/ok', '"jepsen.core/ok"'],
  ['::ok', '"ok"'],
  ['final?', '"final?"'],
  ['-', '"-"'],
  ['"a \\"b\\" \\\\ \\n\\t \\u00e9 é 🌍"', '"a \\"b\\" \\\\ \\n\\t é é 🌍"'],
  ['""', '""'],
  ['\\a', '"a"'],
  ['\\newline', '"\\n"'],
  ['\\u00e9', '"é"'],
  ['[\\( \\)]', '["(", ")"]'],
  ['[]', '[]'],
  ['[1 [2, 3] ()]', '[1, [2, 3], []]'],
  ['(:a "b")', '["a", "b"]'],
  ['#{3 1 2 :b :a}', '[1, 2, 3, "a", "b"]'],
  ['{}', '{}'],
  ['{:f :read, "7" [1], 5 nil}', '{"f": "read", "7": [1], "5": null}'],
  ['{[1 2] 3}', '{"[1,2]": 3}'],
  ['{:__proto__ 1}', '{"__proto__": 1}'],
  ['#:jepsen{:a 1, :b/c 2}', '{"jepsen/a": 1, "b/c": 2}'],
  ['#inst "2026-01-01"', '"2026-01-01"'],
  ['#jepsen.history.Op{:index 1, :type :ok}', '{"index": 1, "type": "ok"}'],
  ['#object[java.lang.Object 0x1a "x"]', '["java.lang.Object", 26, "x"]'],
  ['#"a.c"', '"a.c"'],
  ['^{:line 1} [2]', '[2]'],
  ["#'clojure.core/inc", '"clojure.core/inc"'],
  ['[1 #_ 2 #_[3 4] 5]', '[1, 5]'],
  ['[1 ; two ]\n 3]', '[1, 3]'],
];

describe('a form', () => {
  it.each(FORMS)('%s is %s in JSON', (edn, json) => {
    // In a map, so that a top-level vector is not taken for the list of all forms.
    const [value] = read(`{:value ${edn}}`) as [{ value: unknown }];
    expect(canonicalKey(value.value)).toBe(canonicalKey(parseExact(json)));
  });

  it('of a large integer or a whole double keeps what a number of JavaScript would lose', () => {
    expect(read('{:a [1.0 9007199254740993]}')).toEqual([
      { a: [new ExactNumber('1.0'), new ExactNumber('9007199254740993')] },
    ]);
  });
});

describe('a text of many forms', () => {
  const text = `; history\n${FORMS.map(([edn]) => `{:value ${edn}}`).join('\n')} ; end`;
  const whole = read(text);

  it('has all of them', () => {
    expect(whole).toHaveLength(FORMS.length);
  });

  it.each([1, 2, 3, 7, 64])('is the same in pieces of %i characters', (size) => {
    const pieces = Array.from({ length: Math.ceil(text.length / size) }, (_, index) =>
      text.slice(index * size, (index + 1) * size),
    );
    expect(read(...pieces)).toEqual(whole);
  });

  it('may be one vector or one list', () => {
    expect(read('[{:a 1}', '\n {:a 2}]')).toEqual([{ a: 1 }, { a: 2 }]);
    expect(read('({:a 1} {:a 2})')).toEqual([{ a: 1 }, { a: 2 }]);
  });

  it('has the place of each', () => {
    const places = [...readForms(['{:a 1}\n\n', '  {:b\n 2} {:c 3}'])].map(({ line, column }) => [line, column]);
    expect(places).toEqual([
      [1, 1],
      [3, 3],
      [4, 5],
    ]);
  });

  it('may be empty', () => {
    expect(read('')).toEqual([]);
    expect(read(' ; nothing')).toEqual([]);
  });
});

describe('a malformed text', () => {
  it.each([
    ['{:a 1', 'line 1, column 1: this bracket is never closed'],
    ['{:b 1}\n[{:a 1}', 'line 2, column 1: this bracket is never closed'],
    ['{:a 1}\n{:a\n  1 2}', 'line 2, column 1: a map needs a value for each key'],
    ['{:a "abc', 'line 1, column 5: this string is never closed'],
    ['{:a\n  12x}', 'line 2, column 3: 12x is no number'],
    ['{:a 1}}', 'line 1, column 7: } closes nothing'],
    ['{:a ]}', 'line 1, column 5: ] closes nothing'],
    ['{:a "\\q"}', 'line 1, column 7: there is no escape \\q'],
    ['{:a "\\u12"}', 'line 1, column 7: expected four hexadecimal digits after \\u'],
    ['{:a \\foo}', 'line 1, column 5: there is no character \\foo'],
    ['{:a ##Big}', 'line 1, column 5: there is no ##Big'],
    ['{:a #}', 'line 1, column 5: expected a tag after #'],
    ['{:a #:b[1]}', 'line 1, column 8: expected a map after its namespace'],
    ['{:a #inst', 'line 1, column 10: a form is missing here: the text ends'],
    [`{:a ${'['.repeat(600)}`, 'line 1, column 504: brackets are nested more than 500 deep'],
  ])('%s is refused', (text, says) => {
    expect(() => read(text)).toThrow(says);
    // In pieces the place is the same.
    expect(() => read(...text)).toThrow(says);
  });
});
