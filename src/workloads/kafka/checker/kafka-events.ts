/**
 * What a history says of the logs: every send and every polled message, in columns, with keys and messages as numbers.
 *
 * The value of an operation is a list of parts: `["send", key, message]`, which an `ok` makes `["send", key, [offset,
 * message]]`, and `["poll"]`, which an `ok` makes `["poll", {key: [[offset, message], …], …}]`.
 */

import type { History } from '../../../history/history.ts';
import { canonicalKey, stringifyExact } from '../../../protocol/exact-json.ts';
import { MessageNumbers } from './message-numbers.ts';

/** Of a send or a poll that did not say where: below all offsets. */
export const NO_OFFSET = Number.NEGATIVE_INFINITY;

/** What one key's log may hold. Messages have numbers, in the order in which they first appear. */
export interface KeyMessages {
  readonly key: string;
  readonly messages: unknown[];
  readonly numbers: MessageNumbers;
  /** By message: the last completion of a send of it, by index; -1 without one. */
  readonly writers: number[];
  /** By message: the first completion of a poll that has it; -1 without one. */
  readonly readers: number[];
  /** By message, as bits: {@link OK_READ}, {@link OK_SENT}, {@link FAIL_SENT}. */
  readonly marks: number[];
}

/** An ok poll has it. */
export const OK_READ = 1;
/** An ok send sent it. */
export const OK_SENT = 2;
/** A send of it failed. */
export const FAIL_SENT = 4;
/** A send of it was never completed. */
export const OPEN_SENT = 8;

export interface KafkaEvents {
  readonly history: History;
  readonly keys: readonly KeyMessages[];
  /** Sends that were completed, ok or not, in the order of their completions. */
  readonly sends: {
    readonly operation: number[];
    readonly key: number[];
    readonly message: number[];
    readonly offset: number[];
  };
  /** The answers of polls for one key each, in the order of the completions. */
  readonly polls: {
    readonly operation: number[];
    readonly key: number[];
    /** Where its messages begin; they end where those of the next one begin. One more than there are polls. */
    readonly start: number[];
    readonly message: number[];
    readonly offset: number[];
  };
}

export function readEvents(history: History): KafkaEvents {
  const reader = new EventReader(history);
  const open = new Map<number, number>();
  for (let index = 0; index < history.length; index++) {
    if (history.isNemesisAt(index)) continue;
    const process = history.processAt(index);
    if (history.typeAt(index) === 'invoke') {
      open.set(process, index);
      continue;
    }
    open.delete(process);
    const f = history.functionAt(index);
    if (f === 'send' || f === 'poll' || f === 'txn') reader.read(index);
  }
  // What the run cut off.
  for (const index of open.values()) reader.noteOpen(index);
  return reader.events();
}

/** The keys that an assign names. */
export function assignedKeys(history: History, index: number): readonly string[] {
  const keys = history.valueAt(index);
  return Array.isArray(keys) ? keys.map(String) : [];
}

class EventReader {
  readonly #history: History;
  readonly #keys: KeyMessages[] = [];
  readonly #keyNumbers = new Map<string, number>();
  readonly #sends = { operation: [], key: [], message: [], offset: [] } as KafkaEvents['sends'];
  readonly #polls = { operation: [], key: [], start: [0], message: [], offset: [] } as KafkaEvents['polls'];

  constructor(history: History) {
    this.#history = history;
  }

  events(): KafkaEvents {
    return { history: this.#history, keys: this.#keys, sends: this.#sends, polls: this.#polls };
  }

  read(index: number): void {
    const parts = this.#history.valueAt(index);
    if (!Array.isArray(parts)) return;
    for (const part of parts as unknown[]) {
      if (!Array.isArray(part)) throw new Error(`operation ${index} has a part that is no list: ${canonicalKey(part)}`);
      const [f, first, second] = part as unknown[];
      if (f === 'send') this.#readSend(index, String(first), second);
      else if (f === 'poll' && first !== undefined && first !== null) this.#readPoll(index, first);
    }
  }

  /** What was sent may be in the log. */
  noteOpen(index: number): void {
    const parts = this.#history.valueAt(index);
    if (!Array.isArray(parts)) return;
    for (const part of parts as unknown[]) {
      if (!Array.isArray(part) || part[0] !== 'send') continue;
      const log = this.#keys[this.#keyOf(String(part[1]))] as KeyMessages;
      const number = numberOf(log, part[2]);
      log.marks[number] = (log.marks[number] as number) | OPEN_SENT;
    }
  }

  #readSend(index: number, key: string, sent: unknown): void {
    const [offset, message] = Array.isArray(sent) ? (sent as unknown[]) : [undefined, sent];
    const keyNumber = this.#keyOf(key);
    const log = this.#keys[keyNumber] as KeyMessages;
    const number = numberOf(log, message);
    const type = this.#history.typeAt(index);
    log.writers[number] = index;
    if (type !== 'info') log.marks[number] = (log.marks[number] as number) | (type === 'ok' ? OK_SENT : FAIL_SENT);
    const { operation, key: keys, message: messages, offset: offsets } = this.#sends;
    operation.push(index);
    keys.push(keyNumber);
    messages.push(number);
    offsets.push(offsetOf(index, offset));
  }

  #readPoll(index: number, answer: unknown): void {
    const isOk = this.#history.typeAt(index) === 'ok';
    for (const key of Object.keys(answer as Record<string, unknown>)) {
      // Some languages write an empty list as null.
      const pairs = (answer as Record<string, unknown>)[key] ?? [];
      if (!Array.isArray(pairs)) throw new Error(`operation ${index} polled no list of key ${JSON.stringify(key)}`);
      const keyNumber = this.#keyOf(key);
      const log = this.#keys[keyNumber] as KeyMessages;
      const { operation, key: keys, start, message: messages, offset: offsets } = this.#polls;
      for (const pair of pairs as unknown[]) {
        if (!Array.isArray(pair))
          throw new Error(`operation ${index} polled ${stringifyExact(pair)}, which is no pair`);
        const [offset, message] = pair as readonly unknown[];
        const number = numberOf(log, message);
        if (log.readers[number] === -1) log.readers[number] = index;
        if (isOk) log.marks[number] = (log.marks[number] as number) | OK_READ;
        messages.push(number);
        offsets.push(offsetOf(index, offset));
      }
      operation.push(index);
      keys.push(keyNumber);
      start.push(messages.length);
    }
  }

  #keyOf(key: string): number {
    let number = this.#keyNumbers.get(key);
    if (number === undefined) {
      number =
        this.#keys.push({ key, messages: [], numbers: new MessageNumbers(), writers: [], readers: [], marks: [] }) - 1;
      this.#keyNumbers.set(key, number);
    }
    return number;
  }
}

function numberOf(log: KeyMessages, message: unknown): number {
  const number = log.numbers.of(message);
  if (number < log.messages.length) return number;
  log.messages.push(message);
  log.writers.push(-1);
  log.readers.push(-1);
  log.marks.push(0);
  return number;
}

function offsetOf(index: number, offset: unknown): number {
  if (offset === null || offset === undefined) return NO_OFFSET;
  const number = Number(offset);
  // Beyond 2^53 neighbours would be one.
  if (!Number.isSafeInteger(number))
    throw new Error(`operation ${index} has the offset ${stringifyExact(offset)}, which is no integer up to 2^53`);
  return number;
}
