/**
 * Which models a component rules out because it has a cycle that they forbid, of any exact type. Tarjan's
 * algorithm on the edges that a model looks at answers that in linear time. Weaker models come first; once one is ruled
 * out, all stronger ones are.
 */

import { cyclicComponents } from './components.ts';
import { forbiddenAnomalies, strongerModels } from './consistency-models.ts';
import { CYCLE_TYPES } from './cycle-types.ts';
import { type DependencyGraph, EdgeList, PROCESS, REALTIME, RW, WR, WW } from './dependency-graph.ts';

/** A model, by its canonical name, and the edges that must not make a cycle under it. */
interface AcyclicModel {
  readonly model: string;
  readonly edges: number;
  /** Whether one anti-dependency may follow after any of these edges. */
  readonly extendsByRw?: true;
}

const ACYCLIC_MODELS: readonly AcyclicModel[] = [
  { model: 'PL-1', edges: WW },
  { model: 'PL-2', edges: WW | WR },
  { model: 'PL-SI', edges: WW | WR, extendsByRw: true },
  { model: 'PL-2.99', edges: WW | WR | RW },
  { model: 'PL-3', edges: WW | WR | RW },
  { model: 'strong-session-PL-1', edges: WW | PROCESS },
  { model: 'strong-session-PL-2', edges: WW | WR | PROCESS },
  { model: 'strong-session-snapshot-isolation', edges: WW | WR | PROCESS, extendsByRw: true },
  { model: 'strong-session-serializable', edges: WW | WR | RW | PROCESS },
  { model: 'strong-PL-1', edges: WW | REALTIME },
  { model: 'strong-PL-2', edges: WW | WR | REALTIME },
  { model: 'strong-snapshot-isolation', edges: WW | WR | REALTIME, extendsByRw: true },
  { model: 'PL-SS', edges: WW | WR | RW | REALTIME },
];

const KIND_NAMES: readonly (readonly [number, readonly string[]])[] = [
  [WW, ['ww', 'wwp']],
  [WR, ['wr', 'wrp']],
  [RW, ['rw', 'rwp']],
  [PROCESS, ['process']],
  [REALTIME, ['realtime']],
];

/** That a cycle exists which a model forbids. Fields have Elle's names. */
export interface CycleExists {
  readonly type: string;
  /** The canonical name of the model. */
  readonly model: string;
  /** Vertices of the smallest component. */
  readonly vertices: readonly number[];
  readonly subgraph: unknown;
}

/** The weakest models that a strongly connected graph rules out. */
export function findCycleExists(graph: DependencyGraph): readonly CycleExists[] {
  const found: CycleExists[] = [];
  const redundant = new Set<string>();
  for (const { model, edges, extendsByRw } of ACYCLIC_MODELS) {
    if (redundant.has(model)) continue;
    const components = extendsByRw ? extendedComponents(graph, edges) : cyclicComponents(graph, edges);
    const smallest = components.reduce<ArrayLike<number> | undefined>(
      (least, next) => (least === undefined || next.length < least.length ? next : least),
      undefined,
    );
    if (smallest === undefined) continue;
    found.push({
      type: `${model}-cycle-exists`,
      model,
      vertices: Array.from(smallest),
      subgraph: subgraphOf(model, edges, extendsByRw),
    });
    for (const stronger of strongerModels([model])) redundant.add(stronger);
  }
  return found;
}

/** The `…-cycle-exists` types whose models are among those, by canonical names. */
export function cycleExistsTypes(models: ReadonlySet<string>): readonly string[] {
  return ACYCLIC_MODELS.flatMap(({ model }) => (models.has(model) ? [`${model}-cycle-exists`] : []));
}

const excludedTypes = new Map<string, ReadonlySet<string>>();

/** The types of cycles that cannot be in a component, given the models that it rules out. */
export function typesExcludedBy(found: readonly CycleExists[]): ReadonlySet<string> {
  const key = found.map(({ model }) => model).join();
  let excluded = excludedTypes.get(key);
  if (excluded === undefined) {
    const impossible = strongerModels(found.map(({ model }) => model));
    const possible = ACYCLIC_MODELS.map(({ model }) => model).filter((model) => !impossible.has(model));
    const forbidden = forbiddenAnomalies(possible);
    excluded = new Set(CYCLE_TYPES.map(({ name }) => name).filter((name) => forbidden.has(name)));
    excludedTypes.set(key, excluded);
  }
  return excluded;
}

/**
 * The components of the graph whose edges are those of `kinds`, and those of `kinds` with an anti-dependency after it.
 * Each vertex gets a twin, where the next edge must be an anti-dependency. A component of one vertex is one, too: it
 * goes out by an edge and back by an anti-dependency.
 */
function extendedComponents(graph: DependencyGraph, kinds: number): readonly number[][] {
  const { vertexCount, starts, targets } = graph;
  const edges = new EdgeList();
  for (let vertex = 0; vertex < vertexCount; vertex++) {
    for (let edge = starts[vertex] as number; edge < (starts[vertex + 1] as number); edge++) {
      const target = targets[edge] as number;
      const kind = graph.kinds[edge] as number;
      if ((kind & kinds) !== 0) {
        edges.add(vertex, target, WW);
        edges.add(vertex, target + vertexCount, WW);
      }
      if ((kind & RW) !== 0) edges.add(vertex + vertexCount, target, WW);
    }
  }
  const components = cyclicComponents(edges.build(2 * vertexCount), WW);
  return components.map((component) => Array.from(component).filter((vertex) => vertex < vertexCount));
}

/** As Elle writes it: predicate edges are named, too, though there are none. */
function subgraphOf(model: string, edges: number, extendsByRw: boolean | undefined): unknown {
  const names = (kinds: number) => KIND_NAMES.flatMap(([kind, both]) => ((kind & kinds) === 0 ? [] : both));
  const union = ['union', ...names(edges).filter((name) => model !== 'PL-2.99' || name !== 'rwp')];
  return extendsByRw ? ['extension', union, ['union', 'rw', 'rwp']] : union;
}
