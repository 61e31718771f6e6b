import { describe, expect, it } from 'vitest';
import { ExactNumber, parseExact } from '../../src/protocol/exact-json.ts';
import {
  describeIssue,
  Envelope,
  isFlat,
  isMessage,
  NESTING_DEPTH_MAX,
  nestsTooDeep,
  parseLine,
} from '../../src/protocol/message.ts';
import { SeededRandom } from '../../src/protocol/random.ts';

/** Values that caused errors elsewhere. */
const VALUES = [
  undefined,
  null,
  true,
  0,
  1,
  -1,
  1.5,
  2 ** 53,
  -(2 ** 53),
  2 ** 53 - 1,
  Number.NaN,
  Infinity,
  '',
  'n0',
  '7',
  [],
  {},
  [1],
  { type: 'x' },
];

const omitUndefined = (fields: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

describe('an envelope', () => {
  it('is judged by hand exactly as by its schema', () => {
    const random = new SeededRandom('envelopes');
    const pick = (good: unknown) => (random.integer(4) === 0 ? random.pick(VALUES) : good);
    const judged = { sound: 0, unsound: 0 };
    for (let round = 0; round < 20_000; round++) {
      const body = omitUndefined({
        type: pick('echo'),
        msg_id: pick(random.pick([1, undefined])),
        in_reply_to: pick(random.pick([2, undefined])),
      });
      const message = pick(omitUndefined({ src: pick('c1'), dest: pick('n0'), body: pick(body) }));
      const sound = isMessage(message);
      expect({ message, sound }).toEqual({ message, sound: Envelope.safeParse(message).success });
      judged[sound ? 'sound' : 'unsound']++;
    }
    expect(Math.min(judged.sound, judged.unsound)).toBeGreaterThan(2000);
  });

  it.each([
    [7, 'message', 'message: expected object, received number'],
    [{ dest: 'n0', body: {} }, 'src', 'src: is missing'],
    [
      { src: 'c1', dest: 'n0', body: { type: 'x', msg_id: 1.5 } },
      'body.msg_id',
      'body.msg_id: expected int, received number',
    ],
    [
      { src: 'c1', dest: 'n0', body: { type: 'x', msg_id: new ExactNumber('1.0') } },
      'body.msg_id',
      'body.msg_id: expected number, received one that is written with a point or an exponent, or beyond 2^53',
    ],
    [
      { src: 'c1', dest: new ExactNumber('1.0'), body: { type: 'x' } },
      'dest',
      'dest: expected string, received number',
    ],
  ])('that is invalid is described by its field: %j', (message, field, text) => {
    expect(describeIssue(Envelope.safeParse(message).error, '')).toEqual({ field, text });
  });
});

describe('a body', () => {
  it('is flat only if its JSON, parsed without loss, is the same again', () => {
    for (const value of [...VALUES, -0, 1e21, -1.5e300]) {
      if (!isFlat({ value })) continue;
      expect(parseExact(JSON.stringify({ value }))).toEqual({ value });
    }
    for (const value of ['', 'n0', 0, -1, 1.5, 2 ** 53 - 1, true, null])
      expect(isFlat({ value }), `${value}`).toBe(true);
  });
});

describe('a line', () => {
  const parsed = (parse: (line: string) => unknown, line: string) => {
    try {
      const message = parse(line) as Record<string, unknown>;
      // The harness's own id is ignored.
      if (typeof message === 'object' && message !== null) delete message.id;
      return { message };
    } catch (error) {
      return { error: (error as Error).name };
    }
  };

  const body = '{"type":"echo","msg_id":1}';

  it.each([
    `{"id":1,"src":"c1","dest":"n0","body":${body}}`,
    `{"id":1,"src":"c1","dest":"n0","body":${body}} `,
    `{"id":1,"src":"c1","dest":"n0","body":${body}}}`,
    `{"id":1,"src":"c1","dest":"n0","body":${body},"extra":{}}`,
    `{"id":1,"src":"c1","dest":"n0","body":${body},"body":{"type":"other"}}`,
    `{"id":1,"src":"c1","dest":"n0","body":${body},"src":"c2"}`,
    `{"id":1,"src":"c1","dest":"n0","body":5}`,
    `{"id":1,"src":"c1","dest":"n0","body":}`,
    `{"id":1,"src":"c1","dest":"n0","body":"}`,
    `{"id":01,"src":"c1","dest":"n0","body":${body}}`,
    `{"id":1,"src":"c\\u0031","dest":"n\\"0","body":${body}}`,
    `{"id":1,"src":"c\t1","dest":"n0","body":${body}}`,
    `{"id":1,"src":"grüße 🌍","dest":"n0","body":${body}}`,
    `{"src":"c1","dest":"n0","body":${body}}`,
    `{"id":1,"src":"c1","dest":"n0","body":{"a":"\\u0000","__proto__":{"x":1}}}`,
    `{"id":1,"src":"c1","dest":"n0","body":${body}`,
    '',
    'null',
  ])('is parsed as JSON.parse parses it: %s', (line) => {
    expect(parsed(parseLine, line)).toEqual(parsed(JSON.parse, line));
  });
});

describe('the nesting of a line', () => {
  const nested = (depth: number, open: string, close: string, inmost: string) =>
    `${open.repeat(depth)}${inmost}${close.repeat(depth)}`;
  const long = `"${'x'.repeat(100 * NESTING_DEPTH_MAX)}"`;

  it.each(['1', long])('may be as deep as is said, and no deeper, in a short line and in a long one', (inmost) => {
    for (const [open, close] of [
      ['[', ']'],
      ['{"a":', '}'],
    ] as const)
      for (const more of [-1, 0, 1])
        expect(nestsTooDeep(nested(NESTING_DEPTH_MAX + more, open, close, inmost))).toBe(more > 0);
    const half = NESTING_DEPTH_MAX / 2;
    expect(nestsTooDeep(nested(half, '[', ']', nested(half, '{"a":', '}', inmost)))).toBe(false);
    expect(nestsTooDeep(nested(half, '[', ']', nested(half + 1, '{"a":', '}', inmost)))).toBe(true);
  });

  it('does not count brackets side by side, or in texts', () => {
    const many = '[1],'.repeat(2 * NESTING_DEPTH_MAX);
    expect(nestsTooDeep(`[${many}${long}]`)).toBe(false);
    expect(nestsTooDeep(`["${many.replaceAll(']', '{\\"')}",${long}]`)).toBe(false);
  });
});
