/**
 * Judges transactions: a graph of their dependencies, the models that its cycles rule out, and a cycle of each kind to
 * explain it. Method and results are those of Elle 0.2.2 (Kingsbury, Alvaro, "Elle: Inferring Isolation Anomalies from
 * Experimental Observations", VLDB 2020), without its limit of a second.
 */

import type { CheckResult, Validity } from '../checker.ts';
import { type Anomalies, EMPTY_GRAPH } from './anomalies.ts';
import { evidenceOf } from './anomaly-evidence.ts';
import { cyclicComponents } from './components.ts';
import { boundary, forbiddenAnomalies, friendlyModel, impossibleModels } from './consistency-models.ts';
import { type CycleExists, cycleExistsTypes, findCycleExists, typesExcludedBy } from './cycle-exists.ts';
import { CycleSearch } from './cycle-search.ts';
import { type EdgeReason, orderReason, tellCycle } from './cycle-story.ts';
import { CYCLE_TYPES } from './cycle-types.ts';
import {
  type DependencyGraph,
  type EdgeList,
  EVERY_KIND,
  PROCESS,
  REALTIME,
  selectVertices,
} from './dependency-graph.ts';
import { addProcessOrder, addRealtimeOrder } from './session-orders.ts';
import type { Transactions } from './transactions.ts';

/** More anomalies of one type show nothing new. Elle lists them without a limit. */
const LISTED_MAX = 256;

export interface Analysis {
  readonly transactions: Transactions;
  /** What the data show. */
  readonly edges: EdgeList;
  /** What an edge of several kinds is explained by: the first of these. */
  readonly kindOrder: readonly number[];
  readonly explain: (before: number, after: number, kind: number) => EdgeReason;
  /** Those that need no cycle. Cycles are added. */
  readonly anomalies: Anomalies;
}

/** Judges by consistency models, which must be known ones. */
export function judgeTransactions(analysis: Analysis, models: readonly string[]): CheckResult {
  const forbidden = forbiddenAnomalies(models);
  addCycles(analysis, forbidden);
  return resultOf(analysis.anomalies, forbidden);
}

function addCycles(analysis: Analysis, forbidden: ReadonlySet<string>): void {
  const { transactions, edges, anomalies } = analysis;
  const forbids = (suffix: string) => CYCLE_TYPES.some(({ name }) => name.endsWith(suffix) && forbidden.has(name));
  let isEmpty = true;
  if (forbids('-realtime')) isEmpty = !addRealtimeOrder(transactions, edges);
  else if (forbids('-process')) addProcessOrder(transactions, edges);
  if (isEmpty && edges.isEmpty) anomalies.add(EMPTY_GRAPH, true);
  const graph = edges.build(transactions.count);
  const numbers = new Int32Array(transactions.count).fill(-1);
  const search = new CycleSearch((kinds) => analysis.kindOrder.find((kind) => (kind & kinds) !== 0) as number);
  for (const component of cyclicComponents(graph, EVERY_KIND)) {
    addCyclesOf(analysis, search, component, selectVertices(graph, component, numbers));
  }
}

/** Adds what a strongly connected component shows. */
function addCyclesOf(
  { transactions, anomalies, explain }: Analysis,
  search: CycleSearch,
  component: Int32Array,
  graph: DependencyGraph,
): void {
  const indices = Array.from(component, (vertex) => transactions.indices[vertex] as number);
  const exists = findCycleExists(graph);
  for (const found of exists) anomalies.add(found.type, describeExistence(found, indices));
  for (const { type, vertices, kinds } of search.search(graph, indices, typesExcludedBy(exists))) {
    const places = new Map(vertices.map((vertex, place) => [component[vertex] as number, place]));
    const reasonOf = (before: number, after: number) => {
      const kind = kinds[places.get(before) as number] as number;
      return (kind & (PROCESS | REALTIME)) === 0
        ? explain(before, after, kind)
        : orderReason(transactions, before, after, kind);
    };
    anomalies.add(type, tellCycle(transactions, type, [...places.keys()], reasonOf));
  }
}

/** With Elle's fields. */
function describeExistence({ type, model, vertices, subgraph }: CycleExists, indices: readonly number[]) {
  return {
    type,
    not: friendlyModel(model),
    subgraph,
    'scc-size': vertices.length,
    scc: vertices.map((vertex) => indices[vertex] as number).sort((one, other) => one - other),
  };
}

/** How many there are of the types that are not listed in full; nothing if all are. */
function countsOf(anomalies: Anomalies, types: readonly string[]) {
  const counts = types
    .map((type) => [type, anomalies.of(type).length] as const)
    .filter(([, count]) => count > LISTED_MAX);
  return counts.length === 0 ? {} : { 'anomaly-counts': Object.fromEntries(counts) };
}

function resultOf(anomalies: Anomalies, forbidden: ReadonlySet<string>): CheckResult {
  const { types } = anomalies;
  const bad = types.filter((type) => forbidden.has(type));
  const reportable = withoutRedundant(types.filter((type) => forbidden.has(type) || type === EMPTY_GRAPH));
  if (reportable.length === 0) return { 'valid?': true };
  const validity: Validity = bad.length > 0 ? false : 'unknown';
  return {
    'valid?': validity,
    'anomaly-types': reportable,
    anomalies: Object.fromEntries(
      reportable.map((type) => [type, type === EMPTY_GRAPH ? true : anomalies.of(type).slice(0, LISTED_MAX)]),
    ),
    ...countsOf(anomalies, reportable),
    ...boundary(types),
    ...evidenceOf(anomalies, reportable, validity),
  };
}

/** Sorted. That a cycle exists which a model forbids is not said where other anomalies rule out the model. */
function withoutRedundant(types: readonly string[]): readonly string[] {
  const others = types.filter((type) => !type.endsWith('-cycle-exists'));
  const redundant = new Set(cycleExistsTypes(impossibleModels(others)));
  return types.filter((type) => !redundant.has(type)).sort();
}
