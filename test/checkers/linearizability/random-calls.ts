/** Small histories of one register, from a seed: what a real one could have answered, then some of it changed. */

import { History } from '../../../src/history/history.ts';
import type { OperationEntry } from '../../../src/history/operation.ts';
import type { RandomSource } from '../../../src/protocol/random.ts';
import type { SmallCall } from './exhaustive.ts';

export interface CallOptions {
  readonly count: number;
  /** Whether no value is written twice. */
  readonly unique: boolean;
  /** How many values there are, if they are not unique. */
  readonly values: number;
  /** Whether some calls are refused or find nothing. Absent: none. */
  readonly refusals?: boolean;
}

interface Span {
  readonly start: number;
  /** When the register changes. */
  readonly moment: number;
  readonly end: number;
}

/** Calls at distinct times, whose answers come from a register that each changed at a moment of its own. */
export function randomCalls(
  random: RandomSource,
  { count, unique, values, refusals = false }: CallOptions,
): readonly SmallCall[] {
  const made: unknown[] = [null];
  let state: unknown = null;
  const calls = randomSpans(random, count).map(({ start, end }, index): SmallCall => {
    const value = unique ? index + 1 : random.integer(values);
    const kind = random.integer(5);
    const isLost = random.integer(7) === 0;
    const call = { start, end: isLost ? undefined : end };
    if (refusals && random.integer(3) === 0) {
      const other = made.filter((earlier) => earlier !== state);
      const from = pick(random, random.integer(4) === 0 || other.length === 0 ? made : other);
      if (state === null && random.integer(2) === 0) return { start, end, f: 'not-found', value: null };
      return { start, end, f: 'refused-cas', value: [from, value] };
    }
    if (kind < 2) return { ...call, f: 'read', value: random.integer(3) === 0 ? pick(random, made) : state };
    const from = random.integer(3) === 0 ? pick(random, made) : state;
    if (!isLost || random.integer(2) === 0) state = value;
    made.push(value);
    return kind < 4 ? { ...call, f: 'write', value } : { ...call, f: 'cas', value: [from, value] };
  });
  return calls.sort((one, other) => one.start - other.start);
}

/** In the order of their moments. All times are distinct. */
function randomSpans(random: RandomSource, count: number): readonly Span[] {
  const taken = new Set<number>();
  const draw = (from: number, to: number): number => {
    const time = from + random.integer(to - from);
    if (taken.has(time)) return draw(from, to + 1);
    taken.add(time);
    return time;
  };
  const length = 1000 * count;
  return Array.from({ length: count }, () => {
    const moment = draw(length, 8 * length);
    const width = random.integer(3) > 0 ? 1000 : length;
    return { start: draw(moment - width, moment), moment, end: draw(moment + 1, moment + width) };
  }).sort((one, other) => one.moment - other.moment);
}

function pick(random: RandomSource, values: readonly unknown[]): unknown {
  return values[random.integer(values.length)];
}

/** Each call has a process of its own. */
export function historyOfCalls(calls: readonly SmallCall[]): History {
  const events = calls.flatMap(({ start, end, f, value }, process): readonly OperationEntry[] => [
    { time: start, type: 'invoke', process, f, value: f === 'read' ? null : value },
    ...(end === undefined ? [] : [{ time: end, type: 'ok' as const, process, f, value }]),
  ]);
  return History.of(events.sort((one, other) => one.time - other.time));
}
