/**
 * A graph of dependencies between transactions in typed arrays: for each transaction the row of those that must come
 * after it, and for each of these edges the kinds of reasons as bits (compressed sparse rows).
 */

import { IntColumn } from './int-column.ts';

/** The kinds of edges: what the later transaction did to what the earlier one did. */
export const WW = 1;
export const WR = 2;
export const RW = 4;
/** The same process executed both. */
export const PROCESS = 8;
/** The earlier one was completed before the later one was invoked. */
export const REALTIME = 16;
export const EVERY_KIND = WW | WR | RW | PROCESS | REALTIME;

export interface DependencyGraph {
  readonly vertexCount: number;
  /** The edges of vertex `v` are those from `starts[v]` to before `starts[v + 1]`. */
  readonly starts: Int32Array;
  readonly targets: Int32Array;
  /** The kinds of each edge, as bits. */
  readonly kinds: Uint8Array;
}

/** Collects edges in any order, and repeated ones as well. */
export class EdgeList {
  readonly #from = new IntColumn();
  readonly #toAndKind = new IntColumn();

  #isEmpty = true;

  /** Whether no edge was added, not even one that is left out. */
  get isEmpty(): boolean {
    return this.#isEmpty;
  }

  /** An edge from a vertex to itself is left out. */
  add(from: number, to: number, kind: number): void {
    this.#isEmpty = false;
    if (from === to) return;
    this.#from.push(from);
    // The kinds take five bits, so 67 million vertices are possible.
    this.#toAndKind.push((to << 5) | kind);
  }

  /** The graph of all edges. Edges between the same vertices become one, with all their kinds. */
  build(vertexCount: number): DependencyGraph {
    const from = this.#from.values();
    const toAndKind = this.#toAndKind.values();
    const starts = new Int32Array(vertexCount + 1);
    for (const vertex of from) (starts[vertex + 1] as number)++;
    for (let vertex = 0; vertex < vertexCount; vertex++) (starts[vertex + 1] as number) += starts[vertex] as number;
    const next = starts.slice();
    const rows = new Int32Array(from.length);
    for (let edge = 0; edge < from.length; edge++) {
      rows[(next[from[edge] as number] as number)++] = toAndKind[edge] as number;
    }
    return withoutRepetitions(vertexCount, starts, rows);
  }
}

function withoutRepetitions(vertexCount: number, rowStarts: Int32Array, rows: Int32Array): DependencyGraph {
  const starts = new Int32Array(vertexCount + 1);
  const targets = new Int32Array(rows.length);
  const kinds = new Uint8Array(rows.length);
  // Where the row of the current vertex has each target, if it is not before the start of the row.
  const placeOf = new Int32Array(vertexCount).fill(-1);
  let length = 0;
  for (let vertex = 0; vertex < vertexCount; vertex++) {
    const start = length;
    starts[vertex] = start;
    for (let edge = rowStarts[vertex] as number; edge < (rowStarts[vertex + 1] as number); edge++) {
      const target = (rows[edge] as number) >> 5;
      let place = placeOf[target] as number;
      if (place < start) {
        place = length++;
        placeOf[target] = place;
        targets[place] = target;
      }
      kinds[place] = (kinds[place] as number) | ((rows[edge] as number) & 31);
    }
  }
  starts[vertexCount] = length;
  return { vertexCount, starts, targets: targets.subarray(0, length), kinds: kinds.subarray(0, length) };
}

/** The part of a graph that has only some vertices, numbered by their places among these. */
export function selectVertices(graph: DependencyGraph, vertices: Int32Array, numbers: Int32Array): DependencyGraph {
  vertices.forEach((vertex, number) => {
    numbers[vertex] = number;
  });
  const edges = new EdgeList();
  vertices.forEach((vertex, number) => {
    for (let edge = graph.starts[vertex] as number; edge < (graph.starts[vertex + 1] as number); edge++) {
      const target = numbers[graph.targets[edge] as number] as number;
      if (target >= 0) edges.add(number, target, graph.kinds[edge] as number);
    }
  });
  for (const vertex of vertices) numbers[vertex] = -1;
  return edges.build(vertices.length);
}
