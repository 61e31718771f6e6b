/** Options that an author declares for a workload, as data; on the command line and from code they are the same. */

import type { WorkloadOption } from '../harness/workload-test.ts';

/** An option of a workload: its type, the value if it is not given, and what it means. */
export type OptionDeclaration =
  | (Declared<number> & {
      readonly type: 'integer' | 'number';
      /** Default: no limit. */
      readonly least?: number;
      /** Default: no limit. */
      readonly most?: number;
    })
  | (Declared<boolean> & { readonly type: 'boolean' })
  | (Declared<string> & {
      readonly type: 'text';
      /** The only texts that it can have. Default: any text. */
      readonly oneOf?: readonly string[];
    });

interface Declared<Value> {
  /** The value if the option is not given. */
  readonly default: Value;
  /** A sentence for `--help`. */
  readonly text: string;
  /** Values that `fuzz` may draw. Default: none. */
  readonly drawn?: readonly Value[];
}

/** The declarations of all options, by name: lower-case words with hyphens between them. */
export type OptionDeclarations = Readonly<Record<string, OptionDeclaration>>;

/** The values of declared options. */
export type OptionValues<Declarations extends OptionDeclarations> = {
  readonly [Name in keyof Declarations]: Declarations[Name] extends { readonly type: 'integer' | 'number' }
    ? number
    : Declarations[Name] extends { readonly type: 'boolean' }
      ? boolean
      : string;
};

const NAME = /^[a-z][a-z0-9]*(?:-[a-z0-9]+)+$|^[a-z][a-z0-9]+$/;

/** What a command makes of declarations. Throws a TypeError that names what is wrong with one. */
export function workloadOptionsOf(declarations: OptionDeclarations): Readonly<Record<string, WorkloadOption>> {
  return Object.fromEntries(
    Object.entries(declarations).map(([name, declaration]) => {
      const wrong = (what: string) => new TypeError(`defineWorkload: options.${name}: ${what}`);
      if (!NAME.test(name)) throw wrong('expected a name of lower-case words with hyphens between them');
      return [name, optionOf(declaration, wrong)];
    }),
  );
}

function optionOf(declaration: OptionDeclaration, wrong: (what: string) => TypeError): WorkloadOption {
  const { text, default: absent, drawn = [] } = declaration;
  if (typeof text !== 'string' || text === '') throw wrong('text is missing: a sentence for --help');
  const parse = parserOf(declaration);
  if (parse === undefined) throw wrong('expected a type: integer, number, boolean or text');
  const jsType = { integer: 'number', number: 'number', boolean: 'boolean', text: 'string' }[declaration.type];
  for (const [what, value] of [['default', absent], ...drawn.map((value) => ['drawn', value])] as const) {
    try {
      if (typeof value !== jsType) throw new Error(`expected a ${jsType}`);
      parse(String(value));
    } catch (error) {
      throw wrong(`${what} ${JSON.stringify(value)}: ${(error as Error).message}`);
    }
  }
  return {
    value: valueName(declaration),
    text: `${text} Default: ${absent === '' ? 'empty' : absent}.`,
    absent,
    parse,
    ...(drawn.length > 0 && { drawn: drawn.map(String) }),
  };
}

function valueName(declaration: OptionDeclaration): string {
  switch (declaration.type) {
    case 'integer':
    case 'number':
      return 'N';
    case 'boolean':
      return 'true|false';
    case 'text':
      return declaration.oneOf?.join('|') ?? 'TEXT';
  }
}

/** Undefined for a type that does not exist. */
function parserOf(declaration: OptionDeclaration): ((text: string) => unknown) | undefined {
  switch (declaration.type) {
    case 'integer':
    case 'number':
      return parserOfNumber(declaration);
    case 'boolean':
      return (text) => wordOf(['true', 'false'], text) === 'true';
    case 'text': {
      const { oneOf } = declaration;
      return oneOf === undefined ? (text) => text : (text) => wordOf(oneOf, text);
    }
    default:
      return undefined;
  }
}

function wordOf(words: readonly string[], text: string): string {
  if (!words.includes(text)) throw new Error(`expected one of ${words.join(', ')}`);
  return text;
}

function parserOfNumber({
  type,
  least = Number.NEGATIVE_INFINITY,
  most = Number.POSITIVE_INFINITY,
}: Extract<OptionDeclaration, Declared<number>>): (text: string) => number {
  const isOfType = type === 'integer' ? Number.isSafeInteger : Number.isFinite;
  const bounds = [
    ...(least === Number.NEGATIVE_INFINITY ? [] : [`of at least ${least}`]),
    ...(most === Number.POSITIVE_INFINITY ? [] : [`of at most ${most}`]),
  ];
  const expected = [`expected a ${type === 'integer' ? 'whole ' : ''}number`, bounds.join(' and ')].join(' ').trim();
  return (text) => {
    const number = text.trim() === '' ? Number.NaN : Number(text);
    if (!isOfType(number) || number < least || number > most) throw new Error(expected);
    return number;
  };
}
