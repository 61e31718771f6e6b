/** Anomalies as proofs for the report, and in a few sentences for the verdict. */

import type { Operation } from '../../history/operation.ts';
import { isRecord } from '../../protocol/message.ts';
import type { Validity } from '../checker.ts';
import { PROOF_OPERATIONS_MAX, PROOFS_MAX, type Proof, withProofs } from '../proof.ts';
import { type Anomalies, EMPTY_GRAPH } from './anomalies.ts';

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
  const { story, transactions } = first?.facts ?? {};
  const example = Array.isArray(story) ? `${transactions}. ${story.join('. ')}` : `${first?.rule}: ${first?.problem}`;
  return `Anomalies: ${counts}. ${example}.`;
}

function proofOf(rule: string, anomaly: unknown): Proof {
  const operations = operationsOf(anomaly);
  return {
    rule,
    problem: PROBLEMS[rule] ?? problemOfCycle(rule, operations.length),
    facts: factsOf(anomaly),
    operations: operations.slice(0, PROOF_OPERATIONS_MAX),
    operationCount: operations.length,
  };
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
  const { op: _op, writer: _writer, txns: _txns, cycle, steps: _steps, type: _type, ...facts } = anomaly;
  if (Array.isArray(cycle)) return { transactions: nameTransactions(cycle as readonly Operation[]), ...facts };
  const { scc: _scc, ...others } = facts;
  // A component may be the whole history.
  return 'scc-size' in facts ? others : facts;
}

/** Which completion of the history each transaction of a story is. The first one comes once more at the end. */
function nameTransactions(cycle: readonly Operation[]): string {
  return cycle
    .slice(0, -1)
    .map(({ index }, place) => `T${place + 1} = operation ${index}`)
    .join(', ');
}
