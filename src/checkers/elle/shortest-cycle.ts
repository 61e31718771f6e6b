/** A shortest cycle through some vertex of a strongly connected graph, by breadth-first search. */

import type { DependencyGraph } from './dependency-graph.ts';

/** Vertices in order, each with the kinds of its edge to the next one. */
export type CyclePath = readonly { readonly vertex: number; readonly kinds: number }[];

/** More starts than these are not worth their time. */
const STARTS_MAX = 64;

/** The shortest one of the first starts. */
export function shortestCycle(graph: DependencyGraph): CyclePath {
  let shortest: CyclePath | undefined;
  for (let start = 0; start < Math.min(graph.vertexCount, STARTS_MAX); start++) {
    const cycle = cycleThrough(graph, start);
    if (shortest === undefined || cycle.length < shortest.length) shortest = cycle;
  }
  if (shortest === undefined) throw new Error('a graph without vertices has no cycle');
  return shortest;
}

function cycleThrough({ vertexCount, starts, targets, kinds }: DependencyGraph, start: number): CyclePath {
  const edgeTo = new Int32Array(vertexCount).fill(-1);
  const before = new Int32Array(vertexCount).fill(-1);
  const queue = [start];
  for (const vertex of queue) {
    for (let edge = starts[vertex] as number; edge < (starts[vertex + 1] as number); edge++) {
      const target = targets[edge] as number;
      if (edgeTo[target] !== -1) continue;
      edgeTo[target] = edge;
      before[target] = vertex;
      if (target === start) return pathBackFrom(start);
      queue.push(target);
    }
  }
  throw new Error(`no cycle goes through vertex ${start}, so the graph is not strongly connected`);

  function pathBackFrom(end: number): CyclePath {
    const path: { vertex: number; kinds: number }[] = [];
    let vertex = end;
    do {
      path.push({ vertex: before[vertex] as number, kinds: kinds[edgeTo[vertex] as number] as number });
      vertex = before[vertex] as number;
    } while (vertex !== end);
    return path.reverse();
  }
}
