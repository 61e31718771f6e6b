/**
 * Judges fields by hand where that is possible. A body that is sound is accepted here. About every other body, and
 * about fields of other kinds, the schema decides.
 */

import * as z from 'zod';
import { type Acceptance, acceptanceOf } from './acceptance.ts';
import { fits, type SimpleValue, simpleValueOf } from './simple-value.ts';

interface Field {
  readonly name: string;
  readonly isOptional: boolean;
  /** Undefined: it is not simple, so only the schema can copy it. */
  readonly simple: SimpleValue | undefined;
  /** Undefined: only the schema can judge it. */
  readonly accepts: Acceptance | undefined;
}

export class SimpleFields {
  readonly #fields: readonly Field[];
  /** Whether every body has a field that only the schema can copy. */
  readonly #isNeverPicked: boolean;

  private constructor(fields: readonly Field[]) {
    this.#fields = fields;
    this.#isNeverPicked = fields.some(({ simple, isOptional }) => simple === undefined && !isOptional);
  }

  /** Undefined if the schema must judge every body: it alone can judge one of the fields, which is always there. */
  static of(fields: Readonly<Record<string, z.ZodType>>): SimpleFields | undefined {
    const known = Object.entries(fields).map(([name, schema]) => fieldOf(name, schema));
    return known.some(({ accepts, isOptional }) => accepts === undefined && !isOptional)
      ? undefined
      : new SimpleFields(known);
  }

  /** Whether a value is certainly sound. False: a schema must decide. */
  accept(body: unknown): boolean {
    if (typeof body !== 'object' || body === null) return false;
    for (const field of this.#fields) {
      const value = (body as Record<string, unknown>)[field.name];
      if (value === undefined ? !isAbsent(field, body) : !isAccepted(field, value)) return false;
    }
    return true;
  }

  /** The declared fields of a sound body, in the order of their declaration; undefined: a schema must decide. */
  pick(body: unknown): Record<string, unknown> | undefined {
    if (this.#isNeverPicked || typeof body !== 'object' || body === null) return undefined;
    const picked: Record<string, unknown> = {};
    for (const field of this.#fields) {
      const value = (body as Record<string, unknown>)[field.name];
      if (value === undefined) {
        if (!isAbsent(field, body)) return undefined;
      } else if (field.simple === undefined || !fits(field.simple, value)) return undefined;
      else picked[field.name] = value;
    }
    return picked;
  }
}

function isAbsent({ name, isOptional }: Field, body: object): boolean {
  return isOptional && !(name in body);
}

function isAccepted({ simple, accepts }: Field, value: unknown): boolean {
  return simple === undefined ? accepts?.(value) === true : fits(simple, value);
}

function fieldOf(name: string, declared: z.ZodType): Field {
  const mayBeAbsent = declared instanceof z.ZodExactOptional;
  const schema = mayBeAbsent ? (declared.unwrap() as z.ZodType) : declared;
  const [simple, accepts] = [simpleValueOf(schema), acceptanceOf(schema)];
  // A schema may have a default for what is absent.
  const isOptional = mayBeAbsent && (accepts !== undefined || !schema.safeParse(undefined).success);
  return { name, isOptional, simple, accepts };
}
