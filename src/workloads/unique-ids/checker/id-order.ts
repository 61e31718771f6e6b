/**
 * The order of ids, as in Clojure's `compare`: numbers by value, strings by UTF-16 code units, false before true,
 * arrays by length and then element by element. Ids of different types, and objects, have no order there. Here they get
 * one, so that a report can list them. `comparableIds` says whether the order means anything.
 */

import { canonicalKey, ExactNumber } from '../../../protocol/exact-json.ts';

type IdType = 'null' | 'boolean' | 'number' | 'string' | 'array' | 'object';

const ORDER_OF_TYPES: readonly IdType[] = ['null', 'boolean', 'number', 'string', 'array', 'object'];

/** The JSON type of an id. */
export function typeOfId(id: unknown): IdType {
  if (id === null || id === undefined) return 'null';
  if (Array.isArray(id)) return 'array';
  if (id instanceof ExactNumber) return 'number';
  return typeof id as 'boolean' | 'number' | 'string' | 'object';
}

/** Whether the order of two ids means something. */
export function comparableIds(left: unknown, right: unknown): boolean {
  const type = typeOfId(left);
  return type === typeOfId(right) && type !== 'object';
}

/** Negative, zero or positive. Zero does not prove equality: 1 and 1.0 have the same value. */
export function compareIds(left: unknown, right: unknown): number {
  if (typeof left === 'string' && typeof right === 'string') return left < right ? -1 : Number(left > right);
  const type = typeOfId(left);
  const otherType = typeOfId(right);
  if (type !== otherType) return ORDER_OF_TYPES.indexOf(type) - ORDER_OF_TYPES.indexOf(otherType);
  switch (type) {
    case 'null':
      return 0;
    case 'array':
      return compareArrays(left as readonly unknown[], right as readonly unknown[]);
    case 'object':
      return compareIds(canonicalKey(left), canonicalKey(right));
    case 'boolean':
      return Number(left) - Number(right);
    default:
      return compareNumbers(left as number | ExactNumber, right as number | ExactNumber);
  }
}

function compareArrays(left: readonly unknown[], right: readonly unknown[]): number {
  if (left.length !== right.length) return left.length - right.length;
  for (const [index, item] of left.entries()) {
    const order = compareIds(item, right[index]);
    if (order !== 0) return order;
  }
  return 0;
}

/** Rounding to doubles keeps the order of numbers. Where they become equal, their decimals decide. */
function compareNumbers(left: number | ExactNumber, right: number | ExactNumber): number {
  return (
    Number(left.toString()) - Number(right.toString()) ||
    compareDecimals(decimalOf(left.toString()), decimalOf(right.toString()))
  );
}

/** The number 0.digits · 10^exponent, or its negative. Invariant: `digits` does not end with 0. */
interface Decimal {
  readonly negative: boolean;
  readonly digits: string;
  readonly exponent: number;
}

function decimalOf(text: string): Decimal {
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text);
  if (match === null) throw new TypeError(`not a JSON number: ${text}`);
  const [, minus, whole = '', fraction = '', exponent = '0'] = match;
  return {
    negative: minus === '-',
    digits: (whole + fraction).replace(/0+$/, ''),
    exponent: whole.length + Number(exponent),
  };
}

/**
 * Compares two numbers that are equal as doubles. If their texts differ, they are whole numbers. These begin with a
 * digit above 0, or are zero and have no digits.
 */
function compareDecimals(left: Decimal, right: Decimal): number {
  return left.negative ? compareMagnitudes(right, left) : compareMagnitudes(left, right);
}

function compareMagnitudes(left: Decimal, right: Decimal): number {
  return left.exponent === right.exponent ? compareIds(left.digits, right.digits) : left.exponent - right.exponent;
}
