/**
 * Partitions, as Jepsen draws them. A *grudge* names, for each receiver, the senders that it does not hear. So a grudge
 * may cut a link in one direction only; the majorities ring of three nodes does.
 *
 * Source: `jepsen.nemesis` (complete-grudge, majorities-ring) and `jepsen.nemesis.combined` (the four shapes). Unlike
 * there, a shape that would isolate no node in a cluster of this size (a minority third of three nodes) is never
 * chosen. The bridge is `jepsen.nemesis/bridge`; one-way cuts and cuts from services are our own.
 */

import type { SeededRandom } from '../protocol/random.ts';

export type Grudge = ReadonlyMap<string, readonly string[]>;

export type PartitionShape = 'one' | 'minority-third' | 'majority' | 'majorities-ring';
export type CutShape = PartitionShape | 'bridge' | 'one-way';

/** The least number of nodes with which a shape cuts anything. */
const NODES_MIN: Readonly<Record<PartitionShape, number>> = {
  one: 2,
  'minority-third': 4,
  majority: 2,
  'majorities-ring': 3,
};

/** Rings up to this size are exact. Larger ones are grown at random, as in Jepsen. */
const PERFECT_RING_NODES_MAX = 5;

/** The shapes that cut something in a cluster of `nodeCount`; none for a single node. */
export function partitionShapes(nodeCount: number): readonly PartitionShape[] {
  const shapes = Object.keys(NODES_MIN) as PartitionShape[];
  return shapes.filter((shape) => nodeCount >= NODES_MIN[shape]);
}

export function createGrudge(shape: CutShape, nodes: readonly string[], random: SeededRandom): Grudge {
  switch (shape) {
    case 'one': {
      const loner = random.pick(nodes);
      return completeGrudge([[loner], nodes.filter((node) => node !== loner)]);
    }
    case 'minority-third':
      return completeGrudge(splitAt(random.shuffle(nodes), Math.ceil(nodes.length / 3) - 1));
    case 'majority':
      return completeGrudge(splitAt(random.shuffle(nodes), Math.floor(nodes.length / 2)));
    case 'majorities-ring':
      return nodes.length <= PERFECT_RING_NODES_MAX ? perfectRing(nodes, random) : grownRing(nodes, random);
    case 'bridge':
      return bridge(random.shuffle(nodes));
    case 'one-way': {
      const [mute, deaf] = splitAt(random.shuffle(nodes), 1 + random.integer(nodes.length - 1)) as [string[], string[]];
      return new Map(deaf.map((node) => [node, mute]));
    }
  }
}

/** Cuts some nodes from all services. Their requests are lost, or the replies, or both. */
export function createServiceGrudge(
  nodes: readonly string[],
  services: readonly string[],
  random: SeededRandom,
): { shape: 'full' | 'requests' | 'replies'; grudge: Grudge } {
  const shape = random.pick(['full', 'requests', 'replies'] as const);
  const hit = random.shuffle(nodes).slice(0, 1 + random.integer(nodes.length));
  const grudge = new Map<string, readonly string[]>();
  if (shape !== 'replies') for (const service of services) grudge.set(service, hit);
  if (shape !== 'requests') for (const node of hit) grudge.set(node, services);
  return { shape, grudge };
}

function splitAt(nodes: readonly string[], count: number): string[][] {
  return [nodes.slice(0, count), nodes.slice(count)];
}

/** No node hears a node outside of its own component. */
function completeGrudge(components: readonly (readonly string[])[]): Grudge {
  const nodes = components.flat();
  return new Map(
    components.flatMap((component) =>
      component.map((node) => [node, nodes.filter((other) => !component.includes(other))]),
    ),
  );
}

/** Two halves that do not hear each other, and one node that hears both and is heard by both. */
function bridge(nodes: readonly string[]): Grudge {
  const [middle, ...others] = nodes as [string, ...string[]];
  const halves = completeGrudge(splitAt(others, Math.floor(others.length / 2)));
  return new Map([[middle, []], ...halves]);
}

function majorityOf(nodeCount: number): number {
  return Math.floor(nodeCount / 2) + 1;
}

/** The nodes stand on a shuffled ring. Each hears only the majority-sized window around itself. */
function perfectRing(nodes: readonly string[], random: SeededRandom): Grudge {
  const ring = random.shuffle(nodes);
  const majority = majorityOf(nodes.length);
  return new Map(
    ring.map((_, start) => {
      const heard = Array.from({ length: majority }, (_, offset) => ring[(start + offset) % ring.length] as string);
      return [heard[Math.floor(majority / 2)] as string, nodes.filter((node) => !heard.includes(node))];
    }),
  );
}

/** Links the least connected nodes until each node hears a majority. */
function grownRing(nodes: readonly string[], random: SeededRandom): Grudge {
  const majority = majorityOf(nodes.length);
  const heard = new Map(nodes.map((node) => [node, new Set([node])]));
  const heardBy = (node: string) => heard.get(node) as Set<string>;
  for (;;) {
    const byDegree = random.shuffle(nodes).sort((one, other) => heardBy(one).size - heardBy(other).size);
    const least = byDegree[0] as string;
    if (heardBy(least).size >= majority) break;
    const partner = byDegree.find((node) => !heardBy(least).has(node)) as string;
    heardBy(least).add(partner);
    heardBy(partner).add(least);
  }
  return new Map(nodes.map((node) => [node, nodes.filter((other) => !heardBy(node).has(other))]));
}

/** For progress lines: `n1 ⊘ n0,n2` when n1 hears neither n0 nor n2. */
export function describeGrudge(grudge: Grudge): string {
  return [...grudge]
    .filter(([, deafTo]) => deafTo.length > 0)
    .map(([node, deafTo]) => `${node} ⊘ ${deafTo.join(',')}`)
    .join('; ');
}
