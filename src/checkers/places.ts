/**
 * Places in a history are places in real time: an operation is before another one if its completion is before the other
 * one's invocation.
 */

/** The place of what did not happen. */
export const NEVER = Number.POSITIVE_INFINITY;

/** A completed operation, with indices into the history. */
export interface Completed {
  readonly invocation: number;
  /** The index of the completion. */
  readonly operation: number;
}

export function isBefore(one: Completed, other: Completed): boolean {
  return one.operation < other.invocation;
}

export function byCompletion(one: Completed, other: Completed): number {
  return one.operation - other.operation;
}

/** What a map has under a key, which is made if it is not there yet. */
export function entryOf<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}
