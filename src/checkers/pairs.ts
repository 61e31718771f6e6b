/**
 * Invocations with their completions, in the order of the completions.
 *
 * A process does one thing at a time, so the completion of an invocation is the next operation of its process (Knossos pairs
 * them so: `knossos.history/pairs+`). A history in which a process overlaps itself was not written by a working harness,
 * and no verdict can rest on it: that throws, and `compose` makes it `unknown`.
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
  const open = new Map<Operation['process'], Operation>();
  for (const operation of history.clientOperations()) {
    const invocation = open.get(operation.process);
    if (operation.type === 'invoke') {
      if (invocation !== undefined)
        throw new Error(`process ${operation.process} invokes ${operation.index} while ${invocation.index} is open`);
      open.set(operation.process, operation);
    } else {
      if (invocation === undefined)
        throw new Error(`process ${operation.process} completes ${operation.index} without an invocation`);
      open.delete(operation.process);
      yield { invocation, completion: operation };
    }
  }
}
