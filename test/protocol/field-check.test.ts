import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { checkFields } from '../../src/protocol/field-check.ts';

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
});
