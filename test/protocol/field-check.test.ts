import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { acceptanceOf } from '../../src/protocol/acceptance.ts';
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

const isEven = (value: unknown) => typeof value === 'number' && value % 2 === 0;

/** Accepted by hand, and copied by zod. */
const NESTED_FIELDS = {
  list: z.array(z.unknown()),
  texts: z.array(z.string().max(2)).nullable(),
  pairs: z.array(z.tuple([z.int(), z.unknown()])),
  logs: z.record(z.string(), z.array(z.tuple([z.custom<number>(isEven), z.unknown()])).nullable()),
  words: z.array(z.tuple([z.enum(['r', 'w']), z.unknown()]).refine(([f, value]) => f === 'w' || value === null)),
  evens: z.array(z.int()).refine((all) => all.length % 2 === 0),
  maybe: z.record(z.string(), z.int()).exactOptional(),
};

const NESTED_VALUES: readonly unknown[] = [
  ...[[], [1], [1, 2], ['a', 'bb'], ['abc'], [undefined], [null], {}, null, undefined, 'text', 7, new Date(0)],
  ...[[[1, 'x']], [[1]], [[1, 2, 3]], [['1', 2]], [[1.5, 2]], [[1, undefined]], [[2, 1], 5], { 0: [1, 2], length: 1 }],
  ...[{ a: null }, { a: [] }, { a: [[2, 'x']], b: null }, { a: [[1, 'x']] }, { a: [[2]] }, { a: 5 }, { a: 1, b: 2 }],
  ...[
    { a: undefined },
    { constructor: [] },
    { constructor: 4 },
    Object.create(null),
    Object.create({ a: 'inherited' }),
  ],
  ...[
    [['r', null]],
    [['r', 1]],
    [['w', 1]],
    [['x', 1]],
    [
      ['w', 1],
      ['r', null],
    ],
    [
      ['w', 1],
      ['r', 2],
    ],
  ],
  JSON.parse('{"__proto__": [[2, 1]]}'),
  JSON.parse('{"__proto__": "x", "a": 3}'),
];

/** Nested values that only zod can judge. */
const DECEPTIVE_NESTS = {
  atLeastOne: z.array(z.int()).min(1),
  trimmed: z.array(z.string().trim()),
  rest: z.tuple([z.int()]).rest(z.string()),
  open: z.tuple([z.int(), z.string().optional()]),
  keyed: z.record(z.string().max(1), z.int()),
  enumerated: z.record(z.enum(['a', 'b']), z.int()),
  object: z.object({ a: z.int() }),
  union: z.union([z.int(), z.array(z.int())]),
  changed: z.array(z.int()).overwrite((all) => [...all, 1]),
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

  it('accepts lists, tuples and records exactly where the zod object does', () => {
    const judged = { sound: 0, unsound: 0 };
    for (const [name, schema] of Object.entries({ ...NESTED_FIELDS, ...DECEPTIVE_NESTS })) {
      const [check, whole] = [checkFields({ [name]: schema }), z.object({ [name]: schema })];
      for (const value of NESTED_VALUES)
        for (const body of [{ [name]: value }, {}]) {
          const zods = whole.safeParse(body);
          expect({ body, error: check.findError(body) }).toStrictEqual({ body, error: zods.error });
          expect(check.safeParse(body)).toEqual(zods);
          judged[zods.success ? 'sound' : 'unsound']++;
        }
    }
    expect(Math.min(judged.sound, judged.unsound)).toBeGreaterThan(80);
  });

  it.each(Object.entries(NESTED_FIELDS))('needs no schema for a sound field: %s', (_name, schema) => {
    const nested = schema instanceof z.ZodExactOptional ? schema.unwrap() : schema;
    const accepts = acceptanceOf(nested) as (value: unknown) => boolean;
    const sound = NESTED_VALUES.filter((value) => nested.safeParse(value).success);
    // A list that lacks an item, and a record without a prototype or with that key, are left to the schema.
    expect(sound.filter(accepts).length).toBeGreaterThanOrEqual(Math.max(2, sound.length - 4));
  });

  it.each(Object.entries(DECEPTIVE_NESTS))('leaves a nested field to zod: %s', (_name, schema) => {
    expect(acceptanceOf(schema)).toBeUndefined();
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
