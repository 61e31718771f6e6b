/**
 * Invocations with their completions, in the order of the completions.
 *
 * A process does one thing at a time, so the completion of an invocation is the next operation of its process (as in
 * Knossos: `knossos.history/pairs+`). No working harness writes a history in which a process overlaps itself. Such a
 * history throws, and `compose` makes the verdict `unknown`.
 */

import type { History } from '../history/history.ts';
import type { Operation } from '../history/operation.ts';

export interface OperationPair {
  readonly invocation: Operation;
  /** `ok`, `fail` or `info`. An invocation that the run cut off has no pair. */
  readonly completion: Operation;
}

/** The pairs of all clients. */
export function* operationPairs(history: History): IterableIterator<OperationPair> {
  for (const { invocation, completion } of indexPairs(history)) {
    yield { invocation: history.at(invocation), completion: history.at(completion) };
  }
}

/** The pairs of all clients, by their indices in the history. */
export function* indexPairs(history: History): IterableIterator<{ invocation: number; completion: number }> {
  const open = new Map<number, number>();
  for (let index = 0; index < history.length; index++) {
    if (history.isNemesisAt(index)) continue;
    const process = history.processAt(index);
    const invocation = open.get(process);
    if (history.typeAt(index) === 'invoke') {
      if (invocation !== undefined) throw new Error(`process ${process} invokes ${index} while ${invocation} is open`);
      open.set(process, index);
    } else {
      if (invocation === undefined) throw new Error(`process ${process} completes ${index} without an invocation`);
      open.delete(process);
      yield { invocation, completion: index };
    }
  }
}

/** The invocations of some completions, by their indices. An index that is no completion has none. */
export function invocationsOf(history: History, completions: ReadonlySet<number>): ReadonlyMap<number, number> {
  const found = new Map<number, number>();
  // Most runs have nothing to prove. They need not be read.
  if (completions.size === 0) return found;
  for (const { invocation, completion } of indexPairs(history))
    if (completions.has(completion)) found.set(completion, invocation);
  return found;
}

/**
 * The invocations of all clients in their order, by their indices, each with its completion; undefined if the run was
 * cut off.
 */
export function* indexInvocations(
  history: History,
): IterableIterator<{ invocation: number; completion: number | undefined }> {
  // No completion is the first operation, so 0 stands for none.
  const completions = new Int32Array(history.length);
  for (const { invocation, completion } of indexPairs(history)) completions[invocation] = completion;
  for (let invocation = 0; invocation < history.length; invocation++) {
    if (history.isNemesisAt(invocation) || history.typeAt(invocation) !== 'invoke') continue;
    yield { invocation, completion: completions[invocation] || undefined };
  }
}
