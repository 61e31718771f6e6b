/** The proofs of all checkers of a run, and the moment that they point at. */

import type { History } from '../history/history.ts';
import { isRecord } from '../protocol/message.ts';
import { warningsIn } from './beyond.ts';
import type { CheckResult } from './checker.ts';
import { proofsOf } from './findings.ts';
import { type CycleStep, type Order, type OrderStep, PROOFS_MAX, type Proof } from './proof.ts';

/** A proof, with the name of the checker that gave it. */
export interface NamedProof extends Proof {
  readonly checker: string;
}

/**
 * Everything that shows why the run is invalid. Empty for a run that is not, and for a record without proofs: older
 * versions and other harnesses wrote none. A recorded proof is checked field by field, as a file may hold anything.
 */
export function findProofs(results: CheckResult, history: History): readonly NamedProof[] {
  return Object.entries(results).flatMap(([checker, result]) => {
    if (!isRecord(result) || result['valid?'] !== false || !Array.isArray(result.proofs)) return [];
    return result.proofs.flatMap((proof) => readProof(checker, proof, history) ?? []).slice(0, PROOFS_MAX);
  });
}

/** What broke rules beyond Jepsen's and left the verdict as it is, by checker. */
export function findWarnings(results: CheckResult, history: History): readonly NamedProof[] {
  return Object.entries(results).flatMap(([checker, result]) => {
    if (!isRecord(result)) return [];
    const proofs = proofsOf(warningsIn(result as CheckResult));
    return proofs.flatMap((proof) => readProof(checker, proof, history) ?? []);
  });
}

/** When the first of the proofs was complete, ns; undefined where none of them has a time. */
export function momentOf(proofs: readonly Proof[], history: History): number | undefined {
  const times = proofs.flatMap(({ operations, time }) => {
    const last = operations.at(-1);
    return time ?? (last === undefined ? [] : history.timeAt(last));
  });
  return times.length === 0 ? undefined : times.reduce((earliest, time) => Math.min(earliest, time));
}

/** Undefined for what is no proof. Operations that the history does not have are left out. */
function readProof(checker: string, proof: unknown, history: History): NamedProof | undefined {
  if (!isRecord(proof) || typeof proof.problem !== 'string') return undefined;
  const { rule, problem, facts, operations, operationCount, time, cycle, order } = proof;
  const known = Array.isArray(operations) ? knownOperations(operations, history) : [];
  return {
    checker,
    rule: typeof rule === 'string' ? rule : undefined,
    problem,
    facts: isRecord(facts) ? facts : {},
    operations: known,
    operationCount: typeof operationCount === 'number' ? operationCount : known.length,
    time: typeof time === 'number' ? time : undefined,
    cycle: Array.isArray(cycle) ? readCycle(cycle, history) : undefined,
    order: isRecord(order) ? readOrder(order, history) : undefined,
  };
}

/** Undefined unless every step is one, of an operation that the history has. */
function readCycle(steps: readonly unknown[], history: History): readonly CycleStep[] | undefined {
  const read = steps.flatMap((step) => {
    if (!isRecord(step)) return [];
    const { operation, type, reason } = step;
    const [known] = knownOperations([operation], history);
    return known === undefined || typeof type !== 'string' || typeof reason !== 'string'
      ? []
      : [{ operation: known, type, reason }];
  });
  return read.length > 1 && read.length === steps.length ? read : undefined;
}

/** Undefined unless every step is one, of an operation that the history has. */
function readOrder({ steps, misfit }: Readonly<Record<string, unknown>>, history: History): Order | undefined {
  if (!Array.isArray(steps) || steps.length === 0) return undefined;
  const read = steps.flatMap((step) => readOrderStep(step, history) ?? []);
  const last = readOrderStep(isRecord(misfit) ? { ...misfit, state: misfit.reason } : undefined, history);
  if (read.length < steps.length || last === undefined) return undefined;
  const { state: reason, ...rest } = last;
  return { steps: read, misfit: { ...rest, reason } };
}

function readOrderStep(step: unknown, history: History): OrderStep | undefined {
  if (!isRecord(step)) return undefined;
  const { operation, text, state } = step;
  const [known] = knownOperations([operation], history);
  return known === undefined || typeof text !== 'string' || typeof state !== 'string'
    ? undefined
    : { operation: known, text, state };
}

/** TypeScript's own declaration does not narrow the type. */
const isInteger = Number.isInteger as (value: unknown) => value is number;

function knownOperations(indices: readonly unknown[], history: History): number[] {
  const known = indices.filter((index): index is number => isInteger(index) && index >= 0 && index < history.length);
  return [...new Set(known)].sort((one, other) => one - other);
}
