/**
 * The order in which a node searches the node numbers. First comes its place in `node_ids`, which is unique if all
 * nodes know each other. Then all others in a permutation drawn from its id (double hashing). The order is the same in
 * every life, so a restarted node soon meets its own number.
 */

import type { NodeContext } from '../../node/context.ts';
import { avalanche, fnv1a } from '../../protocol/hash.ts';

export function searchOrder({ nodeId, nodeIds }: Pick<NodeContext, 'nodeId' | 'nodeIds'>, count: number): number[] {
  const hash = hashOf(nodeId);
  const start = hash % count;
  const step = strideFrom((hash >>> 16) % count, count);
  const own = nodeIds.indexOf(nodeId);
  const permutation = Array.from({ length: count }, (_, place) => (start + place * step) % count);
  return own < count ? [own, ...permutation.filter((number) => number !== own)] : permutation;
}

/** The first stride from `least` on that visits every number before it repeats. */
function strideFrom(least: number, count: number): number {
  let stride = least;
  while (greatestCommonDivisor(stride, count) !== 1) stride++;
  return stride;
}

function greatestCommonDivisor(one: number, other: number): number {
  return other === 0 ? one : greatestCommonDivisor(other, one % other);
}

/** FNV-1a, 32 bits, with a final avalanche: ids of nodes differ only in their last digit. */
function hashOf(text: string): number {
  return avalanche(fnv1a(text)) >>> 0;
}
