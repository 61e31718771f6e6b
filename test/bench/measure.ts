/**
 * What every part of the bench shares: rounds taken in turn, medians, and the one shape of a figure, with its yardstick
 * and its goal.
 */

/** What is demanded of a figure's median. */
export interface Goal {
  /** The value itself, or its ratio to the yardstick. */
  readonly of: 'value' | 'ratio';
  readonly atLeast?: number;
  readonly atMost?: number;
}

/** What a figure is held against, measured in the same rounds. */
export interface Yardstick {
  readonly name: string;
  /** The figure divided by the yardstick, one a round. */
  readonly ratios: readonly number[];
}

export interface Figure {
  readonly name: string;
  /** What it was measured on. */
  readonly input: string;
  /** Behind numbers: `ms`, `M/s`, or empty. */
  readonly unit: string;
  /** One a round, in `unit`. */
  readonly values: readonly number[];
  readonly yardstick?: Yardstick;
  readonly goal?: Goal;
  /** What the numbers do not tell, such as which failures were counted. Printed, but in no table. */
  readonly note?: string;
}

/** Figures that are printed together. */
export interface Section {
  readonly title: string;
  /** What was run, where that is more than the part of the bench. */
  readonly command?: string;
  readonly figures: readonly Figure[];
}

/** A figure in words. What it does not have is empty. */
export interface FigureText {
  readonly name: string;
  readonly input: string;
  readonly median: string;
  readonly range: string;
  readonly ratio: string;
  readonly ratioRange: string;
  readonly yardstick: string;
  readonly goal: string;
  readonly met: '' | 'met' | 'NOT MET';
}

/** Of one thing among several that were measured in turn. */
export interface Measured {
  readonly values: readonly number[];
  /** To the first of them, one a round. */
  readonly ratios: readonly number[];
}

export function median(values: readonly number[]): number {
  if (values.length === 0) throw new Error('there is no median of no values');
  const sorted = [...values].sort((left, right) => left - right);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

/** Measures several things in turn, round by round, so that a slow moment of the machine hits all of them. */
export async function interleave<Name extends string>(
  rounds: number,
  measurements: Readonly<Record<Name, () => number | Promise<number>>>,
): Promise<Record<Name, Measured>> {
  const names = Object.keys(measurements) as Name[];
  const values = new Map<Name, number[]>(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const name of names) (values.get(name) as number[]).push(await measurements[name]());
  }
  const first = values.get(names[0] as Name) as number[];
  const measured = names.map((name): [Name, Measured] => {
    const own = values.get(name) as number[];
    return [name, { values: own, ratios: own.map((value, round) => value / (first[round] as number)) }];
  });
  return Object.fromEntries(measured) as Record<Name, Measured>;
}

export function secondsOf(act: () => void): number {
  const startMs = performance.now();
  act();
  return (performance.now() - startMs) / 1000;
}

function isMet({ values, yardstick, goal }: Figure): boolean {
  if (goal === undefined) return true;
  if (goal.of === 'ratio' && yardstick === undefined) throw new Error('a goal of a ratio needs a yardstick');
  const measured = median(goal.of === 'ratio' ? (yardstick?.ratios as readonly number[]) : values);
  return (
    measured >= (goal.atLeast ?? Number.NEGATIVE_INFINITY) && measured <= (goal.atMost ?? Number.POSITIVE_INFINITY)
  );
}

export function describeFigure(figure: Figure): FigureText {
  const { name, input, unit, values, yardstick, goal } = figure;
  return {
    name,
    input,
    median: withUnit(formatNumber(median(values)), unit),
    range: rangeOf(values),
    ratio: yardstick === undefined ? '' : withUnit(formatNumber(median(yardstick.ratios)), '×'),
    ratioRange: yardstick === undefined ? '' : rangeOf(yardstick.ratios),
    yardstick: yardstick?.name ?? '',
    goal: goal === undefined ? '' : describeGoal(goal, unit),
    met: goal === undefined ? '' : isMet(figure) ? 'met' : 'NOT MET',
  };
}

function describeGoal({ of, atLeast, atMost }: Goal, unit: string): string {
  const bound = (sign: string, limit: number | undefined) =>
    limit === undefined ? [] : [`${sign} ${withUnit(limit.toLocaleString('en'), of === 'ratio' ? '×' : unit)}`];
  return [...bound('≥', atLeast), ...bound('≤', atMost)].join(', ');
}

/** Empty for a single round, or rounds that do not differ. */
function rangeOf(values: readonly number[]): string {
  const [least, most] = [Math.min(...values), Math.max(...values)].map(formatNumber);
  return least === most ? '' : `${least} to ${most}`;
}

/** Three digits, or all of a whole number. */
function formatNumber(value: number): string {
  const magnitude = Math.abs(value);
  if (Number.isInteger(value) || magnitude >= 100) return Math.round(value).toLocaleString('en');
  return value.toFixed(magnitude >= 10 ? 1 : 2);
}

function withUnit(text: string, unit: string): string {
  return unit === '' || unit.startsWith('/') ? text + unit : `${text} ${unit}`;
}

const COLUMNS = ['name', 'input', 'median', 'range', 'ratio', 'ratioRange', 'yardstick', 'goal', 'met'] as const;
const HEADINGS: FigureText = {
  ...{ name: 'figure', input: 'input', median: 'median', range: 'range', ratio: 'ratio', ratioRange: 'its range' },
  ...{ yardstick: 'to', goal: 'goal', met: '' },
};

/** The lines that the bench prints for a section: its figures in columns. */
export function describeSection({ title, command, figures }: Section, part: string): string {
  const rows = [HEADINGS, ...figures.map(describeFigure)];
  const widths = COLUMNS.map((column) => Math.max(...rows.map((row) => row[column].length)));
  const lines = rows.map((row, index) => {
    const cells = COLUMNS.map((column, at) => row[column].padEnd(widths[at] as number));
    const note = figures[index - 1]?.note;
    return `  ${cells.join('  ').trimEnd()}${note ? `\n    ${note}` : ''}`;
  });
  return `\n${title}\n  repeat with: ${command ?? `make bench ONLY=${part}`}\n${lines.join('\n')}\n`;
}
