import { describe, expect, it } from 'vitest';
import { describeIssue, Envelope, isMessage } from '../../src/protocol/message.ts';
import { SeededRandom } from '../../src/protocol/random.ts';

/** Values that have gone wrong somewhere else. */
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
  ])('that is unsound is described by its field: %j', (message, field, text) => {
    expect(describeIssue(Envelope.safeParse(message).error, '')).toEqual({ field, text });
  });
});
