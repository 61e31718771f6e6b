import { describe, expect, it } from 'vitest';
import { judgeLine } from '../../src/harness/node-output.ts';
import { stringifyExact } from '../../src/protocol/exact-json.ts';

const NOT_JSON = 'n0 printed a line that is not JSON; stdout is for messages only, logs belong on stderr';
const NOT_AN_OBJECT = 'n0 printed JSON that is not an object';

/** Judges a right line with some fields replaced by the given JSON. */
function judgeWith(fields: Readonly<Record<string, string>>) {
  const all = { src: '"n0"', dest: '"c1"', body: '{}', ...fields };
  return judgeLine('n0', `{${Object.entries(all).map(([name, json]) => `"${name}": ${json}`)}}`);
}

describe('a line of a node', () => {
  it('is one message of its own', () => {
    const body = { type: 'echo_ok', in_reply_to: 1, echo: [null] };
    expect(judgeLine('n0', JSON.stringify({ src: 'n0', dest: 'c1', body }))).toEqual({
      message: { src: 'n0', dest: 'c1', body },
    });
  });

  it.each(['0', '-7', '9007199254740993', '595172839467794432'])('may have the id %s, which has no use', (id) => {
    expect(judgeWith({ id })).toEqual({ message: { src: 'n0', dest: 'c1', body: {} } });
  });

  it('may have white space around and within it', () => {
    expect(judgeLine('n0', ' {"src" :"n0",\t"dest":"c1", "body":{} }\r')).toHaveProperty('message');
  });

  it('keeps integers beyond 2^53, and doubles that are whole', () => {
    const body = '{"type":"generate_ok","id":595172839467794433,"deep":[1.0,{"more":-9007199254740993}]}';
    const judged = judgeWith({ body });
    expect('message' in judged && stringifyExact(judged.message.body)).toBe(body);
  });

  it('may be addressed to any id; the network knows which exist', () => {
    expect(judgeWith({ dest: '"n9"' })).toEqual({ message: { src: 'n0', dest: 'n9', body: {} } });
  });

  it.each(['', ' ', '\r'])('that is %j is empty', (line) => {
    const text = 'n0 printed an empty line; stdout is for messages only, one a line';
    expect(judgeLine('n0', line)).toEqual({ rule: 'json', text });
  });

  it.each(['Listening on port 8080', 'NaN', 'undefined', '💥'])('that is %j is not JSON', (line) => {
    expect(judgeLine('n0', line)).toEqual({ rule: 'json', text: NOT_JSON });
  });

  const AS_LOGS = '; stdout is for messages only, logs belong on stderr';
  const NEWLINES = '; every message must end with a newline';

  it.each([
    ['{"src": "n0", "dest": "c1", "body": {}', 'it ends too early; every message is one whole line'],
    ['{"src": "n', 'it ends too early; every message is one whole line'],
    ['{"src":"n0"} {}', `after a message it goes on at column 14, with "{}"${NEWLINES}`],
    ['{"src":"n0"}{"src":"n0","d', `after a message it goes on at column 13, with "{\\"src\\":\\"n0\\",…"${NEWLINES}`],
    ["{'src': 'n0'}", `it is wrong from column 2 on, where it has "'src': 'n0'}"${AS_LOGS}`],
    ['{"💥": 01}', `it is wrong from column 8 on, where it has "1}"${AS_LOGS}`],
    ['{"a\\x": 1}', `it is wrong from column 4 on, where it has "\\\\x\\": 1}"${AS_LOGS}`],
    ['[info] ready', `it is wrong from column 2 on, where it has "info] ready"${AS_LOGS}`],
    ['2026-11-30 ready', `it is wrong from column 5 on, where it has "-11-30 ready"${AS_LOGS}`],
    ['1 1', `it is wrong from column 3 on, where it has "1"${AS_LOGS}`],
    ['\uFEFF{}', `it begins with the invisible character U+FEFF (byte order mark)${AS_LOGS}`],
    ['\uFEFF', `it begins with the invisible character U+FEFF (byte order mark)${AS_LOGS}`],
    ['\u00A0', `it begins with the invisible character U+00A0 (no-break space)${AS_LOGS}`],
    ['{"a": "\t"}', `at column 8 it has the invisible character U+0009 (tab)${AS_LOGS}`],
    ['{"a": "x\ry"}', `at column 9 it has the invisible character U+000D (carriage return)${AS_LOGS}`],
    ['{\u0000', `at column 2 it has the invisible character U+0000 (NUL, as in UTF-16)${AS_LOGS}`],
    ['{"a"\u00AD:1}', `at column 5 it has the invisible character U+00AD (soft hyphen)${AS_LOGS}`],
    ['{"a":\u{E0020}1}', `at column 6 it has the invisible character U+E0020${AS_LOGS}`],
    ['{}\u200B', `at column 3 it has the invisible character U+200B (zero width space)${AS_LOGS}`],
    ['\u3164{}', `it begins with the invisible character U+3164${AS_LOGS}`],
  ])('that is %j is not JSON, and the position is given', (line, what) => {
    expect(judgeLine('n0', line)).toEqual({ rule: 'json', text: `n0 printed a line that is not JSON: ${what}` });
  });

  it.each(['[]', '[{"src":"n0","dest":"c1","body":{}}]', 'null', '12', '12345678901234567890', '"a"', 'true'])(
    'that is %j is not an object',
    (line) => {
      expect(judgeLine('n0', line)).toEqual({ rule: 'message', text: NOT_AN_OBJECT });
    },
  );

  it.each(['null', '1', '["n0"]', '{}'])('has a src that is a string, not %s', (src) => {
    const text = 'n0 sent a message whose src is not a string';
    expect(judgeWith({ src })).toEqual({ rule: 'message', text });
  });

  it.each(['null', '1', '["c1"]', '{}'])('has a dest that is a string, not %s', (dest) => {
    const text = 'n0 sent a message whose dest is not a string';
    expect(judgeWith({ dest })).toEqual({ rule: 'message', text });
  });

  it.each(['null', '1', '"x"', '[]', '[["type", "x"]]', '595172839467794432'])(
    'has a body that is an object, not %s',
    (body) => {
      const text = 'n0 sent a message whose body is not an object';
      expect(judgeWith({ body })).toEqual({ rule: 'message', text });
    },
  );

  it.each(['null', '"1"', '1.5', '1.0', '1e3', '1e999', '[]', '{}'])('has no id that is %s', (id) => {
    const text = 'n0 sent a message whose id is not an integer';
    expect(judgeWith({ id })).toEqual({ rule: 'message', text });
  });

  it.each([
    ['{"dest":"c1","body":{}}', 'n0 sent a message whose src is not a string'],
    ['{"src":"n0","body":{}}', 'n0 sent a message whose dest is not a string'],
    ['{"src":"n0","dest":"c1"}', 'n0 sent a message whose body is not an object'],
    ['{}', 'n0 sent a message whose src is not a string'],
  ])('lacks nothing: %s', (line, text) => {
    expect(judgeLine('n0', line)).toEqual({ rule: 'message', text });
  });

  it.each(['type', 'msg_id', '__proto__', 'with "quotes"'])('has no key %j of its own', (key) => {
    const line = `{"src":"n0","dest":"c1","body":{},${JSON.stringify(key)}:1}`;
    const text = `n0 sent a message with the key ${JSON.stringify(key)} beside src, dest and body`;
    expect(judgeLine('n0', line)).toEqual({ rule: 'extra-key', text });
  });

  it.each([
    ['Src', '"Src"'],
    ['src\u200B', '"src\\u200b"'],
    ['\uFEFFsrc', '"\\ufeffsrc"'],
  ])('has no key %j in place of a right one', (key, shown) => {
    const line = `{${JSON.stringify(key)}:"n0","dest":"c1","body":{}}`;
    const text = `n0 sent a message with the key ${shown} beside src, dest and body`;
    expect(judgeLine('n0', line)).toEqual({ rule: 'extra-key', text });
  });

  it.each(['n1', 'c1', 'N0', ''])('does not say that it is from %j', (src) => {
    const text = `n0 sent a message that says it is from ${JSON.stringify(src)}`;
    expect(judgeWith({ src: JSON.stringify(src) })).toEqual({ rule: 'spoofed-src', text });
  });

  it('may nest deeply, but not so deeply that other parsers fail', () => {
    const nested = (depth: number) => `{"type":"x","v":${'['.repeat(depth)}${']'.repeat(depth)}}`;
    // The envelope and the body add two levels.
    expect(judgeWith({ body: nested(998) })).toHaveProperty('message');
    const text = 'n0 printed JSON that nests deeper than 1000 levels';
    expect(judgeWith({ body: nested(999) })).toEqual({ rule: 'message', text });
    expect(judgeWith({ body: nested(100_000) })).toEqual({ rule: 'message', text });
    expect(judgeLine('n0', '['.repeat(100_000))).toEqual({ rule: 'message', text });
  });
});
