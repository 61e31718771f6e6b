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
  if (typeof left === 'string' && typeof right === 'string') return true;
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
  for (let index = 0; index < left.length; index++) {
    const order = compareIds(left[index], right[index]);
    if (order !== 0) return order;
  }
  return 0;
}

function compareNumbers(left: number | ExactNumber, right: number | ExactNumber): number {
  if (typeof left === 'number' && typeof right === 'number') return left - right;
  const leftDecimal = decimalOf(left.toString());
  const rightDecimal = decimalOf(right.toString());
  if (leftDecimal.sign !== rightDecimal.sign) return leftDecimal.sign - rightDecimal.sign;
  return leftDecimal.sign < 0
    ? compareMagnitudes(rightDecimal, leftDecimal)
    : compareMagnitudes(leftDecimal, rightDecimal);
}

/**
 * The number sign · 0.digits · 10^exponent. Invariant: `digits` neither begins nor ends with 0, and is empty for zero.
 */
interface Decimal {
  readonly sign: -1 | 0 | 1;
  readonly digits: string;
  readonly exponent: number;
}

function decimalOf(text: string): Decimal {
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text);
  if (match === null) throw new TypeError(`not a JSON number: ${text}`);
  const [, minus, whole = '', fraction = '', exponent = '0'] = match;
  const allDigits = whole + fraction;
  const digits = allDigits.replace(/^0+/, '');
  if (digits === '') return { sign: 0, digits, exponent: 0 };
  return {
    sign: minus === '-' ? -1 : 1,
    digits: digits.replace(/0+$/, ''),
    exponent: whole.length - (allDigits.length - digits.length) + Number(exponent),
  };
}

function compareMagnitudes(left: Decimal, right: Decimal): number {
  return left.exponent === right.exponent ? compareIds(left.digits, right.digits) : left.exponent - right.exponent;
}
