/**
 * What every part of the bench shares: rounds taken in turn, medians, rows with a verdict against the goal.
 */

export interface Goal {
  readonly text: string;
  readonly met: boolean;
}

export interface Row {
  readonly name: string;
  readonly value: string;
  /** What is demanded, and whether it is met. */
  readonly goal?: Goal;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

/**
 * Measures several things in turn, round by round, so that a slow moment of the machine hits all of them. Returns the
 * medians, and the median of each round's ratio to the first of them.
 */
export async function interleave<Name extends string>(
  rounds: number,
  measurements: Readonly<Record<Name, () => number | Promise<number>>>,
): Promise<Record<Name, { value: number; ratio: number }>> {
  const names = Object.keys(measurements) as Name[];
  const values = new Map<Name, number[]>(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const name of names) (values.get(name) as number[]).push(await measurements[name]());
  }
  const first = values.get(names[0] as Name) as number[];
  return Object.fromEntries(
    names.map((name) => {
      const own = values.get(name) as number[];
      return [name, { value: median(own), ratio: median(own.map((value, round) => value / (first[round] as number))) }];
    }),
  ) as Record<Name, { value: number; ratio: number }>;
}

export function goalAtLeast(value: number, least: number, unit = ''): Goal {
  return { text: `≥ ${least}${unit}`, met: value >= least };
}

export function goalAtMost(value: number, most: number, unit = ''): Goal {
  return { text: `≤ ${most}${unit}`, met: value <= most };
}

export function printSection(title: string, command: string, rows: readonly Row[]): void {
  const width = Math.max(...rows.map(({ name }) => name.length));
  process.stdout.write(`\n${title}\n  repeat with: ${command}\n`);
  for (const { name, value, goal } of rows) {
    const verdict = goal === undefined ? '' : `   ${goal.text} ${goal.met ? 'met' : 'NOT MET'}`;
    process.stdout.write(`  ${name.padEnd(width)}  ${value}${verdict}\n`);
  }
}
