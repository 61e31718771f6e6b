/** Amounts as text. */

/** With commas between thousands. */
export function number(amount: number): string {
  return amount.toLocaleString('en-US');
}

/** A number with its noun: `1 node`, `2,000 seeds`. */
export function count(amount: number, noun: string): string {
  return `${number(amount)} ${noun}${amount === 1 ? '' : 's'}`;
}
