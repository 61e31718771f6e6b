/** Grudges of every shape for 2 to 9 nodes, over many seeds, and compared with the grudges of real runs. */

import { describe, expect, it } from 'vitest';
import {
  createGrudge,
  describeGrudge,
  type Grudge,
  type PartitionShape,
  partitionShapes,
} from '../../src/harness/grudge.ts';
import { SeededRandom } from '../../src/protocol/random.ts';
import { readRecording } from '../support/histories.ts';

const SEEDS = 100;

function nodesOf(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `n${index}`);
}

function draw(shape: PartitionShape, nodes: readonly string[]): Grudge[] {
  return Array.from({ length: SEEDS }, (_, seed) => createGrudge(shape, nodes, new SeededRandom(seed)));
}

function deafTo(grudge: Grudge, node: string): readonly string[] {
  return grudge.get(node) as readonly string[];
}

/** The nodes whose messages reach `node`, itself included. */
function heardBy(grudge: Grudge, node: string): string[] {
  return [...grudge.keys()].filter((other) => !deafTo(grudge, node).includes(other)).sort();
}

/** A text of a grudge that does not depend on its order. */
function canonical(grudge: Grudge): string {
  return JSON.stringify([...grudge].map(([node, deaf]) => [node, [...deaf].sort()]).sort());
}

/** The sizes of the two components of a grudge, the smaller first. Asserts that it cuts the cluster into two. */
function halves(grudge: Grudge): [number, number] {
  const components = new Set([...grudge.keys()].map((node) => heardBy(grudge, node).join()));
  expect(components.size).toBe(2);
  const sizes = [...components].map((component) => component.split(',').length).sort((left, right) => left - right);
  expect((sizes[0] as number) + (sizes[1] as number)).toBe(grudge.size);
  return sizes as [number, number];
}

const SIZES = [2, 3, 4, 5, 6, 7, 8, 9].map((count) => ({ count, nodes: nodesOf(count) }));

describe('the shapes of partitions', () => {
  it('are those that cut something in a cluster of that size', () => {
    expect([0, 1, 2, 3, 4, 9].map((count) => partitionShapes(count))).toEqual([
      [],
      [],
      ['one', 'majority'],
      ['one', 'majority', 'majorities-ring'],
      ['one', 'minority-third', 'majority', 'majorities-ring'],
      ['one', 'minority-third', 'majority', 'majorities-ring'],
    ]);
  });

  it.each(SIZES)('name, with $count nodes, every node once and no node as deaf to itself', ({ count, nodes }) => {
    for (const shape of partitionShapes(count)) {
      for (const grudge of draw(shape, nodes)) {
        expect([...grudge.keys()].sort()).toEqual(nodes);
        const strange = nodes.filter((node) => {
          const others = new Set(nodes.filter((other) => other !== node));
          return !deafTo(grudge, node).every((other) => others.delete(other));
        });
        expect(strange).toEqual([]);
      }
    }
  });

  it.each(SIZES)('always cut something, with $count nodes', ({ count, nodes }) => {
    for (const shape of partitionShapes(count)) {
      const vacuous = draw(shape, nodes).filter((grudge) => [...grudge.values()].every((deaf) => deaf.length === 0));
      expect(vacuous).toEqual([]);
    }
  });

  it.each(SIZES.slice(1))('hit different nodes from seed to seed, with $count nodes', ({ count, nodes }) => {
    for (const shape of partitionShapes(count)) {
      expect(new Set(draw(shape, nodes).map(canonical)).size).toBeGreaterThan(1);
    }
  });

  it('are the same for the same seed', () => {
    for (const shape of partitionShapes(9)) expect(draw(shape, nodesOf(9))).toEqual(draw(shape, nodesOf(9)));
  });
});

describe.each(SIZES)('a partition of $count nodes', ({ count, nodes }) => {
  it("named 'one' isolates exactly one node", () => {
    for (const grudge of draw('one', nodes)) expect(halves(grudge)).toEqual([1, count - 1]);
  });

  it("named 'one' isolates each node sooner or later", () => {
    const loners = draw('one', nodes).flatMap((grudge) => nodes.filter((node) => heardBy(grudge, node).length === 1));
    expect(new Set(loners)).toEqual(new Set(nodes));
  });

  it("named 'majority' leaves the larger half together, and the smaller", () => {
    for (const grudge of draw('majority', nodes)) {
      if (count === 2) expect(halves(grudge)).toEqual([1, 1]);
      else expect(halves(grudge)).toEqual([Math.floor(count / 2), Math.ceil(count / 2)]);
    }
  });
});

describe.each(SIZES.filter(({ count }) => count >= 4))('a minority third of $count nodes', ({ count, nodes }) => {
  it('is the largest number of nodes below a third', () => {
    const sizes: Readonly<Record<number, number>> = { 4: 1, 5: 1, 6: 1, 7: 2, 8: 2, 9: 2 };
    for (const grudge of draw('minority-third', nodes)) {
      expect(halves(grudge)).toEqual([sizes[count], count - (sizes[count] as number)]);
    }
  });
});

describe.each(SIZES.filter(({ count }) => count >= 3))('a majorities ring of $count nodes', ({ count, nodes }) => {
  it('lets every node hear a majority, itself included', () => {
    for (const grudge of draw('majorities-ring', nodes)) {
      const least = Math.min(...nodes.map((node) => heardBy(grudge, node).length));
      expect(least).toBeGreaterThan(count / 2);
    }
  });
});

describe.each(SIZES.filter(({ count }) => count >= 3 && count <= 5))('a perfect ring of $count', ({ count, nodes }) => {
  it('lets no two nodes hear the same majority, and none more than a majority', () => {
    for (const grudge of draw('majorities-ring', nodes)) {
      const heard = nodes.map((node) => heardBy(grudge, node));
      expect(heard.map(({ length }) => length)).toEqual(nodes.map(() => Math.floor(count / 2) + 1));
      expect(new Set(heard.map((majorityHeard) => majorityHeard.join())).size).toBe(count);
    }
  });
});

describe.each(SIZES.filter(({ count }) => count > 3))('a majorities ring of $count, more than three', ({ nodes }) => {
  it('cuts links in both directions', () => {
    for (const grudge of draw('majorities-ring', nodes)) {
      const oneWay = [...grudge].filter(([node, deaf]) => deaf.some((other) => !deafTo(grudge, other).includes(node)));
      expect(oneWay).toEqual([]);
    }
  });
});

describe('a majorities ring of three', () => {
  it('lets each node hear one other, around the ring: every link is cut in one direction', () => {
    for (const grudge of draw('majorities-ring', ['n0', 'n1', 'n2'])) {
      for (const [node, deaf] of grudge) {
        expect(deaf).toHaveLength(1);
        expect(deafTo(grudge, deaf[0] as string)).not.toContain(node);
      }
    }
  });
});

interface RecordedGrudge {
  readonly recording: string;
  readonly shape: PartitionShape;
  readonly grudge: Readonly<Record<string, readonly string[]>>;
}

function recordedGrudges(recording: string): RecordedGrudge[] {
  const starts = [...readRecording(recording).history].filter(({ f }) => f === 'start-partition');
  return starts.flatMap(({ value }, index) => {
    if (!Array.isArray(value)) return [];
    return [{ recording, shape: starts[index - 1]?.value as PartitionShape, grudge: value[1] }];
  });
}

describe('the grudges of real runs', () => {
  const recorded = ['unique-ids-partition', 'unique-ids-unavailable'].flatMap(recordedGrudges);

  it('exist: two of one run, three of the other', () => {
    expect(recorded.map(({ shape }) => shape)).toEqual(['one', 'one', 'majority', 'majorities-ring', 'majority']);
  });

  it.each(recorded)('$recording: $shape $grudge is one that is drawn here too', ({ shape, grudge }) => {
    const drawn = new Set(draw(shape, ['n0', 'n1', 'n2']).map(canonical));
    expect(drawn).toContain(canonical(new Map(Object.entries(grudge))));
  });
});

describe('a grudge in words', () => {
  it('names the nodes that each node does not hear, and leaves out nodes that hear all', () => {
    const grudge: Grudge = new Map([
      ['n0', []],
      ['n1', ['n0', 'n2']],
      ['n2', ['n1']],
    ]);
    expect(describeGrudge(grudge)).toBe('n1 ⊘ n0,n2; n2 ⊘ n1');
  });
});
