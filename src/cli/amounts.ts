/** Amounts as text. */

import { writeCount } from '../report/scales.ts';

/** With commas between thousands. @param amount a whole number */
export function number(amount: number): string {
  // Not `toLocaleString`: it takes 10 ms before its first use.
  return writeCount(amount);
}

/** A number with its noun: `1 node`, `2,000 seeds`. */
export function count(amount: number, noun: string): string {
  return `${number(amount)} ${noun}${amount === 1 ? '' : 's'}`;
}
