/**
 * Judges the fields of a body as a zod object does, in less time for small bodies. An error is always described by the
 * whole schema.
 *
 * zod visits every optional field, absent or not. For a small body that costs more than all the rest. So a body is
 * checked by the schema of exactly the fields it has, which is made on first use.
 */

import * as z from 'zod';
import { once } from './once.ts';
import { SimpleFields } from './simple-fields.ts';

export type Fields = Readonly<Record<string, z.ZodType>>;

export interface FieldCheck<Output> {
  safeParse(body: unknown): z.ZodSafeParseResult<Output>;
  /** What is wrong with a body; undefined if nothing is. For bodies that are not read any further. */
  findError(body: unknown): z.ZodError<Output> | undefined;
}

/**
 * Every subset of the optional fields that was ever met has its own schema. With more optional fields than this there
 * is only one schema.
 */
const OPTIONAL_FIELDS_MAX = 8;

export function checkFields<Output>(fields: Fields): FieldCheck<Output> {
  // Made for the first body: most declarations are never used by a process, and its start would wait for all of them.
  const simpleFields = once(() => SimpleFields.of(fields));
  const judge = once(() => judgeOf<Output>(fields));
  return {
    safeParse: (body) => {
      const data = simpleFields()?.pick(body);
      return data === undefined ? judge()(body) : { success: true, data: data as Output };
    },
    findError: (body) => (simpleFields()?.accept(body) ? undefined : judge()(body).error),
  };
}

/** The judgement of the schema. */
function judgeOf<Output>(fields: Fields): (body: unknown) => z.ZodSafeParseResult<Output> {
  const whole = z.object(fields) as unknown as z.ZodType<Output>;
  const optional = Object.keys(fields).filter((name) => isOptional(fields[name] as z.ZodType));
  if (optional.length > OPTIONAL_FIELDS_MAX) return (body) => whole.safeParse(body);
  const subsets: (z.ZodType<Output> | undefined)[] = [];
  return (body) => {
    if (typeof body !== 'object' || body === null) return whole.safeParse(body);
    let present = 0;
    for (let index = 0; index < optional.length; index++) {
      if ((optional[index] as string) in body) present |= 1 << index;
    }
    let schema = subsets[present];
    if (schema === undefined) {
      const absent = new Set(optional.filter((_, index) => (present & (1 << index)) === 0));
      schema = subsetOf<Output>(fields, absent);
      subsets[present] = schema;
    }
    const checked = schema.safeParse(body);
    return checked.success ? checked : whole.safeParse(body);
  };
}

function subsetOf<Output>(fields: Fields, absent: ReadonlySet<string>): z.ZodType<Output> {
  const present = Object.entries(fields).filter(([name]) => !absent.has(name));
  return z.object(
    Object.fromEntries(present.map(([name, schema]) => [name, unwrapped(schema)])),
  ) as unknown as z.ZodType<Output>;
}

/** The schema of a field that is present. */
function unwrapped(schema: z.ZodType): z.ZodType {
  return schema instanceof z.ZodExactOptional ? (schema.unwrap() as z.ZodType) : schema;
}

/** A field that may be absent, and is then absent from the result too: it has no default. */
function isOptional(schema: z.ZodType): boolean {
  const mayBeMissing = schema instanceof z.ZodOptional || schema instanceof z.ZodExactOptional;
  return mayBeMissing && !(schema.unwrap() as z.ZodType).safeParse(undefined).success;
}
