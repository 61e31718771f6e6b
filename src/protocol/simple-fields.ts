/**
 * Judges simple fields by hand: texts, integers, booleans, words of a list and values of any kind, with their limits.
 * That takes a fifth of the time of a schema. A body that is sound is accepted here; about every other body, and about
 * fields of other kinds, the schema decides.
 */

import * as z from 'zod';

/** `other`: only a schema can judge it. */
type Kind = 'text' | 'integer' | 'boolean' | 'word' | 'any' | 'other';

interface SimpleField {
  readonly name: string;
  readonly isOptional: boolean;
  readonly kind: Kind;
  /** Of an integer, or of the length of a text. */
  readonly least: number;
  readonly most: number;
  readonly words: ReadonlySet<unknown>;
}

type Limits = Pick<SimpleField, 'least' | 'most'>;

const NO_LIMITS: Limits = { least: Number.NEGATIVE_INFINITY, most: Number.POSITIVE_INFINITY };

export class SimpleFields {
  readonly #fields: readonly SimpleField[];

  private constructor(fields: readonly SimpleField[]) {
    this.#fields = fields;
  }

  /** Undefined if a schema must judge every body: one of the fields is not simple, and always there. */
  static of(fields: Readonly<Record<string, z.ZodType>>): SimpleFields | undefined {
    const simple = Object.entries(fields).map(([name, schema]) => simpleField(name, schema));
    return simple.some(({ kind, isOptional }) => kind === 'other' && !isOptional)
      ? undefined
      : new SimpleFields(simple);
  }

  /** Whether a value is certainly sound. False: a schema must decide. */
  accept(body: unknown): boolean {
    if (typeof body !== 'object' || body === null) return false;
    for (const field of this.#fields) {
      const value = (body as Record<string, unknown>)[field.name];
      if (value === undefined ? !isAbsent(field, body) : !fits(field, value)) return false;
    }
    return true;
  }

  /** The declared fields of a sound body, in the order of their declaration; undefined: a schema must decide. */
  pick(body: unknown): Record<string, unknown> | undefined {
    if (typeof body !== 'object' || body === null) return undefined;
    const picked: Record<string, unknown> = {};
    for (const field of this.#fields) {
      const value = (body as Record<string, unknown>)[field.name];
      if (value === undefined) {
        if (!isAbsent(field, body)) return undefined;
      } else if (!fits(field, value)) return undefined;
      else picked[field.name] = value;
    }
    return picked;
  }
}

function isAbsent({ name, isOptional }: SimpleField, body: object): boolean {
  return isOptional && !(name in body);
}

function fits(field: SimpleField, value: unknown): boolean {
  switch (field.kind) {
    case 'text':
      return typeof value === 'string' && value.length >= field.least && value.length <= field.most;
    case 'integer':
      return Number.isSafeInteger(value) && (value as number) >= field.least && (value as number) <= field.most;
    case 'boolean':
      return typeof value === 'boolean';
    case 'word':
      return field.words.has(value);
    case 'any':
      return true;
    case 'other':
      return false;
  }
}

function simpleField(name: string, declared: z.ZodType): SimpleField {
  const mayBeAbsent = declared instanceof z.ZodExactOptional;
  const schema = mayBeAbsent ? (declared.unwrap() as z.ZodType) : declared;
  const limits = limitsOf(schema);
  const kind = limits === undefined ? 'other' : kindOf(schema);
  // A schema may have a default for what is absent.
  const isOptional = mayBeAbsent && (kind !== 'other' || !schema.safeParse(undefined).success);
  const words = new Set(schema instanceof z.ZodEnum ? schema.options : []);
  return { name, isOptional, kind, ...(limits ?? NO_LIMITS), words };
}

function kindOf(schema: z.ZodType): Kind {
  const { type, format } = schema._zod.def as { type: string; format?: string };
  if (type === 'string' && format === undefined) return 'text';
  if (type === 'number' && format === 'safeint') return 'integer';
  if (type === 'boolean') return 'boolean';
  if (type === 'enum') return 'word';
  return type === 'unknown' ? 'any' : 'other';
}

/** The limits that the checks of a schema set; undefined if there are checks of another kind. */
function limitsOf(schema: z.ZodType): Limits | undefined {
  let { least, most } = NO_LIMITS;
  for (const check of schema._zod.def.checks ?? []) {
    const limit = limitOf(check._zod.def as unknown as Record<string, unknown>);
    if (limit === undefined) return undefined;
    least = Math.max(least, limit.least);
    most = Math.min(most, limit.most);
  }
  return { least, most };
}

function limitOf(check: Readonly<Record<string, unknown>>): Limits | undefined {
  if (check.check === 'min_length') return { ...NO_LIMITS, least: check.minimum as number };
  if (check.check === 'max_length') return { ...NO_LIMITS, most: check.maximum as number };
  if (check.check === 'greater_than' && check.inclusive) return { ...NO_LIMITS, least: check.value as number };
  if (check.check === 'less_than' && check.inclusive) return { ...NO_LIMITS, most: check.value as number };
  return undefined;
}
