/**
 * What broadcast, g-set and the counters have in common: half of the operations change something, half read, and in the
 * end every client reads once. Source: `maelstrom.workload.broadcast` and its siblings, `jepsen.generator/mix`.
 */

import type { FinalStep, Invocation, WorkloadTest } from '../harness/workload-test.ts';
import type { SeededRandom } from '../protocol/random.ts';

/** How long nodes may spread what they know before they are read for the last time, ms. */
export const CALM_MS = 10_000;

/** Each client reads once. The read is not retried. */
export const FINAL_READS: readonly FinalStep[] = [{ f: 'read', value: null, by: 'each', once: true, final: true }];

/**
 * Reads, and changes numbered from 0. All generators of one function number their changes together, so that no two
 * changes of a run are the same.
 *
 * @param change the operation with a number
 */
export function createMixedGenerator(
  change: (number: number, random: SeededRandom) => Invocation,
): WorkloadTest['createGenerator'] {
  let next = 0;
  return (random) => () => (random.integer(2) === 0 ? change(next++, random) : { f: 'read', value: null });
}
