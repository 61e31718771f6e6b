/** Makes the test of a workload for the nodes and options of a run. */

import type { RunOptions } from './run-options.ts';
import type { WorkloadOption, WorkloadTest } from './workload-test.ts';

/** The values of a workload's options: parsed, or the default. Throws the Error of an option that cannot be parsed. */
function parseWorkloadOptions(
  options: Readonly<Record<string, WorkloadOption>> = {},
  given: Readonly<Record<string, string>> = {},
): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(options).map(([name, { absent, parse }]) => {
      const text = given[name];
      return [name, text === undefined ? absent : parse(text)];
    }),
  );
}

/** The test as it is for a run with these options. */
export function configureTest(
  test: WorkloadTest,
  {
    nodes,
    concurrency,
    latencyMeanMs,
    names = '',
    strict,
    workloadOptions,
  }: Pick<RunOptions, 'nodes' | 'concurrency' | 'latencyMeanMs' | 'names' | 'strict' | 'workloadOptions'>,
): WorkloadTest {
  if (test.configure === undefined) return test;
  const options = parseWorkloadOptions(test.options, workloadOptions);
  return test.configure({ nodes, concurrency, latencyMeanMs, names, strict: strict === true, options });
}
