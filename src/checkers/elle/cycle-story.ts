/** A cycle as a result shows it, and as people read it: its transactions, and why each comes before the next one. */

import type { Operation } from '../../history/operation.ts';
import { PROCESS, REALTIME } from './dependency-graph.ts';
import { operationOf, type Transactions } from './transactions.ts';

const NANOSECONDS_PER_SECOND = 1e9;

/** Why one transaction comes before another. */
export interface EdgeReason {
  /** With Elle's fields. */
  readonly step: { readonly type: string; readonly [field: string]: unknown };
  /** The reason in words, given the names of both. */
  readonly tell: (before: string, after: string) => string;
}

/** With Elle's fields, and the story. */
export interface ToldCycle {
  /** The completions in order. The first one comes once more at the end. */
  readonly cycle: readonly Operation[];
  readonly steps: readonly EdgeReason['step'][];
  readonly type: string;
  /** A sentence for each step: "T1 is before T2: …". */
  readonly story: readonly string[];
}

/**
 * @param vertices the transactions in order, each once
 * @param reasonOf why a transaction comes before another one
 */
export function tellCycle(
  transactions: Transactions,
  type: string,
  vertices: readonly number[],
  reasonOf: (before: number, after: number) => EdgeReason,
): ToldCycle {
  const operations = vertices.map((vertex) => operationOf(transactions, vertex));
  const reasons = vertices.map((vertex, place) => reasonOf(vertex, vertices[(place + 1) % vertices.length] as number));
  const story = reasons.map(({ tell }, place) => {
    const before = `T${place + 1}`;
    const after = `T${((place + 1) % vertices.length) + 1}`;
    return `${before} is before ${after}: ${tell(before, after)}`;
  });
  return { cycle: [...operations, operations[0] as Operation], steps: reasons.map(({ step }) => step), type, story };
}

/** The reason of an edge that is no dependency of data. */
export function orderReason(transactions: Transactions, before: number, after: number, kind: number): EdgeReason {
  if (kind === REALTIME) return realtimeReason(transactions, before, after);
  if (kind !== PROCESS) throw new Error(`an edge of kind ${kind} depends on data`);
  const process = transactions.processes[before];
  return {
    step: { type: 'process', process },
    tell: (earlier, later) => `process ${process} executed ${earlier} and then ${later}`,
  };
}

function realtimeReason(transactions: Transactions, before: number, after: number): EdgeReason {
  const completed = operationOf(transactions, before);
  const invoked = transactions.history.at(transactions.invocations[after] as number);
  const seconds = ((invoked.time - completed.time) / NANOSECONDS_PER_SECOND).toFixed(3);
  return {
    step: { type: 'realtime', "a'": completed, b: invoked },
    tell: (earlier, later) =>
      `${earlier} was completed (index ${completed.index}) ${seconds} s before ${later} was invoked ` +
      `(index ${invoked.index})`,
  };
}
