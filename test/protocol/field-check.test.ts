import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { checkFields } from '../../src/protocol/field-check.ts';
import { SeededRandom } from '../../src/protocol/random.ts';

const FIELDS = {
  must: z.string(),
  exact: z.int().min(1).exactOptional(),
  loose: z.string().optional(),
  unknown: z.unknown(),
  fallback: z.string().default('none').optional(),
  texts: z.array(z.string()).exactOptional(),
  short: z.array(z.string().max(3)).exactOptional(),
  few: z.array(z.string()).max(1).exactOptional(),
};

/** Judged by hand, but for `texts`. */
const SIMPLE_FIELDS = {
  any: z.unknown(),
  text: z.string(),
  name: z.string().min(1).max(3).describe('a name'),
  integer: z.int(),
  few: z.int().min(1).max(5),
  flag: z.boolean(),
  word: z.enum(['yes', 'no']),
  maybe: z.string().max(2).exactOptional(),
  count: z.int().min(-1).exactOptional(),
  whatnot: z.unknown().exactOptional(),
  texts: z.array(z.string()).exactOptional(),
};

/** Fields that look simple and are not. */
const DECEPTIVE_FIELDS = {
  trimmed: z.string().trim(),
  even: z.int().multipleOf(2),
  above: z.int().gt(1),
  below: z.int().lt(5),
  small: z.int32(),
  double: z.number(),
  mail: z.email(),
  pattern: z.string().regex(/a/),
  refined: z.string().refine((text) => text !== 'aa'),
  coerced: z.coerce.string(),
  fallback: z.string().default('none'),
  piped: z.string().transform((text) => text.length),
  nullable: z.string().nullable(),
  nothing: z.null(),
  loose: z.string().optional(),
};

const NUMBERS = [0, -0, 1, -1, 2, 5, 6, 1.5, 2 ** 53 - 1, 2 ** 53, -(2 ** 53), Number.NaN, Infinity];
const TEXTS = ['', 'a', 'aa', 'abc', 'abcd', 'yes', ' a ', '1', '😀', '\ud800', 'a@b.cd'];
const ANY_VALUES: readonly unknown[] = [...NUMBERS, ...TEXTS, undefined, null, true, false, [], {}, ['a'], [1], 5n];

const sparse: unknown[] = ['a'];
sparse[2] = 'b';

const VALUES: Readonly<Record<string, readonly unknown[]>> = {
  must: ['', 1, undefined],
  exact: [1, 0, undefined],
  loose: ['', 1, undefined],
  unknown: [null, undefined],
  fallback: ['x', undefined, 3],
  texts: [[], ['a', 'b'], ['a', 1], 'a', sparse, undefined],
  short: [['abc'], ['abcd']],
  few: [['a'], ['a', 'b']],
};

describe('a check of fields', () => {
  it('judges as the zod object does, with the same texts', () => {
    const check = checkFields(FIELDS);
    const whole = z.object(FIELDS);
    const agree = (body: unknown) => {
      const [own, zods] = [check.safeParse(body), whole.safeParse(body)];
      expect({ body, ...own }).toEqual({ body, ...zods });
    };
    const sound = { must: 'x', unknown: 1 };
    for (const body of [sound, {}, null, 'text', [], { ...sound, other: 1 }]) agree(body);
    for (const [name, values] of Object.entries(VALUES)) {
      for (const value of values) {
        agree({ ...sound, [name]: value });
        agree({ ...sound, exact: 5, texts: ['q'], [name]: value });
      }
    }
  });

  it('judges simple fields by hand as the zod object does', () => {
    const random = new SeededRandom('simple fields');
    const sound = { any: 1, text: 'a', name: 'n', integer: 7, few: 5, flag: true, word: 'no' };
    const judged = { sound: 0, unsound: 0 };
    const check = checkFields(SIMPLE_FIELDS);
    const whole = z.object(SIMPLE_FIELDS);
    for (let round = 0; round < 5000; round++) {
      const body: Record<string, unknown> = { type: 'x', ...sound, maybe: 'm', count: 3, msg_id: 4 };
      for (let changes = random.integer(4); changes > 0; changes--) {
        const name = random.pick([...Object.keys(SIMPLE_FIELDS), 'undeclared', '__proto__']);
        if (random.integer(3) === 0) delete body[name];
        else body[name] = random.pick(ANY_VALUES);
      }
      const [own, zods] = [check.safeParse(body), whole.safeParse(body)];
      expect({ body, ...own }).toStrictEqual({ body, ...zods });
      expect(Object.keys(own.data ?? {})).toEqual(Object.keys(zods.data ?? {}));
      expect(check.findError(body)).toStrictEqual(zods.error);
      judged[own.success ? 'sound' : 'unsound']++;
    }
    expect(Math.min(judged.sound, judged.unsound)).toBeGreaterThan(1000);
    for (const value of ANY_VALUES) expect(check.findError(value) === undefined).toBe(whole.safeParse(value).success);
  });

  it.each(Object.entries(DECEPTIVE_FIELDS))('leaves a field to zod: %s', (name, schema) => {
    for (const fields of [{ [name]: schema }, { [name]: schema.exactOptional() }] as const) {
      const [check, whole] = [checkFields(fields), z.object(fields)];
      for (const value of ANY_VALUES)
        for (const body of [{ [name]: value }, {}]) {
          expect(check.safeParse(body)).toStrictEqual(whole.safeParse(body));
          expect(check.findError(body)).toStrictEqual(whole.safeParse(body).error);
        }
    }
  });
});
