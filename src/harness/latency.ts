/** The latency of messages between nodes: Maelstrom's three distributions. */

import type { SeededRandom } from '../protocol/random.ts';

export const LATENCY_DISTRIBUTIONS = ['constant', 'uniform', 'exponential'] as const;
export type LatencyDistributionName = (typeof LATENCY_DISTRIBUTIONS)[number];

/** Draws one message's latency, in whole ms, as Maelstrom does. */
export type LatencyDistribution = () => number;

export function createLatency(
  name: LatencyDistributionName,
  meanMs: number,
  random: SeededRandom,
): LatencyDistribution {
  if (meanMs === 0) return () => 0;
  switch (name) {
    case 'constant':
      return () => meanMs;
    case 'uniform':
      return () => random.integer(2 * meanMs + 1);
    case 'exponential':
      return () => Math.floor(-meanMs * Math.log(1 - random.float()));
  }
}
