import { describe, expect, it } from 'vitest';
import {
  describeOptions,
  type Option,
  parseDurationMs,
  parseNumber,
  parseOneOf,
  parseOptions,
  parseWhole,
  switchOption,
  UsageError,
} from '../../src/cli/options.ts';

const OPTIONS = {
  rate: { short: 'r', value: 'R', text: 'How fast.', absent: 5, parse: parseNumber(0, 100) } satisfies Option<number>,
  'node-count': {
    value: 'N',
    text: 'How many.\nAt most 9.',
    absent: 3,
    parse: parseWhole(1, 9),
  } satisfies Option<number>,
  help: switchOption('Helps.', 'h'),
};

/** The message of the UsageError that `action` throws. */
function mistakeIn(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as Error).message;
  }
  throw new Error('nothing was thrown');
}

const mistake = (...args: string[]) => mistakeIn(() => parseOptions(OPTIONS, args));

describe('options', () => {
  it('have their absent value when they are not given', () => {
    expect(parseOptions(OPTIONS, [])).toEqual({
      values: { rate: 5, 'node-count': 3, help: false },
      words: [],
      rest: [],
      texts: {},
    });
  });

  it('are taken in their long and short forms, the last one winning', () => {
    const { values } = parseOptions(OPTIONS, ['-r', '1', '--rate=2.5', '--node-count', '4', '-h']);
    expect(values).toEqual({ rate: 2.5, 'node-count': 4, help: true });
  });

  it('end at --, and the rest is passed on unchanged, also a second --', () => {
    const { values, words, rest } = parseOptions(OPTIONS, ['a', '--rate', '1', 'b', '--', '--rate', '2', '--', '']);
    expect(values.rate).toBe(1);
    expect(words).toEqual(['a', 'b']);
    expect(rest).toEqual(['--rate', '2', '--', '']);
  });

  it('are named if they are wrong, with their value and what is expected', () => {
    expect(mistake('--rate', 'fast')).toBe('--rate "fast": expected a number from 0 to 100');
    expect(mistake('-r', '101')).toBe('--rate "101": expected a number from 0 to 100');
    expect(mistake('--node-count', '')).toBe('--node-count "": expected a whole number from 1 to 9');
  });

  it('are named if they are unknown, lack a value or have an extra one', () => {
    expect(mistake('--speed', '1')).toBe("Unknown option '--speed'");
    expect(mistake('-x')).toBe("Unknown option '-x'");
    expect(mistake('--rate')).toContain("'-r, --rate <value>' argument missing");
    expect(mistake('--help=yes')).toContain("'-h, --help' does not take an argument");
  });

  it.each([
    ['--nodecount', '--node-count'],
    ['--node-cuont', '--node-count'],
    ['--node_count', '--node-count'],
    ['--Rate', '--rate'],
    ['--rat', '--rate'],
    ['-help', '--help'],
    ['-node-count', '--node-count'],
  ])('are guessed if they are misspelt: %s', (given, meant) => {
    expect(mistake('-r', '1', given, '4')).toBe(`Unknown option '${given}'; did you mean ${meant}?`);
    expect(mistake(`${given}=4`)).toBe(`Unknown option '${given}'; did you mean ${meant}?`);
  });

  it.each(['--nodes-there-are', '--hop', '-n', '--__proto__', '--toString', '---', '--=', '-\u2744'])(
    'are not guessed if no name is near: %s',
    (given) => {
      expect(mistake(given)).toBe(`Unknown option '${given}'`);
    },
  );

  it.each([
    ['\u2013node-count', '--node-count'],
    ['\u2014node-count', '--node-count'],
    ['\u2212node-count', '--node-count'],
    ['\u2013-node-count', '--node-count'],
    ['-\u2013node-count', '--node-count'],
    ['\u2013\u2013node-count', '--node-count'],
    ['\u2010\u2010node-count', '--node-count'],
    ['\u2014nodecount', '--node-count'],
    ['\u2013r', '-r'],
    ['\u2014r', '-r'],
    ['-\u2011help', '--help'],
  ])('are recognised by a dash in place of a hyphen: %s', (given, meant) => {
    expect(mistake('--rate', '1', given, '3')).toBe(
      `Unknown option '${given}': its dash is not a hyphen; did you mean ${meant}?`,
    );
    expect(mistake(`${given}=3`)).toBe(`Unknown option '${given}': its dash is not a hyphen; did you mean ${meant}?`);
  });

  it('are refused with a dash in place of a hyphen, even if no name is near', () => {
    expect(mistake('\u2013speed', '3')).toBe("Unknown option '\u2013speed': its dash is not a hyphen");
  });

  it('may have a value that begins with any dash, and a word may begin with a dash and no letter', () => {
    const options = { seed: { value: 'S', text: '', absent: '', parse: (text: string) => text } };
    expect(parseOptions(options, ['--seed', '\u2013seed', '\u20135', '\u2014'])).toMatchObject({
      values: { seed: '\u2013seed' },
      words: ['\u20135', '\u2014'],
    });
    expect(parseOptions(options, ['--', '\u2013seed']).rest).toEqual(['\u2013seed']);
  });

  it('are described a line each, with further lines of a text below its first', () => {
    expect(describeOptions(OPTIONS)).toBe(
      [
        '  -r, --rate R        How fast.',
        '      --node-count N  How many.',
        '                      At most 9.',
        '  -h, --help          Helps.',
      ].join('\n'),
    );
  });
});

describe('values of options', () => {
  it.each([
    ['0', 0],
    ['99.5', 99.5],
    ['1e2', 100],
  ])('number %j', (text, number) => expect(parseNumber(0, 100)(text)).toBe(number));

  it.each(['', ' ', '-1', '100.1', 'NaN', '1,5', '5 s', 'Infinity'])('not a number within bounds: %j', (text) => {
    expect(() => parseNumber(0, 100)(text)).toThrow('expected a number from 0 to 100');
  });

  it('a number without an upper bound may be infinite', () => {
    expect(parseNumber(0)('Infinity')).toBe(Number.POSITIVE_INFINITY);
    expect(() => parseNumber(0)('-1')).toThrow('expected a number of at least 0');
  });

  it.each(['', '0', '10', '2.0', '1e0', '0x2', '-1', ' 3'])('not a whole number within bounds: %j', (text) => {
    expect(() => parseWhole(1, 9)(text)).toThrow('expected a whole number from 1 to 9');
  });

  it('a whole number may be up to 2^53 - 1', () => {
    expect(parseWhole(1)('9007199254740991')).toBe(Number.MAX_SAFE_INTEGER);
    expect(() => parseWhole(1)('9007199254740992')).toThrow('expected a whole number of at least 1');
  });

  it('one of some words', () => {
    const parse = parseOneOf(['red', 'green']);
    expect(parse('green')).toBe('green');
    for (const text of ['', 'Red', 'toString']) expect(() => parse(text)).toThrow('expected one of red, green');
  });

  it.each([
    ['500ms', 500],
    ['0s', 0],
    ['1.5s', 1500],
    ['1.005s', 1005],
    ['0.4ms', 0],
    ['2m', 120_000],
    ['24h', 86_400_000],
    ['30d', 2_592_000_000],
  ])('duration %j', (text, durationMs) => expect(parseDurationMs(0)(text)).toBe(durationMs));

  it.each(['', '5', 's', '-1s', '5 s', '5w', '1e3ms', '.5s'])('not a duration: %j', (text) => {
    expect(() => parseDurationMs(0)(text)).toThrow('expected a duration such as 500ms, 5s, 24h or 30d');
  });

  it('a duration within bounds', () => {
    expect(() => parseDurationMs(1)('0.4ms')).toThrow('expected at least 1ms');
    expect(() => parseDurationMs(3_600_000)('1m')).toThrow('expected at least 1h');
    expect(() => parseDurationMs(90_000)('1m')).toThrow('expected at least 90s');
    expect(() => parseDurationMs(1)('99999999999999999h')).toThrow('expected at most 876000h');
  });
});
