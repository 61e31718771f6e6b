/** Which errors nodes answered, and how often. */

import { describeErrorCode, errorByName } from '../protocol/errors.ts';
import { excerpt } from '../protocol/excerpt.ts';
import { shortJson } from '../protocol/short-json.ts';

/** A node that invents error codes must not fill the memory. */
const ERROR_KINDS_MAX = 100;
const ERROR_TEXT_LENGTH_MAX = 200;
/** Kinds of errors in a verdict; the results have more. */
export const ERRORS_SHOWN_MAX = 3;

/** One kind of error that was answered. */
export interface AnsweredError {
  count: number;
  /** What the first of them said. Absent if it said nothing. */
  readonly text?: string;
}

/** By code and name: `error 11 (temporarily-unavailable)`. */
export type AnsweredErrors = Readonly<Record<string, AnsweredError>>;

/** @param error that of an operation; one that no node answered, such as a timeout, is not counted */
export function countError(errors: Map<string, AnsweredError>, error: unknown): void {
  if (!Array.isArray(error)) return;
  const [name, text, code] = error as unknown[];
  const known = errorByName(String(name));
  // Other failures, such as timeouts, are no answered errors.
  if (known === undefined && name !== 'unknown') return;
  const what = describeErrorCode(known === undefined ? code : known.code);
  const counted = errors.get(what);
  if (counted !== undefined) counted.count++;
  else if (errors.size < ERROR_KINDS_MAX)
    errors.set(what, text === undefined || text === null ? { count: 1 } : { count: 1, text: exampleOf(text) });
}

function exampleOf(text: unknown): string {
  return typeof text === 'string' ? excerpt(text, ERROR_TEXT_LENGTH_MAX) : shortJson(text, ERROR_TEXT_LENGTH_MAX);
}

/** The error of an operation as a reason: `it did not answer in time`. */
export function describeError(error: unknown): string {
  if (error === 'net-timeout') return 'it did not answer in time';
  if (!Array.isArray(error)) return typeof error === 'string' ? error : shortJson(error ?? null, ERROR_TEXT_LENGTH_MAX);
  const [name, text, code] = error as unknown[];
  const known = errorByName(String(name));
  const what = describeErrorCode(known === undefined ? code : known.code);
  return `it answered ${what}${text === undefined || text === null ? '' : `: ${exampleOf(text)}`}`;
}

/** `error 11 (temporarily-unavailable), for instance "busy"`. */
export function describeAnswered(what: string, { text }: AnsweredError): string {
  return text === undefined ? what : `${what}, for instance ${JSON.stringify(text)}`;
}
