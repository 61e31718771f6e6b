/**
 * Command-line options from a table. An entry defines parsing, default, check and the line in `--help`. Built on Node's
 * `parseArgs`.
 */

import { parseArgs } from 'node:util';
import { describeUnknownOption, findDashedOption, findOneHyphen, optionWord } from './option-guess.ts';

const LIST_WIDTH = 95;
const SEED_MAX = 2 ** 32;
const PROBABILITY_EXCESS_MAX = 1e-9;

/** A mistake on the command line. Its message is shown without a stack. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export interface Option<T> {
  /** The letter of the short form, if there is one. */
  readonly short?: string;
  /** The name of the value in `--help`; without one the option is a switch. */
  readonly value?: string;
  readonly text: string;
  /** The value if the option is absent. */
  readonly absent: T;
  /**
   * Makes the value; throws an Error that says what is expected. The text is shown before that, unless it is a
   * {@link UsageError}. For a switch the text is "true".
   */
  readonly parse: (text: string) => T;
}

type Options = Readonly<Record<string, Option<unknown>>>;
type Values<O extends Options> = { readonly [Name in keyof O]: O[Name] extends Option<infer T> ? T : never };

export interface ParsedOptions<O extends Options> {
  readonly values: Values<O>;
  /** The arguments before `--` that are not options. */
  readonly words: readonly string[];
  /** Everything after `--`. */
  readonly rest: readonly string[];
  /** The texts of the options that were given with a value, by their names. */
  readonly texts: Readonly<Record<string, string>>;
}

/**
 * Parses `args` by the table. Throws a {@link UsageError} that names the option and what is wrong with it.
 *
 * @param others options that are allowed besides, whose texts are kept
 */
export function parseOptions<O extends Options>(
  options: O,
  args: readonly string[],
  others: Options = {},
): ParsedOptions<O> {
  const all: Options = { ...others, ...options };
  const separator = args.indexOf('--');
  const own = separator < 0 ? args : args.slice(0, separator);
  const rest = separator < 0 ? [] : args.slice(separator + 1);
  const config = {
    args: [...own],
    allowPositionals: true,
    options: configOf(all),
  };
  refuseUnknown(all, own, parseArgs({ ...config, strict: false, tokens: true }).tokens);
  let parsed: { values: Record<string, string | boolean | undefined>; positionals: string[] };
  try {
    parsed = parseArgs(config) as typeof parsed;
  } catch (error) {
    throw new UsageError((error as Error).message.replace(/\. To specify a positional argument.*$/s, ''));
  }
  const values: Record<string, unknown> = {};
  for (const [name, option] of Object.entries(options)) {
    const given = parsed.values[name];
    values[name] = given === undefined ? option.absent : parseValue(name, option, String(given));
  }
  const texts = Object.entries(parsed.values).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  );
  return { values: values as Values<O>, words: parsed.positionals, rest, texts: Object.fromEntries(texts) };
}

/** The text of one option, right or wrong as the others may be; undefined if it is not given. */
export function peekOption(options: Options, args: readonly string[], name: string): string | undefined {
  const separator = args.indexOf('--');
  const { values } = parseArgs({
    args: separator < 0 ? [...args] : args.slice(0, separator),
    strict: false,
    options: configOf(options),
  });
  const given = values[name];
  return typeof given === 'string' ? given : undefined;
}

function configOf(options: Options): NonNullable<NonNullable<Parameters<typeof parseArgs>[0]>['options']> {
  return Object.fromEntries(
    Object.entries(options).map(([name, { short, value }]) => [
      name,
      { type: value === undefined ? ('boolean' as const) : ('string' as const), ...(short && { short }) },
    ]),
  );
}

type ParsedToken = ReturnType<typeof parseArgs<{ strict: false; tokens: true }>>['tokens'][number];

/** Throws a {@link UsageError} for the first unknown option. */
function refuseUnknown(options: Options, args: readonly string[], tokens: readonly ParsedToken[]): void {
  for (const token of tokens) {
    const word = optionWord(args[token.index] as string);
    const wrong = findDashedOption(options, word) ?? findOneHyphen(options, word);
    if (wrong !== undefined) throw new UsageError(wrong);
    if (token.kind === 'option' && !Object.hasOwn(options, token.name))
      throw new UsageError(describeUnknownOption(options, token.rawName));
  }
}

function parseValue(name: string, option: Option<unknown>, text: string): unknown {
  try {
    return option.parse(text);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    // What stands on stderr is often kept: a password in a URL is not repeated there.
    const shown = text.replaceAll(/:\/\/[^/,@]*@/g, '://…@');
    throw new UsageError(`--${name} ${JSON.stringify(shown)}: ${(error as Error).message}`);
  }
}

/** The options as lines of a help text. */
export function describeOptions(options: Options): string {
  const rows = Object.entries(options).map(([name, { short, value, text }]) => {
    const left = `  ${short === undefined ? '   ' : `-${short},`} --${name}${value === undefined ? '' : ` ${value}`}`;
    return { left, text };
  });
  const width = Math.max(...rows.map(({ left }) => left.length)) + 2;
  return rows.map(({ left, text }) => left.padEnd(width) + text.replaceAll('\n', `\n${' '.repeat(width)}`)).join('\n');
}

/** Words with commas between them, in lines that a help text has room for. */
export function wrapList(words: readonly string[]): string {
  return words
    .join(', ')
    .replaceAll(new RegExp(`(.{1,${LIST_WIDTH}})(?: |$)`, 'g'), '$1\n')
    .trimEnd();
}

export function switchOption(text: string, short?: string): Option<boolean> {
  return { ...(short === undefined ? {} : { short }), text, absent: false, parse: () => true };
}

/** A number within bounds. */
export function parseNumber(minimum: number, maximum = Number.POSITIVE_INFINITY): (text: string) => number {
  return (text) => {
    const number = text.trim() === '' ? Number.NaN : Number(text);
    if (!(number >= minimum && number <= maximum)) throw new Error(`expected a number ${boundsText(minimum, maximum)}`);
    return number;
  };
}

/** Any text but an empty one. The type has room for an option that is absent. */
export function parseText(what: string): (text: string) => string | undefined {
  return (text) => {
    if (text === '') throw new Error(`expected ${what}`);
    return text;
  };
}

/** A whole number within bounds. */
export function parseWhole(minimum: number, maximum = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const number = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!(number >= minimum && number <= maximum))
      throw new Error(`expected a whole number ${boundsText(minimum, maximum)}`);
    return number;
  };
}

function boundsText(minimum: number, maximum: number): string {
  if (minimum === Number.MIN_VALUE) return 'above 0';
  return maximum >= Number.MAX_SAFE_INTEGER ? `of at least ${minimum}` : `from ${minimum} to ${maximum}`;
}

/** One of a list of words. */
export function parseOneOf<Word extends string>(words: readonly Word[]): (text: string) => Word {
  return (text) => {
    const word = words.find((candidate) => candidate === text);
    if (word === undefined) throw new Error(`expected one of ${words.join(', ')}`);
    return word;
  };
}

/** A hundred years: longer than ids can be made. */
const DURATION_MS_MAX = 876_000 * 3_600_000;

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A duration such as `500ms`, `5s`, `24h` or `30d`, in whole ms. */
export function parseDurationMs(minimumMs: number): (text: string) => number {
  return (text) => {
    const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text);
    if (match === null) throw new Error('expected a duration such as 500ms, 5s, 24h or 30d');
    const durationMs = Math.round(Number(match[1]) * (UNITS_MS[match[2] as string] as number));
    if (durationMs < minimumMs) throw new Error(`expected at least ${durationText(minimumMs)}`);
    if (durationMs > DURATION_MS_MAX) throw new Error(`expected at most ${DURATION_MS_MAX / 3_600_000}h`);
    return durationMs;
  };
}

/** In the largest unit that fits it, up to hours. */
function durationText(durationMs: number): string {
  const unit = ['h', 's'].find((name) => durationMs % (UNITS_MS[name] as number) === 0 && durationMs > 0) ?? 'ms';
  return `${durationMs / (UNITS_MS[unit] as number)}${unit}`;
}

/** The option `--seed`, the same for every command. @param text what the seed decides */
export function seedOption(text: string): Option<string | undefined> {
  return {
    value: 'SEED',
    text,
    absent: undefined,
    parse: (given) => {
      if (given === '') throw new Error('expected a number or a word');
      return given;
    },
  };
}

/** A random seed, if the user gave none. */
export function drawSeed(): string {
  return String(Math.floor(Math.random() * SEED_MAX));
}

/** Whether probabilities add up to more than 1. Sums of doubles are inexact: 0.1 + 0.2 + 0.7 need not be 1. */
export function exceedOne(probabilities: readonly number[]): boolean {
  return probabilities.reduce((sum, probability) => sum + probability, 0) > 1 + PROBABILITY_EXCESS_MAX;
}
