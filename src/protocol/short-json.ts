/**
 * JSON for people. What does not fit is a long list mostly: it is shown by its ends and its length, so that a read of
 * 10,000 elements is `[0,1,2,…,9997,9998,9999] (10000 elements)`.
 */

import { ExactNumber, stringifyExact } from './exact-json.ts';
import { excerpt } from './excerpt.ts';

/** How many elements are shown at each end of a list: of one that holds no others, and of one that does. */
interface Ends {
  readonly flat: number;
  readonly nested: number;
}

/** What is tried until the text is short enough: the inner lists lose elements first. */
const ATTEMPTS: readonly Ends[] = [
  { flat: 3, nested: 3 },
  { flat: 1, nested: 3 },
  { flat: 1, nested: 1 },
];

/** A value as JSON if that has at most `lengthMax` characters; or else with its lists shortened, or cut in the end. */
export function shortJson(value: unknown, lengthMax: number): string {
  if (!hasListBeyond(value, lengthMax / 2)) {
    const whole = stringifyExact(value);
    if (whole.length <= lengthMax) return whole;
  }
  let text = '';
  for (const ends of ATTEMPTS) {
    text = write(value, ends);
    if (text.length <= lengthMax) break;
  }
  return excerpt(text, lengthMax);
}

/** Whether a list has more elements than fit: each takes a digit and a comma. */
function hasListBeyond(value: unknown, lengthMax: number): boolean {
  if (Array.isArray(value)) return value.length > lengthMax || value.some((item) => hasListBeyond(item, lengthMax));
  return isObject(value) && Object.values(value).some((member) => hasListBeyond(member, lengthMax));
}

function write(value: unknown, ends: Ends): string {
  if (Array.isArray(value)) return writeList(value, ends);
  if (!isObject(value)) return stringifyExact(value ?? null);
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${write(member, ends)}`).join(',')}}`;
}

function writeList(list: readonly unknown[], ends: Ends): string {
  // The first tells of all: lists are long, and of one kind.
  const shown = Array.isArray(list[0]) || isObject(list[0]) ? ends.nested : ends.flat;
  const writeAll = (items: readonly unknown[]) => items.map((item) => write(item, ends));
  // The mark and the count take more room than one element.
  if (list.length <= 2 * shown + 1) return `[${writeAll(list).join(',')}]`;
  const parts = [...writeAll(list.slice(0, shown)), '…', ...writeAll(list.slice(-shown))];
  return `[${parts.join(',')}] (${list.length} elements)`;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !(value instanceof ExactNumber);
}
