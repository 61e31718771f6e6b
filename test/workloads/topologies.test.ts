import { describe, expect, it } from 'vitest';
import { parseTopology, TOPOLOGIES } from '../../src/workloads/topologies.ts';

const nodes = (count: number) => Array.from({ length: count }, (_, index) => `n${index}`);
const topology = (name: string, count: number) =>
  Object.entries(parseTopology(name)(nodes(count))).map(([node, neighbours]) => `${node}: ${neighbours.join(' ')}`);

describe('the topology', () => {
  it('grid is a square whose last row may be short', () => {
    expect(topology('grid', 5)).toEqual(['n0: n3 n1', 'n1: n4 n2 n0', 'n2: n1', 'n3: n0 n4', 'n4: n1 n3']);
  });

  it('line has each node beside the next one, and is empty for one node', () => {
    expect(topology('line', 4)).toEqual(['n0: n1', 'n1: n0 n2', 'n2: n1 n3', 'n3: n2']);
    expect(topology('line', 1)).toEqual([]);
  });

  it('total has all others', () => {
    expect(topology('total', 3)).toEqual(['n0: n1 n2', 'n1: n0 n2', 'n2: n0 n1']);
  });

  it('tree3 has the parent, then up to three children', () => {
    expect(topology('tree3', 6)).toEqual(['n0: n1 n2 n3', 'n1: n0 n4 n5', 'n2: n0', 'n3: n0', 'n4: n1', 'n5: n1']);
    expect(topology('tree', 7)).toEqual(topology('tree2', 7));
    expect(topology('tree4', 25)[1]).toBe('n1: n0 n5 n6 n7 n8');
  });

  it.each(Object.keys(TOPOLOGIES))('%s is symmetric and connected, for any number of nodes', (name) => {
    for (let count = 2; count <= 30; count++) {
      const neighbours = parseTopology(name)(nodes(count));
      for (const [node, others] of Object.entries(neighbours)) {
        expect(new Set(others).size).toBe(others.length);
        for (const other of others) expect(neighbours[other]).toContain(node);
      }
      const reached = new Set(['n0']);
      for (const node of reached) for (const other of neighbours[node] ?? []) reached.add(other);
      expect(reached.size).toBe(count);
    }
  });

  it('that there is not is refused', () => {
    expect(() => parseTopology('star')).toThrow('expected one of grid, line, total, tree, tree2, tree3, tree4');
    expect(() => parseTopology('constructor')).toThrow('expected one of');
  });
});
