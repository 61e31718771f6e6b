/** Operations in a few words, for tables and for the titles of marks. */

import type { History } from '../history/history.ts';
import { exactEquals } from '../protocol/exact-json.ts';
import { shortJson } from '../protocol/short-json.ts';

const VALUE_LENGTH_MAX = 160;

/** `#12 redeem {"code":"hot"} → {"outcome":"redeemed"}`; without a completion the run was cut off. */
export function describeOperation(
  history: History,
  invocation: number,
  completion: number | undefined,
  valueLengthMax = VALUE_LENGTH_MAX,
): string {
  const asked = writeValue(history.valueAt(invocation), valueLengthMax);
  const head = `#${completion ?? invocation} ${history.functionAt(invocation)}${asked === '' ? '' : ` ${asked}`}`;
  if (completion === undefined) return `${head}: never completed`;
  const answer = describeAnswer(history, invocation, completion, valueLengthMax);
  return `${head} ${history.typeAt(completion)}${answer === '' ? '' : ` ${answer}`}`;
}

/** The result: the value if it differs from the one that was sent, and the error if there is one. */
export function describeAnswer(
  history: History,
  invocation: number,
  completion: number,
  valueLengthMax = VALUE_LENGTH_MAX,
): string {
  const { value, error } = history.at(completion);
  const said = exactEquals(value, history.valueAt(invocation)) ? '' : writeValue(value, valueLengthMax);
  return [said, writeValue(error, valueLengthMax)].filter((text) => text !== '').join(' ');
}

/** As JSON, shortened if it is long; nothing for null. */
export function writeValue(value: unknown, lengthMax = VALUE_LENGTH_MAX): string {
  if (value === null || value === undefined) return '';
  return shortJson(value, lengthMax);
}
