/** Anomalies as proofs for the report, and in a few sentences for the verdict. */

import { isRecord } from '../../protocol/message.ts';
import type { Validity } from '../checker.ts';
import { type CycleStep, PROOF_OPERATIONS_MAX, PROOFS_MAX, type Proof, withProofs } from '../proof.ts';
import { type Anomalies, EMPTY_GRAPH } from './anomalies.ts';
import type { ToldCycle } from './cycle-story.ts';

const PROBLEMS: Readonly<Record<string, string>> = {
  G1a: 'a value of a failed transaction was read',
  G1b: 'a value was read that its own transaction replaced',
  internal: 'a read contradicts what its own transaction did before',
  'future-read': 'a transaction read what it wrote only later',
  'duplicate-elements': 'a list has an element more than once',
  'incompatible-order': 'two reads of a list show its elements in different orders',
  'dirty-update': 'a transaction wrote after one that failed',
  'lost-update': 'several transactions read the same version of a key and replaced it',
  'cyclic-versions': 'versions of a key come before each other',
};

/** Proofs of one type show the same thing soon. */
const PROOFS_OF_TYPE_MAX = 4;

/** The fields of a result that people read. */
export function evidenceOf(
  anomalies: Anomalies,
  types: readonly string[],
  validity: Validity,
): { proofs?: readonly Proof[]; summary: string } {
  if (validity !== false) return { summary: 'No two transactions depend on each other, so nothing can be said.' };
  const told = types.filter((type) => type !== EMPTY_GRAPH);
  const proofs = told.flatMap((type) =>
    anomalies
      .of(type)
      .slice(0, PROOFS_OF_TYPE_MAX)
      .map((anomaly) => proofOf(type, anomaly)),
  );
  return { ...withProofs(proofs.slice(0, PROOFS_MAX)), summary: summarize(anomalies, told, proofs[0]) };
}

function summarize(anomalies: Anomalies, types: readonly string[], first: Proof | undefined): string {
  const counts = types.map((type) => `${type} (${anomalies.of(type).length})`).join(', ');
  const example = first?.cycle === undefined ? `${first?.rule}: ${first?.problem}` : tellSteps(first.cycle);
  return `Anomalies: ${counts}. ${example}.`;
}

/** Which completion of the history each transaction is, and the reasons. */
function tellSteps(cycle: readonly CycleStep[]): string {
  const names = cycle.map(({ operation, reason }) => `${/^T\d+/.exec(reason)?.[0]} = operation ${operation}`);
  return [names.join(', '), ...cycle.map(({ reason }) => reason)].join('. ');
}

function proofOf(rule: string, anomaly: unknown): Proof {
  const operations = operationsOf(anomaly);
  return {
    rule,
    problem: PROBLEMS[rule] ?? problemOfCycle(rule, operations.length),
    facts: factsOf(anomaly),
    operations: operations.slice(0, PROOF_OPERATIONS_MAX),
    operationCount: operations.length,
    ...(isToldCycle(anomaly) && { cycle: stepsOf(anomaly) }),
  };
}

function isToldCycle(anomaly: unknown): anomaly is ToldCycle {
  return isRecord(anomaly) && Array.isArray(anomaly.cycle);
}

function stepsOf({ cycle, steps, story }: ToldCycle): readonly CycleStep[] {
  const all = steps.map(({ type }, place) => ({
    operation: cycle[place]?.index as number,
    type,
    reason: story[place] as string,
  }));
  return all.length <= PROOF_OPERATIONS_MAX ? all : [...all.slice(0, PROOF_OPERATIONS_MAX - 1), ...all.slice(-1)];
}

function problemOfCycle(type: string, length: number): string {
  if (type.endsWith('-cycle-exists')) return 'transactions depend on each other in a circle';
  return `${length} transactions depend on each other in a circle`;
}

/** Indices of the operations in an anomaly, ascending. */
function operationsOf(anomaly: unknown): readonly number[] {
  if (!isRecord(anomaly)) return [];
  const { op, writer, txns, cycle, scc } = anomaly;
  const operations = [op, writer, txns, cycle].flat().flatMap((operation) => {
    return isRecord(operation) && typeof operation.index === 'number' ? [operation.index] : [];
  });
  const component = isRecord(anomaly) && 'scc-size' in anomaly ? (scc as readonly number[]) : [];
  return [...new Set([...operations, ...component])].sort((one, other) => one - other);
}

/** What is not told by the operations. */
function factsOf(anomaly: unknown): Readonly<Record<string, unknown>> {
  if (!isRecord(anomaly)) return {};
  const { op: _op, writer: _writer, txns: _txns, cycle, steps: _steps, type: _type, story: _story, ...facts } = anomaly;
  if (Array.isArray(cycle)) return facts;
  const { scc: _scc, ...others } = facts;
  // A component may be the whole history.
  return 'scc-size' in facts ? others : facts;
}
