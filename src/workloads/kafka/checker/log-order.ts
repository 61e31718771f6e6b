/**
 * The order of a key's log, as all sends and polls together show it. Offsets may have gaps, so an *index* is the place
 * of an offset among those that hold something. Source: `jepsen.tests.kafka/version-orders`.
 */

import { inSetOrder } from './clojure-order.ts';
import { type KafkaEvents, type KeyMessages, NO_OFFSET, OK_READ } from './kafka-events.ts';

const NONE = -1;

export interface LogOrder extends KeyMessages {
  /** By index. */
  readonly offsets: readonly number[];
  /** By index: the message there, by number. Of several, the one that Jepsen keeps. */
  readonly byIndex: readonly number[];
  /** By message: the last index at which it was kept; -1 without one. */
  readonly indexOf: Int32Array;
  /** By message: the first and the last index at which it is, kept or not; -1 without one. */
  readonly firstIndex: Int32Array;
  readonly lastIndex: Int32Array;
  /** The messages at indices that have more than one. */
  readonly conflicts: ReadonlyMap<number, readonly number[]>;
}

/** By key number. A send counts if it is ok, or undecided and one of its messages was polled; polls always count. */
export function orderLogs(events: KafkaEvents): readonly LogOrder[] {
  const { history, keys, sends, polls } = events;
  const held = keys.map(() => new Map<number, number | number[]>());
  const proven = provenSends(events);
  for (let send = 0; send < sends.operation.length; send++) {
    const index = sends.operation[send] as number;
    if (history.typeAt(index) !== 'ok' && !proven.has(index)) continue;
    hold(held[sends.key[send] as number] as Map<number, number | number[]>, sends.offset[send], sends.message[send]);
  }
  for (let poll = 0; poll < polls.operation.length; poll++) {
    const log = held[polls.key[poll] as number] as Map<number, number | number[]>;
    const end = polls.start[poll + 1] as number;
    for (let at = polls.start[poll] as number; at < end; at++) hold(log, polls.offset[at], polls.message[at]);
  }
  return keys.map((key, number) => orderLog(key, held[number] as Map<number, number | number[]>));
}

/** The undecided operations that sent something that an ok poll has, by index. */
export function provenSends({ history, keys, sends }: KafkaEvents): ReadonlySet<number> {
  const proven = new Set<number>();
  for (let send = 0; send < sends.operation.length; send++) {
    const index = sends.operation[send] as number;
    const marks = keys[sends.key[send] as number]?.marks[sends.message[send] as number] as number;
    if ((marks & OK_READ) !== 0 && history.typeAt(index) === 'info') proven.add(index);
  }
  return proven;
}

function hold(log: Map<number, number | number[]>, offset = NO_OFFSET, message = NONE): void {
  // To Jepsen logs begin at 0.
  if (offset < 0) return;
  const there = log.get(offset);
  if (there === undefined) log.set(offset, message);
  else if (typeof there === 'number') {
    if (there !== message) log.set(offset, [there, message]);
  } else if (!there.includes(message)) there.push(message);
}

function orderLog(key: KeyMessages, held: ReadonlyMap<number, number | number[]>): LogOrder {
  const offsets = [...held.keys()].sort((one, other) => one - other);
  const indexOf = new Int32Array(key.messages.length).fill(NONE);
  const firstIndex = indexOf.slice();
  const lastIndex = indexOf.slice();
  const conflicts = new Map<number, readonly number[]>();
  const byIndex = offsets.map((offset, index) => {
    const there = held.get(offset) as number | number[];
    const messages = typeof there === 'number' ? [there] : inSetOrder(there, (number) => key.messages[number]);
    if (messages.length > 1) conflicts.set(index, messages);
    for (const message of messages) {
      if (firstIndex[message] === NONE) firstIndex[message] = index;
      lastIndex[message] = index;
    }
    const kept = messages[0] as number;
    indexOf[kept] = index;
    return kept;
  });
  return { ...key, offsets, byIndex, indexOf, firstIndex, lastIndex, conflicts };
}

/** The messages at an index, the one that Jepsen keeps first. */
export function messagesAt({ conflicts, byIndex }: LogOrder, index: number): readonly number[] {
  return conflicts.get(index) ?? [byIndex[index] as number];
}
