/**
 * The calls of one object, as a search needs them: when each began and ended, in columns.
 *
 * Times are positions in the object's own part of the history, so that every array is as long as that part. As in
 * Knossos, a `fail` never happened, and what is not known to have ended is open for ever.
 */

import type { History } from '../../history/history.ts';

/** The end of a call that may take effect at any time, or never. */
export const NEVER = 0x7fffffff;

export interface Calls {
  readonly history: History;
  /** The completions and invocations of the object, by their indices in the history, ascending. */
  readonly events: ArrayLike<number>;
  readonly count: number;
  /** Positions in `events`, in the order of the starts. */
  readonly starts: Int32Array;
  /** Positions of `ok`, or {@link NEVER}. */
  readonly ends: Int32Array;
  /** By position: the call that begins or ends there; -1 for what failed, and for the end of an open one. */
  readonly callAt: Int32Array;
  /** The value of an operation by its index in the history, without the key of the object. */
  readonly valueAt: (index: number) => unknown;
  /** By call: the function that it counts as, where that is not the one that the history names. */
  readonly renamed: ReadonlyMap<number, string>;
}

/** How the operations of an object are read. */
export interface Reading {
  /** By index in the history. Absent: the value there. */
  readonly valueAt?: (index: number) => unknown;
  /**
   * The function that an operation counts as, by the index of its completion, if that is not the one that the history
   * names. A `fail` without one never happened, and one with such a name happened.
   */
  readonly nameAt?: (index: number) => string | undefined;
}

/** @param events the operations of clients on the object, by index in the history; a process does one at a time */
export function collectCalls(history: History, events: ArrayLike<number>, reading: Reading = {}): Calls {
  const { valueAt = (index) => history.valueAt(index), nameAt = () => undefined } = reading;
  const renamed = new Map<number, string>();
  const length = events.length;
  const endOf = pairUp(history, events);
  const starts = new Int32Array(length);
  const ends = new Int32Array(length);
  const callAt = new Int32Array(length).fill(-1);
  let count = 0;
  for (let position = 0; position < length; position++) {
    if (history.typeAt(events[position] as number) !== 'invoke') continue;
    const end = endOf[position] as number;
    const type = end === NEVER ? 'info' : history.typeAt(events[end] as number);
    const name = type === 'info' ? undefined : nameAt(events[end] as number);
    if (type === 'fail' && name === undefined) continue;
    starts[count] = position;
    ends[count] = type === 'info' ? NEVER : end;
    callAt[position] = count;
    if (type !== 'info') callAt[end] = count;
    if (name !== undefined) renamed.set(count, name);
    count++;
  }
  const columns = { starts: starts.subarray(0, count), ends: ends.subarray(0, count), callAt };
  return { history, events, count, ...columns, valueAt, renamed };
}

/** The completion of each invocation, both as positions; {@link NEVER} without one. */
function pairUp(history: History, events: ArrayLike<number>): Int32Array {
  const endOf = new Int32Array(events.length).fill(NEVER);
  const open = new Map<number, number>();
  for (let position = 0; position < events.length; position++) {
    const index = events[position] as number;
    const process = history.processAt(index);
    const begun = open.get(process);
    if (history.typeAt(index) === 'invoke') {
      if (begun !== undefined) throw new Error(`process ${process} invokes ${index} while ${events[begun]} is open`);
      open.set(process, position);
    } else {
      if (begun === undefined) throw new Error(`process ${process} completes ${index} without an invocation`);
      open.delete(process);
      endOf[begun] = position;
    }
  }
  return endOf;
}

/** The value of a call: that of its completion if it ended, or else of its invocation. */
export function valueOfCall({ events, starts, ends, valueAt }: Calls, call: number): unknown {
  const end = ends[call] as number;
  return valueAt(events[end === NEVER ? (starts[call] as number) : end] as number);
}

/** The function that a call counts as. */
export function functionOfCall({ history, events, starts, renamed }: Calls, call: number): string {
  return renamed.get(call) ?? history.functionAt(events[starts[call] as number] as number);
}

/** The first `positions` events alone: what ended later has not ended yet. */
export function prefixOf(calls: Calls, positions: number): Calls {
  let count = 0;
  while (count < calls.count && (calls.starts[count] as number) < positions) count++;
  const ends = calls.ends.slice(0, count).map((end) => (end < positions ? end : NEVER));
  const events = Array.prototype.slice.call(calls.events, 0, positions);
  return { ...calls, events, count, starts: calls.starts.subarray(0, count), ends };
}
