/**
 * Prints JSON values for the texts of errors, as Clojure does after Maelstrom's parser: `{"ver" 1, "x" [1 "a" nil
 * true]}`.
 *
 * A map of up to eight keys is printed in the order of its keys, a larger one in that of `protocol/clojure-hash.ts`.
 * Source: Clojure 1.12, `core_print.clj`. One difference remains: JavaScript puts keys that look like small integers
 * first, so a small map with such a key may be printed in a different order.
 */

import { inMapOrder } from '../../protocol/clojure-hash.ts';
import { ExactNumber, javaDouble } from '../../protocol/exact-json.ts';

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\n': '\\n',
  '\t': '\\t',
  '\r': '\\r',
  '\f': '\\f',
  '\b': '\\b',
};

/** Clojure's `pr-str`: strings in quotes, an absent value is nil. */
export function printReadably(value: unknown): string {
  if (value === undefined || value === null) return 'nil';
  if (typeof value === 'string')
    return `"${value.replace(/["\\\n\t\r\f\b]/g, (character) => ESCAPES[character] as string)}"`;
  if (typeof value === 'number') return printNumber(value);
  if (value instanceof ExactNumber) return printExactNumber(value);
  if (typeof value !== 'object') return String(value);
  if (Array.isArray(value)) return `[${value.map(printReadably).join(' ')}]`;
  const members = inMapOrder(Object.entries(value), ([key]) => key);
  return `{${members.map(([key, member]) => `${printReadably(key)} ${printReadably(member)}`).join(', ')}}`;
}

/**
 * Clojure's `str`: a string is itself and nil is the empty string, but the contents of a collection are printed
 * readably.
 */
export function printPlainly(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'string') return value;
  const text = printReadably(value);
  return text.startsWith('##') ? text.replace('##', '').replace('Inf', 'Infinity') : text;
}

function printNumber(value: number): string {
  return Number.isInteger(value) && Math.abs(value) < 1e21 ? String(value) : javaDouble(value);
}

/** A double out of range has an exponent of its own, see `javaDouble`. */
function printExactNumber({ text }: ExactNumber): string {
  if (!text.endsWith('E999')) return text;
  return text.startsWith('-') ? '##-Inf' : '##Inf';
}
