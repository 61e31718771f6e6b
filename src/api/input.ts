/**
 * The input of a route: the fields of path, query, body and the header `Idempotency-Key`, put together and checked by
 * the route's schema. Nothing is guessed: a field that is given twice with different values, an unknown field and a
 * repeated query parameter are refused with their names.
 */

import * as z from 'zod';
import { excerpt } from '../protocol/excerpt.ts';
import { describeIssue, isRecord } from '../protocol/message.ts';
import { BELOW_MINIMUM } from './amounts.ts';
import { type DecimalNumber, JsonFlaw, readJson } from './json-text.ts';
import type { Problem } from './problems.ts';
import { namesIn, type RouteDescription } from './route.ts';
import { REQUEST_ID, REQUEST_ID_LENGTH_MAX } from './routes/fields.ts';

const QUERY_PARAMETERS_MAX = 32;
const ECHO_LENGTH_MAX = 64;

/** Seed systems know no other word for a missing one. */
const NEVER_REQUIRED: ReadonlySet<string> = new Set([REQUEST_ID]);

export interface RawInput {
  /** Decoded. */
  readonly pathFields: Readonly<Record<string, string>>;
  /** After the `?`; empty without one. */
  readonly query: string;
  /** Empty: no body. */
  readonly body: string;
  readonly idempotencyKey: string | undefined;
}

export type Checked<T> =
  | { readonly kind: 'ok'; readonly value: T }
  | { readonly kind: 'problem'; readonly problem: Problem };

export type InputCheck = (raw: RawInput) => Checked<Record<string, unknown>>;

/** @returns the function that checks the input of this route */
export function inputCheck(route: Pick<RouteDescription, 'method' | 'path' | 'fields' | 'query'>): InputCheck {
  const schema = z.strictObject(route.fields);
  const names = Object.keys(route.fields);
  const pathNames = new Set(namesIn(route.path));
  const queryNames = new Set(route.method !== 'POST' ? names.filter((name) => !pathNames.has(name)) : route.query);
  const numbers = new Set(names.filter((name) => isNumber(route.fields[name] as z.ZodType)));
  return ({ pathFields, query, body, idempotencyKey }) => {
    const fields = new Fields(pathFields);
    try {
      if (query !== '') fields.addQuery(query, queryNames, numbers, names);
      if (body !== '') fields.addBody(bodyObject(body), names);
      if (idempotencyKey !== undefined && names.includes(REQUEST_ID)) fields.addKey(idempotencyKey);
    } catch (error) {
      if (error instanceof InputError) return { kind: 'problem', problem: error.problem };
      throw error;
    }
    const checked = schema.safeParse(fields.all);
    if (checked.success) return { kind: 'ok', value: checked.data };
    return { kind: 'problem', problem: problemOfIssue(checked.error) };
  };
}

/** An object in a body. Throws an {@link InputError}. */
export function bodyObject(body: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = readJson(body);
  } catch (error) {
    if (!(error instanceof JsonFlaw)) throw error;
    throw new InputError('body_invalid', `the body is not accepted as JSON: ${error.message}`);
  }
  if (!isRecord(value)) throw new InputError('body_invalid', 'the body must be a JSON object');
  return value;
}

/** Status 400. */
export class InputError extends Error {
  override readonly name = 'InputError';
  readonly problem: Problem;

  constructor(code: string, detail: string) {
    super(detail);
    this.problem = { status: 400, code, detail };
  }
}

class Fields {
  readonly all: Record<string, unknown>;

  constructor(pathFields: Readonly<Record<string, string>>) {
    this.all = { ...pathFields };
  }

  addQuery(query: string, known: ReadonlySet<string>, numbers: ReadonlySet<string>, all: readonly string[]): void {
    const pairs = query.split('&', QUERY_PARAMETERS_MAX + 1);
    if (pairs.length > QUERY_PARAMETERS_MAX)
      throw new InputError('query_invalid', `the query has more than ${QUERY_PARAMETERS_MAX} parameters`);
    const seen = new Set<string>();
    for (const pair of pairs) {
      if (pair === '') continue;
      const equals = pair.indexOf('=');
      const name = decode(equals < 0 ? pair : pair.slice(0, equals));
      const text = equals < 0 ? '' : decode(pair.slice(equals + 1));
      if (!known.has(name) && !Object.hasOwn(this.all, name) && all.includes(name))
        throw new InputError(
          'unknown_field',
          `${name}: is no query parameter of this request; it belongs into the body`,
        );
      if (!known.has(name)) throw unknownField(name, [...known], 'query parameter');
      if (seen.has(name)) throw new InputError(`${name}_invalid`, `${name}: is given twice in the query`);
      seen.add(name);
      this.all[name] = numbers.has(name) && /^-?\d{1,15}$/.test(text) ? Number(text) : text;
    }
  }

  addBody(body: Readonly<Record<string, unknown>>, known: readonly string[]): void {
    for (const name of Object.keys(body)) {
      if (!known.includes(name)) throw unknownField(name, known, 'field');
      this.#add(name, body[name], 'in the body and in the address');
    }
  }

  /** The header may be a bare text, or a text in quotes as in the draft of the IETF. */
  addKey(header: string): void {
    const key = /^"[^"\\]*"$/.test(header) ? header.slice(1, -1) : header;
    if (key === '' || key.length > REQUEST_ID_LENGTH_MAX)
      throw new InputError(
        'request_id_invalid',
        `Idempotency-Key: expected 1 to ${REQUEST_ID_LENGTH_MAX} characters, received ${key.length}`,
      );
    // Node reads every header as Latin-1. The same text in the body would be another request id.
    if (!/^[ -~]*$/.test(key))
      throw new InputError(
        'request_id_invalid',
        'Idempotency-Key: expected ASCII characters only; the field request_id takes any text',
      );
    this.#add(REQUEST_ID, key, 'in the body and in the header Idempotency-Key');
  }

  #add(name: string, value: unknown, places: string): void {
    if (Object.hasOwn(this.all, name) && this.all[name] !== value)
      throw new InputError(`${name}_invalid`, `${name}: is given twice with different values, ${places}`);
    this.all[name] = value;
  }
}

function unknownField(name: string, known: readonly string[], noun: string): InputError {
  const has = known.length === 0 ? `there is no ${noun}` : `known: ${known.join(', ')}`;
  return new InputError('unknown_field', `${excerpt(name, ECHO_LENGTH_MAX)}: is no ${noun} of this request; ${has}`);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    throw new InputError('query_invalid', 'the query is not well-formed: an escape such as %C3%A4 is broken');
  }
}

/** Whether a field is a number, so that a text in a query stands for one. */
function isNumber(schema: z.ZodType): boolean {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodExactOptional)
    return isNumber(schema.unwrap() as z.ZodType);
  return schema instanceof z.ZodNumber;
}

/**
 * The first issue, as a problem. Its code is the field with `required`, `lt_min` or `invalid`, as in the systems that
 * this one replaces.
 */
function problemOfIssue(error: z.ZodError): Problem {
  const { field, text } = describeIssue(error, '');
  const name = field.replaceAll('.', '_');
  const [issue] = error.issues;
  const params = issue?.code === 'custom' ? issue.params : undefined;
  const isMissing = text.endsWith(': is missing') || (issue?.code === 'too_small' && issue.origin === 'string');
  const word =
    params?.word === BELOW_MINIMUM ? BELOW_MINIMUM : isMissing && !NEVER_REQUIRED.has(name) ? 'required' : 'invalid';
  return { status: 400, code: `${name}_${word}`, detail: withoutClassName(text) };
}

/** A client knows no {@link DecimalNumber}: what it sent was a number. */
function withoutClassName(text: string): string {
  return text
    .replace(/expected number, received DecimalNumber$/, 'expected an integer, without a point or an exponent')
    .replace(/DecimalNumber$/, 'number');
}
