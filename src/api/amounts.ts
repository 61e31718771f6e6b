/**
 * Amounts of money. Outside they are decimal texts, such as `"0.50"`. Inside they are integers in minor units, such as
 * 50. No floating-point number is ever between the two: a text is cut into digits.
 *
 * A JSON number is read from its source text, so 0.10 is ten and 0.1000000000000000055 is refused.
 */

import * as z from 'zod';
import { DecimalNumber } from './json-text.ts';

/** Places after the point. */
const PLACES = 2;
/** With so many digits every number is a safe integer. */
const DIGITS_MAX = 15;

const AMOUNT = new RegExp(`^(-?)(0|[1-9]\\d*)(?:\\.(\\d{1,${PLACES}}))?$`);

/**
 * Minor units; undefined if the text is not an amount: more places, an exponent, a plus sign, a leading zero. Infinite
 * if it has too many digits for any amount.
 */
export function parseAmount(text: string): number | undefined {
  const match = AMOUNT.exec(text);
  if (match === null) return undefined;
  const [, sign, whole = '', fraction = ''] = match;
  const digits = whole + fraction.padEnd(PLACES, '0');
  const minor = digits.length > DIGITS_MAX ? Number.POSITIVE_INFINITY : Number(digits);
  return sign === '-' && minor !== 0 ? -minor : minor;
}

/** The decimal text of minor units, always with two places. @param minor a safe integer */
export function formatAmount(minor: number): string {
  const digits = String(Math.abs(minor)).padStart(PLACES + 1, '0');
  return `${minor < 0 ? '-' : ''}${digits.slice(0, -PLACES)}.${digits.slice(-PLACES)}`;
}

export interface AmountBounds {
  /** In minor units, as the maximum. */
  readonly min: number;
  readonly max: number;
  /** For `a transaction of 0 moves nothing`. */
  readonly exceptZero?: boolean;
}

/** The word by which an amount below the minimum is told from one that is no amount, in `params` of an issue. */
export const BELOW_MINIMUM = 'lt_min';

/** The schema of an amount in a request: a decimal text or a JSON number, which becomes minor units. */
export function amountSchema({ min, max, exceptZero = false }: AmountBounds, text: string) {
  return z
    .unknown()
    .transform((value, context): number => {
      const refuse = (message: string, params?: Record<string, unknown>) => {
        context.issues.push({ code: 'custom', message, input: value, ...(params && { params }) });
        return z.NEVER;
      };
      if (value === undefined) return refuse('is missing, received undefined');
      const source = typeof value === 'number' || value instanceof DecimalNumber ? String(value) : value;
      const minor = typeof source === 'string' ? parseAmount(source) : undefined;
      if (minor === undefined) return refuse(`expected a decimal text with at most ${PLACES} places, such as "0.50"`);
      if (minor < min) return refuse(`must be at least ${formatAmount(min)}`, { word: BELOW_MINIMUM });
      if (minor > max) return refuse(`must be at most ${formatAmount(max)}`);
      if (exceptZero && minor === 0) return refuse('must not be 0', { word: BELOW_MINIMUM });
      return minor;
    })
    .meta({ description: text, type: 'string', pattern: '^-?\\d+(\\.\\d{1,2})?$', examples: ['0.50'] });
}

/** The schema of an amount in an answer. */
export const AmountText = z
  .string()
  .regex(/^-?\d+\.\d\d$/)
  .describe('A decimal text with two places.');
