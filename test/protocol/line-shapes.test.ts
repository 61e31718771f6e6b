/** Shapes of lines: what they take apart is what the parser reads, at bounded cost. */

import { describe, expect, it } from 'vitest';
import { LineShapes } from '../../src/protocol/line-shapes.ts';
import { parseLine } from '../../src/protocol/message.ts';
import { fuzzLines } from '../support/line-fuzz.ts';

const line = (body: string, src = 'c1') => `{"id":7,"src":"${src}","dest":"n0","body":${body}}`;
const echo = (text: string, id: number | string = 1) => line(`{"echo":"${text}","type":"echo","msg_id":${id}}`);

/** Shapes that know the line. */
function taught(...lines: readonly string[]): LineShapes {
  const shapes = new LineShapes();
  for (const known of lines) shapes.match(known);
  expect(shapes.learned).toBe(lines.length);
  return shapes;
}

describe('shapes of lines', () => {
  it('read a million lines as the parser does, or leave them to it (here the first 20,000)', () => {
    const { wrong, matched, lines } = fuzzLines(1, 20_000);
    expect(wrong).toBeUndefined();
    expect(matched / lines).toBeGreaterThan(0.15);
  });

  it.each([
    echo('b', 2),
    echo(''),
    echo('Please echo 17, which is longer', -999_999_999_999_999),
    echo('ü 😀 \u007f\u0080\u2028 \ud800', '-0'),
    line('{"echo":"x","type":"echo","msg_id":3}', 'another'),
  ])('take apart a line like an earlier one: %s', (alike) => {
    const message = taught(echo('a')).match(alike);
    expect(message).toStrictEqual(parseLine(alike));
    expect(Object.keys(message?.body ?? {})).toEqual(['echo', 'type', 'msg_id']);
  });

  it.each([
    ['an escape', echo('\\n')],
    ['a control character', echo('\t')],
    ['16 digits', echo('a', '1000000000000000')],
    ['a leading zero', echo('a', '01')],
    ['a double', echo('a', '1.0')],
    ['an exponent', echo('a', '1e3')],
    ['a value of another kind', echo('a', '"1"')],
    ['another type', echo('a').replace('"type":"echo"', '"type":"ehco"')],
    ['another receiver', echo('a').replace('"n0"', '"n1"')],
    ['another order of keys', line('{"type":"echo","echo":"a","msg_id":1}')],
    ['a key more', line('{"echo":"a","type":"echo","msg_id":1,"x":1}')],
    ['a key twice', line('{"echo":"a","echo":"b","type":"echo","msg_id":1}')],
    ['a space', `${echo('a')} `],
    ['a member after the body', echo('a').replace(/\}$/, ',"src":"c2"}')],
    ['an empty sender', line('{"echo":"a","type":"echo","msg_id":1}', '')],
    ['a sender with a control character', line('{"echo":"a","type":"echo","msg_id":1}', 'c\u0080')],
    ['more than 1024 characters', echo('a'.repeat(1024))],
  ])('leave a line with %s to the parser', (_, other) => {
    expect(taught(echo('a')).match(other)).toBeUndefined();
  });

  it.each([
    ['a key that JavaScript moves to the front', '{"b":1,"1":2,"type":"x"}'],
    ['a prototype', '{"__proto__":1,"type":"x"}'],
    ['a key twice', '{"a":1,"a":2,"type":"x"}'],
    ['two types', '{"type":"x","type":"x"}'],
    ['no type', '{"a":1}'],
    ['a type that is no text', '{"type":1}'],
    ['a nested value', '{"a":[],"type":"x"}'],
    ['an escape', '{"a":"\\n","type":"x"}'],
    ['no members', '{}'],
    ['something missing', '{"type":"x"'],
    ['a literal after a value of the same key', '{"a":1,"a":true,"type":"x"}'],
    ['something else in its place', '{"type":"x"} '],
    ['a space', '{"type": "x"}'],
  ])('are not learned from a body with %s', (_, body) => {
    const shapes = new LineShapes();
    for (let times = 0; times < 3; times++) expect(shapes.match(line(body))).toBeUndefined();
    expect(shapes.learned).toBe(0);
  });

  it('leave every beginning of a line to the parser', () => {
    for (const whole of [echo('a'), line('{"type":"a"}'), line('{"":1}')]) {
      const shapes = taught(echo('a'));
      for (let end = 0; end < whole.length; end++) expect(shapes.match(whole.slice(0, end))).toBeUndefined();
    }
  });

  it('give every message a body of its own', () => {
    const shapes = taught(echo('a'));
    const [first, second] = [shapes.match(echo('b')), shapes.match(echo('c'))];
    expect(first?.body).toStrictEqual({ echo: 'b', type: 'echo', msg_id: 1 });
    expect(second?.body).toStrictEqual({ echo: 'c', type: 'echo', msg_id: 1 });
  });

  it('tell apart lines of equal length', () => {
    const read = (key: number) => line(`{"type":"read","key":${key},"msg_id":1}`);
    const scan = (key: number) => line(`{"type":"scan","key":${key},"msg_id":1}`);
    const text = (key: string) => line(`{"type":"read","key":"${key}"}`);
    const shapes = taught(read(1), scan(1), text('a'));
    for (let round = 0; round < 20; round++)
      for (const known of [read(round), scan(round), text(`k${round}`)]) {
        expect(shapes.match(known)).toStrictEqual(parseLine(known));
      }
    expect(shapes.size).toBe(3);
  });

  it('stay few, and are learned rarely, however much senders invent', () => {
    const shapes = new LineShapes();
    const count = 50_000;
    for (let number = 0; number < count; number++) shapes.match(line(`{"type":"t${number}","k${number}":1}`));
    expect(shapes.learned).toBeGreaterThan(16);
    expect(shapes.learned).toBeLessThanOrEqual(16 + count / 256);
    expect(shapes.size).toBeLessThanOrEqual(128);
    // A sender of other lines gets its shape when the inventions end.
    for (let number = 0; number < 300; number++) shapes.match(echo(`text ${number}`));
    expect(shapes.match(echo('b'))).toStrictEqual(parseLine(echo('b')));
  });

  it('fail on a nearly right line in time proportional to its length', () => {
    // Tried in every way to divide it among 60 texts, this line would take longer than the universe has.
    const body = (texts: string) => {
      const members = Array.from({ length: 60 }, (_, number) => `"a${number}":"${texts}"`);
      return `{"type":"x",${members.join(',')},"z":1}`;
    };
    const shapes = taught(line(body('aaa')));
    for (let round = 0; round < 200; round++) {
      expect(shapes.match(line(body('aaaa').replace(':1}', ':1a}')))).toBeUndefined();
      expect(shapes.match(line(body('0000').replace(':1}', `:${'0'.repeat(20)}}`)))).toBeUndefined();
    }
    expect(shapes.match(line(body('aaaa')))).toStrictEqual(parseLine(line(body('aaaa'))));
  });
});
