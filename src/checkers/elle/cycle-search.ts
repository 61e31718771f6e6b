/**
 * Looks in a strongly connected graph for a cycle of each type, the worst types first; what a found one implies is not
 * looked for (`elle.txn/cycle-cases-in-scc`). Which models are ruled out is known before: a cycle only explains it.
 *
 * As in Elle, the first cycle that fits decides. If the reasons of its edges make it one of another type, this type is
 * given up.
 */

import { CYCLE_TYPES, type CycleType, typeOfCycle } from './cycle-types.ts';
import type { DependencyGraph } from './dependency-graph.ts';
import { mapHash } from './hash-order.ts';
import { GAVE_UP, PathSearch } from './path-search.ts';

/**
 * So many steps may the search along every path take for a type, and in all. Elle knows only this search, and stops it
 * after a second; on this budget all that Elle finds in the recorded runs is found.
 */
const EVERY_PATH_STEPS_MAX = 1_000_000;
const EVERY_PATH_STEPS_IN_ALL = 20_000_000;
/** So many steps may the search take that follows one path to each state. */
const ONE_PATH_STEPS_MAX = 10_000_000;
const ONE_PATH_STEPS_IN_ALL = 100_000_000;

export interface FoundCycle {
  readonly type: string;
  /** Vertices in order, each once. */
  readonly vertices: readonly number[];
  /** What the edge after each vertex counts as. */
  readonly kinds: readonly number[];
}

export class CycleSearch {
  readonly #kindOf: (kinds: number) => number;
  #everyPathLeft = EVERY_PATH_STEPS_IN_ALL;
  #onePathLeft = ONE_PATH_STEPS_IN_ALL;

  /** @param kindOf what an edge of several kinds counts as, given its kinds as bits */
  constructor(kindOf: (kinds: number) => number) {
    this.#kindOf = kindOf;
  }

  /**
   * The cycles that are found, in the order of the search.
   *
   * @param graph strongly connected
   * @param indices the index in the history of each vertex
   * @param excluded types that cannot be in it
   */
  search(graph: DependencyGraph, indices: readonly number[], excluded: ReadonlySet<string>): readonly FoundCycle[] {
    const redundant = new Set(excluded);
    const hashes = indices.map(mapHash);
    const found: FoundCycle[] = [];
    for (const type of CYCLE_TYPES) {
      if (redundant.has(type.name)) continue;
      const vertices = this.#findPath(graph, hashes, type);
      if (vertices === undefined) continue;
      const kinds = this.#kindsOf(graph, vertices);
      const actual = typeOfCycle(kinds);
      if (type.isExact && actual !== type.name) continue;
      found.push({ type: actual, vertices, kinds });
      for (const implied of type.implied) redundant.add(implied);
    }
    return found;
  }

  #findPath(graph: DependencyGraph, hashes: readonly number[], type: CycleType): readonly number[] | undefined {
    const everyPath = new PathSearch(graph, hashes, type, { isEveryPath: true });
    const budget = Math.min(EVERY_PATH_STEPS_MAX, this.#everyPathLeft);
    const first = everyPath.run(budget);
    this.#everyPathLeft -= everyPath.stepCount;
    if (first !== GAVE_UP) return first;
    const onePath = new PathSearch(graph, hashes, type, { isEveryPath: false });
    const second = onePath.run(Math.min(ONE_PATH_STEPS_MAX, this.#onePathLeft));
    this.#onePathLeft -= onePath.stepCount;
    return second === GAVE_UP ? undefined : second;
  }

  #kindsOf(graph: DependencyGraph, cycle: readonly number[]): readonly number[] {
    return cycle.map((vertex, place) => {
      const target = cycle[(place + 1) % cycle.length] as number;
      const edge = graph.targets.indexOf(target, graph.starts[vertex]);
      return this.#kindOf(graph.kinds[edge] as number);
    });
  }
}
