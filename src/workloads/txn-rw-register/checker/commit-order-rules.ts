/**
 * Rules beyond Elle's for registers, which need no order of versions: `read-committed-order`, `read-atomic-order`,
 * `causal-order` all reads can be explained by an order of the transactions under that model.
 *
 * A rule is judged if the models that are asked for imply its model; causal order also needs the order of processes.
 * Where a weaker rule is broken, stronger ones are not judged, as they are broken as well.
 */

import { cyclicComponents } from '../../../checkers/elle/components.ts';
import { canonicalModel, impliedModels } from '../../../checkers/elle/consistency-models.ts';
import { EdgeList, EVERY_KIND, PROCESS, selectVertices, WR, WW } from '../../../checkers/elle/dependency-graph.ts';
import { shortestCycle } from '../../../checkers/elle/shortest-cycle.ts';
import type { Transactions } from '../../../checkers/elle/transactions.ts';
import { Findings, type RuleReport } from '../../../checkers/findings.ts';
import { stringifyExact } from '../../../protocol/exact-json.ts';
import { CausalOrder } from './causal-order.ts';
import { CommitOrder, type Demand, type Visit } from './commit-order.ts';
import { INITIAL, ObservedReads } from './observed-reads.ts';

interface OrderRule {
  readonly name: string;
  readonly hasSessions: boolean;
  readonly demand: (visit: Visit) => void;
}

export function judgeCommitOrders(
  transactions: Transactions,
  isAmbiguous: Uint8Array,
  models: readonly string[],
): Readonly<Record<string, RuleReport>> {
  const reads = new ObservedReads(transactions, isAmbiguous);
  const order = new CommitOrder(transactions, reads);
  const implied = impliedModels(models);
  const rules: OrderRule[] = [];
  if (implied.has(canonicalModel('read-committed')))
    rules.push({
      name: 'read-committed-order',
      hasSessions: false,
      demand: (visit) => order.demandReadCommitted(visit),
    });
  if (implied.has('read-atomic'))
    rules.push({ name: 'read-atomic-order', hasSessions: false, demand: (visit) => order.demandReadAtomic(visit) });
  if (implied.has('strong-session-snapshot-isolation') || models.includes('causal-cerone')) {
    const demand = (visit: Visit) => new CausalOrder(transactions, reads, order).demand(visit);
    rules.push({ name: 'causal-order', hasSessions: true, demand });
  }
  for (const rule of rules) {
    const report = judge(transactions, order, rule);
    if (report.count > 0) return { [rule.name]: report };
  }
  return {};
}

function judge(transactions: Transactions, order: CommitOrder, { hasSessions, demand }: OrderRule): RuleReport {
  const findings = new Findings();
  const edges = new EdgeList();
  order.addReads(edges);
  if (hasSessions) order.addSessions(edges);
  demand(({ seen, reader, read }) => {
    if (read.writer !== INITIAL) edges.add(seen, read.writer, WW);
    else addInitialRead(findings, transactions, { seen, reader, read });
  });
  const graph = edges.build(transactions.count);
  const numbers = new Int32Array(transactions.count).fill(-1);
  const cycles = cyclicComponents(graph, EVERY_KIND).map((component) => {
    const part = selectVertices(graph, component, numbers);
    return shortestCycle(part).map(({ vertex, kinds }) => ({ transaction: component[vertex] as number, kinds }));
  });
  if (cycles.length > 0) addCycles(findings, transactions, cycles, demand);
  return findings.report();
}

/** A transaction, and why it is before the next one. */
type Cycle = readonly { readonly transaction: number; readonly kinds: number }[];

/** Tells why the edges of cycles are there. Demands are visited once more for that. */
function addCycles(
  findings: Findings,
  transactions: Transactions,
  cycles: readonly Cycle[],
  demand: (visit: Visit) => void,
): void {
  const demands = new Map<string, Demand | undefined>();
  for (const cycle of cycles) for (const edge of pairsOf(cycle)) demands.set(edge.join(), undefined);
  demand((found) => {
    const edge = [found.seen, found.read.writer].join();
    if (demands.has(edge)) demands.set(edge, demands.get(edge) ?? found);
  });
  for (const cycle of cycles) {
    const story = cycle.map(({ kinds }, place) => {
      const [before, after] = pairsOf(cycle)[place] as readonly [number, number];
      const reason = tell(transactions, kinds, demands.get([before, after].join()));
      return `${nameOf(transactions, before)} is before ${nameOf(transactions, after)}: ${reason}`;
    });
    findings.add(`no order of ${cycle.length} transactions explains what was read`, {
      operations: cycle.map(({ transaction }) => transactions.indices[transaction]),
      story,
    });
  }
}

function tell(transactions: Transactions, kinds: number, demand: Demand | undefined): string {
  if ((kinds & WR) !== 0) return 'the second one read from the first one';
  if ((kinds & PROCESS) !== 0 || demand === undefined) return 'the same process executed both';
  const key = keyOf(transactions, demand);
  return `${nameOf(transactions, demand.reader)} saw the first one, and yet read key ${key} from the second one`;
}

function addInitialRead(findings: Findings, transactions: Transactions, demand: Demand): void {
  const { indices } = transactions;
  const writer = nameOf(transactions, demand.seen);
  findings.add(
    `key ${keyOf(transactions, demand)} was read as never written, though ${writer}, which was seen, wrote it`,
    {
      operations: [indices[demand.seen], indices[demand.reader]],
    },
  );
}

function pairsOf(cycle: Cycle): readonly (readonly [number, number])[] {
  return cycle.map(({ transaction }, place) => {
    const next = cycle[(place + 1) % cycle.length] as Cycle[number];
    return [transaction, next.transaction] as const;
  });
}

function nameOf({ indices }: Transactions, transaction: number): string {
  return `transaction ${indices[transaction]}`;
}

function keyOf({ elements }: Transactions, { read }: Demand): string {
  return stringifyExact(elements.keyText(read.key));
}
