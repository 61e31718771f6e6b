/**
 * All sums of a number and some of a list of others, as runs of integers: `[8 10] [13 15]`. Adds of a test are small,
 * so a few runs hold thousands of sums. Numbers that are far apart double the runs each, hence the limit.
 */

import { ExactNumber, isExactInteger } from '../../../protocol/exact-json.ts';

const RUNS_MAX = 1 << 20;

/** From the first number to the second one, both included. */
type Run = readonly [number, number];

export class SumRuns {
  /** Ascending. Between two of them at least one integer is missing. */
  readonly #runs: readonly Run[];

  private constructor(runs: readonly Run[]) {
    this.#runs = runs;
  }

  /** Throws an Error if the sums are too many, or too large to be exact. */
  static of(definite: number, undecided: readonly number[]): SumRuns {
    requireExact(definite);
    let runs: readonly Run[] = [[definite, definite]];
    for (const delta of undecided) {
      requireExact(delta);
      runs = union(
        runs,
        runs.map(([low, high]) => [low + delta, high + delta]),
      );
      requireExact(runs[0]?.[0]);
      requireExact(runs.at(-1)?.[1]);
      if (runs.length > RUNS_MAX)
        throw new Error(`the undecided adds have more than ${RUNS_MAX} ranges of sums: they are too many to judge`);
    }
    return new SumRuns(runs);
  }

  runs(): readonly Run[] {
    return this.#runs;
  }

  has(value: unknown): boolean {
    if (!isExactInteger(value) || value instanceof ExactNumber) return false;
    const sum = value as number;
    return this.#runs.some(([low, high]) => low <= sum && sum <= high);
  }
}

function requireExact(sum: unknown): void {
  if (!Number.isSafeInteger(sum)) throw new Error(`the sums of the adds must stay below 2^53: ${String(sum)}`);
}

/** Of two ascending lists. */
function union(one: readonly Run[], other: readonly Run[]): readonly Run[] {
  const merged: Run[] = [];
  let [left, right] = [0, 0];
  while (left < one.length || right < other.length) {
    const [first, second] = [one[left], other[right]];
    const takeFirst = second === undefined || (first !== undefined && first[0] <= second[0]);
    const [low, high] = (takeFirst ? first : second) as Run;
    if (takeFirst) left++;
    else right++;
    const last = merged.at(-1);
    if (last !== undefined && low <= last[1] + 1) merged[merged.length - 1] = [last[0], Math.max(last[1], high)];
    else merged.push([low, high]);
  }
  return merged;
}
