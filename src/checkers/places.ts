/**
 * The order of indices in a history is the order in real time: an operation is before another one if its completion is
 * before the invocation of the other one.
 */

/** The index of an event that did not happen. */
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

/** The value of a key. It is made if it is missing. */
export function entryOf<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}

/** The number of ascending numbers below a bound. */
export function countBelow(ascending: ArrayLike<number>, bound: number): number {
  let [low, high] = [0, ascending.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ascending[middle] as number) < bound) low = middle + 1;
    else high = middle;
  }
  return low;
}
