/** Looks for a seed with which a subject fails, as `snowstorm fuzz` does, and says by which rules. */

import type { CheckResult } from '../../src/checkers/checker.ts';
import type { RunOptions } from '../../src/harness/run-options.ts';
import type { FuzzContext } from '../../src/search/fuzz.ts';
import { fuzzOptions } from '../../src/search/fuzz-defaults.ts';
import { Simulation } from '../../src/simulator/simulation.ts';

export interface Found {
  readonly seed: string;
  readonly results: CheckResult;
}

/**
 * The first of the seeds from `from` to `last` that is not valid.
 *
 * @param own options other than the defaults of `snowstorm fuzz`
 */
export async function findFailure(
  { subject, settle }: FuzzContext,
  from: number,
  last: number,
  own: Partial<RunOptions> = {},
): Promise<Found | undefined> {
  for (let number = from; number <= last; number++) {
    const seed = String(number);
    const options = fuzzOptions({ ...own, seed, test: subject.test });
    const { results } = await new Simulation({ subject, options, settle }).finish();
    if (results['valid?'] !== true) return { seed, results };
  }
  return undefined;
}

/** The rules of the checker that a run broke, in the checker's order, and then those beyond Jepsen's and anomalies. */
export function brokenRules({ workload }: CheckResult): string[] {
  const { beyond = {}, ...own } = workload as Record<string, unknown> & { readonly beyond?: object };
  const rules = [...Object.entries(own), ...Object.entries(beyond)].flatMap(([name, result]) =>
    Number((result as { readonly count?: number } | undefined)?.count) > 0 ? [name] : [],
  );
  return [...rules, ...((own['anomaly-types'] ?? []) as readonly string[])];
}
