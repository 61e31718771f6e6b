/**
 * Finds a cycle that an automaton accepts by breadth-first search from each vertex in turn, so it is a shortest one
 * from its start (`elle.bfs`).
 *
 * A path that comes back to its start is the cycle. One that comes back to another of its vertices has a tail: the
 * search begins again among the vertices of its loop alone. Following every path takes exponential time. Following only
 * the first path to each pair of a vertex and a state of the automaton takes linear time for each start, and may miss
 * cycles that need a longer way to a vertex.
 */

import { once } from '../../protocol/once.ts';
import { automatonOf, type CycleAutomaton } from './cycle-automaton.ts';
import { CYCLE_TYPES, type CycleType } from './cycle-types.ts';
import { type DependencyGraph, RW } from './dependency-graph.ts';
import { inMapOrder } from './hash-order.ts';

/** In place of a cycle: too many steps. */
export const GAVE_UP = 'gave up';

const AUTOMATA = once(() => new Map(CYCLE_TYPES.map((type) => [type, automatonOf(type)])));

export class PathSearch {
  readonly #graph: DependencyGraph;
  readonly #hashes: readonly number[];
  readonly #automaton: CycleAutomaton;
  /** The kinds of edges that the type may use. */
  readonly #kinds: number;
  readonly #isEveryPath: boolean;
  readonly #rows: (readonly number[] | undefined)[];
  #stepCount = 0;
  #stepsMax = 0;

  /** @param hashes the place of each vertex in the maps of Elle, which give the order of the search */
  constructor(
    graph: DependencyGraph,
    hashes: readonly number[],
    type: CycleType,
    { isEveryPath }: { readonly isEveryPath: boolean },
  ) {
    this.#graph = graph;
    this.#hashes = hashes;
    this.#automaton = AUTOMATA().get(type) as CycleAutomaton;
    this.#kinds = type.legal | (type.wantedRw > 0 ? RW : 0);
    this.#isEveryPath = isEveryPath;
    this.#rows = new Array(graph.vertexCount);
  }

  get stepCount(): number {
    return this.#stepCount;
  }

  /** The vertices of a cycle in order, each once; undefined if there is none. */
  run(stepsMax: number): readonly number[] | undefined | typeof GAVE_UP {
    this.#stepsMax = stepsMax;
    for (const start of this.#startsInOrder()) {
      const cycle = this.#searchFrom(start);
      if (cycle !== undefined) return cycle;
      if (this.#stepCount > stepsMax) return GAVE_UP;
    }
    return undefined;
  }

  /** @param within the only vertices to go to */
  #searchFrom(start: number, within?: ReadonlySet<number>): readonly number[] | undefined {
    const { stateCount, steps } = this.#automaton;
    const { targets, kinds } = this.#graph;
    // Nodes of the tree of paths: what they reached, and the node before.
    const pairs = [start * stateCount];
    const parents = [-1];
    const reached = new Set<number>();
    for (let node = 0; node < pairs.length; node++) {
      const pair = pairs[node] as number;
      const path = this.#pathTo(node, pairs, parents);
      this.#stepCount += path.length;
      const outcomes = steps[pair % stateCount] as readonly (readonly number[])[];
      for (const edge of this.#row(Math.floor(pair / stateCount))) {
        const target = targets[edge] as number;
        if (within?.has(target) === false) continue;
        const place = path.indexOf(target);
        for (const state of outcomes[(kinds[edge] as number) & this.#kinds] as readonly number[]) {
          if (place >= 0) {
            const cycle = this.#closeLoop(path, place, state);
            if (cycle !== undefined) return cycle;
            continue;
          }
          const next = target * stateCount + state;
          if (!this.#isEveryPath && reached.has(next)) continue;
          if (!this.#isEveryPath) reached.add(next);
          pairs.push(next);
          parents.push(node);
        }
      }
      if (this.#stepCount > this.#stepsMax) return undefined;
    }
    return undefined;
  }

  /** The cycle that a path makes by going back to one of its places, without a tail. */
  #closeLoop(path: readonly number[], place: number, state: number): readonly number[] | undefined {
    if (!this.#automaton.isAccepting[state]) return undefined;
    if (place === 0) return path;
    const loop = path.slice(place);
    const within = new Set(loop);
    for (const start of loop) {
      const cycle = this.#searchFrom(start, within);
      if (cycle !== undefined) return cycle;
    }
    return undefined;
  }

  #pathTo(last: number, pairs: readonly number[], parents: readonly number[]): number[] {
    const path: number[] = [];
    for (let node = last; node >= 0; node = parents[node] as number) {
      path.push(Math.floor((pairs[node] as number) / this.#automaton.stateCount));
    }
    return path.reverse();
  }

  /** The vertices that have an edge, in the order of a map. */
  #startsInOrder(): readonly number[] {
    const { vertexCount, targets, kinds } = this.#graph;
    const isTarget = new Uint8Array(vertexCount);
    for (let edge = 0; edge < targets.length; edge++) {
      if (((kinds[edge] as number) & this.#kinds) !== 0) isTarget[targets[edge] as number] = 1;
    }
    const vertices: number[] = [];
    for (let vertex = 0; vertex < vertexCount; vertex++) {
      if (isTarget[vertex] === 1 || this.#row(vertex).length > 0) vertices.push(vertex);
    }
    return inMapOrder(vertices, this.#hashes);
  }

  /** The edges from a vertex that the type may use, in the order of a map. */
  #row(vertex: number): readonly number[] {
    const known = this.#rows[vertex];
    if (known !== undefined) return known;
    const { starts, targets, kinds } = this.#graph;
    const edgeTo = new Map<number, number>();
    for (let edge = starts[vertex] as number; edge < (starts[vertex + 1] as number); edge++) {
      if (((kinds[edge] as number) & this.#kinds) !== 0) edgeTo.set(targets[edge] as number, edge);
    }
    const row = inMapOrder([...edgeTo.keys()], this.#hashes).map((target) => edgeTo.get(target) as number);
    this.#rows[vertex] = row;
    return row;
  }
}
