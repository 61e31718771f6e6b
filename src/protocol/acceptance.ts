/**
 * Says of a value that it is certainly sound, without a copy of it. A schema copies every list and record that it
 * judges, and makes several objects for each of their items. A client that checks a reply needs neither: the read of a
 * set is a list of thousands.
 */

import type * as z from 'zod';
import { fits, simpleValueOf } from './simple-value.ts';

/** True: the schema accepts the value. False: only the schema can tell. Takes values as JSON has them. */
export type Acceptance = (value: unknown) => boolean;

type Judge = (value: unknown) => unknown;

/** Undefined: only the schema can judge its values. */
export function acceptanceOf(schema: z.ZodType): Acceptance | undefined {
  const simple = simpleValueOf(schema);
  if (simple !== undefined) return (value) => fits(simple, value);
  const accepts = structureOf(schema);
  const refinements = refinementsOf(schema);
  if (accepts === undefined || refinements === undefined) return undefined;
  if (refinements.length === 0) return accepts;
  return (value) => accepts(value) && refinements.every((refinement) => refinement(value) === true);
}

function structureOf(schema: z.ZodType): Acceptance | undefined {
  const def = schema._zod.def as unknown as Readonly<Record<string, unknown>>;
  switch (def.type) {
    case 'array':
      return listOf(def.element as z.ZodType);
    case 'tuple':
      return def.rest === null ? tupleOf(def.items as readonly z.ZodType[]) : undefined;
    case 'record':
      return recordOf(def.keyType as z.ZodType, def.valueType as z.ZodType);
    case 'nullable': {
      const accepts = acceptanceOf(def.innerType as z.ZodType);
      return accepts && ((value) => value === null || accepts(value));
    }
    case 'custom': {
      const judge = def.fn as Judge;
      return (value) => judge(value) === true;
    }
    default:
      return undefined;
  }
}

function listOf(element: z.ZodType): Acceptance | undefined {
  const isAny = simpleValueOf(element)?.kind === 'any';
  if (isAny) return Array.isArray;
  const accepts = acceptanceOf(element);
  return accepts && ((value) => Array.isArray(value) && hasOnly(value, accepts));
}

/** By index: `every` leaves out what a list of a schema must not lack. */
function hasOnly(list: readonly unknown[], accepts: Acceptance): boolean {
  for (let index = 0; index < list.length; index++) if (!accepts(list[index])) return false;
  return true;
}

function tupleOf(items: readonly z.ZodType[]): Acceptance | undefined {
  const accepts = items.map(acceptanceOf);
  if (!accepts.every((one) => one !== undefined)) return undefined;
  return (value) =>
    Array.isArray(value) && value.length === accepts.length && accepts.every((one, index) => one(value[index]));
}

function recordOf(key: z.ZodType, member: z.ZodType): Acceptance | undefined {
  const { kind, least, most } = simpleValueOf(key) ?? {};
  const isAnyText = kind === 'text' && least === Number.NEGATIVE_INFINITY && most === Number.POSITIVE_INFINITY;
  const accepts = isAnyText ? acceptanceOf(member) : undefined;
  if (accepts === undefined) return undefined;
  return (value) => {
    // Numbers that are exact are objects of a class.
    if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return false;
    for (const name in value) if (!accepts((value as Readonly<Record<string, unknown>>)[name])) return false;
    return true;
  };
}

/** The refinements of a schema; undefined if it has checks of another kind. */
function refinementsOf(schema: z.ZodType): readonly Judge[] | undefined {
  const judges: Judge[] = [];
  for (const check of schema._zod.def.checks ?? []) {
    const { check: kind, fn } = check._zod.def as { check?: string; fn?: Judge };
    if (kind !== 'custom' || fn === undefined) return undefined;
    judges.push(fn);
  }
  return judges;
}
