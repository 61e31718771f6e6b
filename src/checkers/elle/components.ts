/**
 * The strongly connected components of a graph, restricted to edges of some kinds: Tarjan's algorithm without
 * recursion, linear in vertices and edges.
 */

import type { DependencyGraph } from './dependency-graph.ts';

/** The components of more than one vertex, each ascending. Every cycle lies within one of them. */
export function cyclicComponents(graph: DependencyGraph, kinds: number): readonly Int32Array[] {
  return new Tarjan(graph, kinds).run();
}

class Tarjan {
  readonly #graph: DependencyGraph;
  readonly #kinds: number;
  /** From 1, in the order of visits. 0: not visited. */
  readonly #visits: Int32Array;
  /** The lowest visit that is known to be in the same component. */
  readonly #lows: Int32Array;
  readonly #nextEdges: Int32Array;
  /** The vertices on the way from the first one to the current one. */
  readonly #path: Int32Array;
  /** Visited vertices without a component. */
  readonly #open: Int32Array;
  readonly #isOpen: Uint8Array;
  #openLength = 0;
  #visitCount = 0;
  readonly #found: Int32Array[] = [];

  constructor(graph: DependencyGraph, kinds: number) {
    this.#graph = graph;
    this.#kinds = kinds;
    this.#visits = new Int32Array(graph.vertexCount);
    this.#lows = new Int32Array(graph.vertexCount);
    this.#nextEdges = new Int32Array(graph.vertexCount);
    this.#path = new Int32Array(graph.vertexCount);
    this.#open = new Int32Array(graph.vertexCount);
    this.#isOpen = new Uint8Array(graph.vertexCount);
  }

  run(): readonly Int32Array[] {
    for (let vertex = 0; vertex < this.#graph.vertexCount; vertex++) {
      if (this.#visits[vertex] === 0) this.#visitFrom(vertex);
    }
    return this.#found;
  }

  #visitFrom(first: number): void {
    const { starts, targets, kinds } = this.#graph;
    const path = this.#path;
    let depth = 0;
    this.#enter(first);
    path[0] = first;
    while (depth >= 0) {
      const vertex = path[depth] as number;
      const edge = this.#nextEdges[vertex] as number;
      if (edge < (starts[vertex + 1] as number)) {
        this.#nextEdges[vertex] = edge + 1;
        if (((kinds[edge] as number) & this.#kinds) === 0) continue;
        const target = targets[edge] as number;
        if (this.#visits[target] === 0) {
          this.#enter(target);
          path[++depth] = target;
        } else if (this.#isOpen[target] === 1) {
          this.#lower(vertex, this.#visits[target] as number);
        }
      } else {
        if (this.#lows[vertex] === this.#visits[vertex]) this.#close(vertex);
        depth--;
        if (depth >= 0) this.#lower(path[depth] as number, this.#lows[vertex] as number);
      }
    }
  }

  #enter(vertex: number): void {
    this.#visitCount++;
    this.#visits[vertex] = this.#visitCount;
    this.#lows[vertex] = this.#visitCount;
    this.#nextEdges[vertex] = this.#graph.starts[vertex] as number;
    this.#open[this.#openLength++] = vertex;
    this.#isOpen[vertex] = 1;
  }

  #lower(vertex: number, low: number): void {
    if (low < (this.#lows[vertex] as number)) this.#lows[vertex] = low;
  }

  /** Takes the component of `root` off the open vertices. */
  #close(root: number): void {
    let start = this.#openLength;
    do this.#isOpen[this.#open[--start] as number] = 0;
    while (this.#open[start] !== root);
    if (this.#openLength - start > 1) this.#found.push(this.#open.slice(start, this.#openLength).sort());
    this.#openLength = start;
  }
}
