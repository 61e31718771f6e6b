/**
 * How far polls were behind: for each key that a process polls, how long it has been, when the poll began, that the
 * last offset it has seen was the end of the log. Source: `jepsen.tests.kafka/realtime-lag`. It is never judged.
 */

import type { History } from '../../../history/history.ts';
import { inMapOrder } from '../../../protocol/clojure-hash.ts';
import { assignedKeys, type KafkaEvents } from './kafka-events.ts';

const NANOSECONDS_PER_SECOND = 1e9;
/** The offset of a process that has seen nothing. */
const BEFORE_ALL = -1;

export interface WorstLag {
  /** When the poll began, s. */
  readonly time: number;
  /** s. */
  readonly lag: number;
  readonly process?: number;
  readonly key?: string;
}

/** The greatest lag; the first of equal ones, and zero without a poll. */
export function worstRealtimeLag(events: KafkaEvents): WorstLag {
  const { history, keys, polls } = events;
  const ends = keys.map(() => new EndTimes());
  noteEnds(events, ends);
  const keyNumbers = new Map(keys.map(({ key }, number) => [key, number]));
  const seen = new Map<number, Map<string, number>>();
  const invoked = new Map<number, number>();
  let worst: WorstLag = { time: 0, lag: 0 };
  let hasAny = false;
  let poll = 0;
  for (let index = 0; index < history.length; index++) {
    if (history.isNemesisAt(index)) continue;
    const process = history.processAt(index);
    const type = history.typeAt(index);
    if (type === 'invoke') invoked.set(process, history.timeAt(index));
    while (poll < polls.operation.length && (polls.operation[poll] as number) < index) poll++;
    if (type !== 'ok') continue;
    const f = history.functionAt(index);
    if (f === 'assign') seen.set(process, assigned(history, index, seen.get(process)));
    else if (f === 'subscribe') seen.set(process, new Map());
    if (f !== 'poll' && f !== 'txn') continue;
    const offsets = seen.get(process) ?? new Map<string, number>();
    seen.set(process, offsets);
    for (; polls.operation[poll] === index; poll++) {
      const key = keys[polls.key[poll] as number]?.key as string;
      offsets.set(key, Math.max(offsets.get(key) ?? BEFORE_ALL, greatestOffset(events, poll)));
    }
    const time = invoked.get(process) as number;
    for (const key of inMapOrder([...offsets.keys()], (key) => key)) {
      const end = ends[keyNumbers.get(key) ?? -1]?.of((offsets.get(key) as number) + 1);
      const lag = end === undefined ? 0 : Math.max(0, time - end) / NANOSECONDS_PER_SECOND;
      if (hasAny && lag <= worst.lag) continue;
      worst = { time: time / NANOSECONDS_PER_SECOND, process, key, lag };
      hasAny = true;
    }
  }
  return worst;
}

/** A new assignment keeps the places of its keys. */
function assigned(history: History, index: number, before: ReadonlyMap<string, number> = new Map()) {
  const named = assignedKeys(history, index);
  return new Map(named.map((key) => [key, before.get(key) ?? BEFORE_ALL]));
}

/** Notes by when each offset was there, as sends and polls show it that did not fail. */
function noteEnds(events: KafkaEvents, ends: readonly EndTimes[]): void {
  const { history, sends, polls } = events;
  let send = 0;
  for (let poll = 0; poll < polls.operation.length; poll++) {
    const operation = polls.operation[poll] as number;
    for (; send < sends.operation.length && (sends.operation[send] as number) < operation; send++)
      noteSend(events, ends, send);
    if (history.typeAt(operation) !== 'fail')
      ends[polls.key[poll] as number]?.note(greatestOffset(events, poll), history.timeAt(operation));
  }
  for (; send < sends.operation.length; send++) noteSend(events, ends, send);
}

function noteSend({ history, sends }: KafkaEvents, ends: readonly EndTimes[], send: number): void {
  const operation = sends.operation[send] as number;
  if (history.typeAt(operation) !== 'fail')
    ends[sends.key[send] as number]?.note(sends.offset[send] as number, history.timeAt(operation));
}

function greatestOffset({ polls }: KafkaEvents, poll: number): number {
  let greatest = BEFORE_ALL;
  const end = polls.start[poll + 1] as number;
  for (let at = polls.start[poll] as number; at < end; at++) greatest = Math.max(greatest, polls.offset[at] as number);
  return greatest;
}

/** By when the offsets of a key were there. An offset shows that all before it were, too. */
class EndTimes {
  /** Offsets that were greater than all known before, ascending, and when they were known. */
  readonly #offsets: number[] = [];
  readonly #times: number[] = [];

  note(offset: number, time: number): void {
    if (offset <= (this.#offsets.at(-1) ?? BEFORE_ALL)) return;
    this.#offsets.push(offset);
    this.#times.push(time);
  }

  /** When an offset was known to be there; undefined if it never was. */
  of(offset: number): number | undefined {
    let [low, high] = [0, this.#offsets.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#offsets[middle] as number) < offset) low = middle + 1;
      else high = middle;
    }
    return this.#times[low];
  }
}
