/**
 * A run as lines of text: its history and its message log, in the order in which they happened. The same run makes the
 * same bytes on every machine. The lines are digested, and compared with those of another run.
 */

import { createHash } from 'node:crypto';
import type { NetworkEvent, NetworkMessage } from '../../harness/network.ts';
import type { RunObserver } from '../../harness/run.ts';
import type { Operation } from '../../history/operation.ts';
import { stringifyExact, stringifyName, stringifyRecord } from '../../protocol/exact-json.ts';
import { shortJson } from '../../protocol/short-json.ts';
import type { LogEntry } from '../../simulator/in-process-bed.ts';
import { LineBytes } from './line-bytes.ts';

/** The length of a message for people. */
const SHOWN_LENGTH_MAX = 1000;

/** The length of a member of a body that is shortened. */
const MEMBER_LENGTH_MAX = 300;

/** Nearly every operation has fewer bytes. */
const OPERATION_BYTES = 4096;

/**
 * Adds an operation as a line of the history, without its newline.
 *
 * @param textOf as `stringifyExact`
 */
export function addOperation(line: LineBytes, operation: Operation, textOf = stringifyExact): void {
  // The members by name: a loop over the object would double the cost.
  const { index, time, type, process, f, value, error } = operation;
  if (error !== undefined || operation['final?'] || (value !== null && typeof value !== 'string')) {
    line.text(stringifyRecord({ ...operation }, textOf));
    return;
  }
  line.text('{"index":').number(index).text(',"time":').number(time).text(',"type":').jsonText(type);
  line.text(',"process":');
  if (typeof process === 'number') line.number(process);
  else line.jsonText(process);
  line.text(',"f":').jsonText(f).text(',"value":');
  if (value === null) line.text('null');
  else line.jsonText(value);
  line.text('}');
}

const operationBytes = new LineBytes(OPERATION_BYTES);

/** An operation as a line of the history. */
export function operationLine(operation: Operation): string {
  operationBytes.clear();
  addOperation(operationBytes, operation);
  return operationBytes.bytes.toString();
}

/** A log entry of a simulated node, as the line that a real node writes to stderr. */
export function logLine({ nodeId, level, wallMs, message, fields }: LogEntry): string {
  return JSON.stringify({ level, time: new Date(wallMs).toISOString(), node: nodeId, message, ...fields });
}

/** A message for people, as JSON with the id that the network gave it. A long body shows its lists by their ends. */
export function messageText(message: NetworkMessage): string {
  return shortJson(message, SHOWN_LENGTH_MAX);
}

/** What a line of the message log begins with, before the members of the message. */
export function eventText(event: NetworkEvent, timeMs: number): string {
  return `{"time":${Math.round(timeMs * 1e6)},"event":"${event}",`;
}

/**
 * The rest of such a line.
 *
 * @param textOf as `stringifyExact`
 */
export function messageMembers({ id, src, dest, body }: NetworkMessage, textOf = stringifyExact): string {
  return `"id":${id},"src":${stringifyName(src)},"dest":${stringifyName(dest)},"body":${stringifyRecord(body, textOf)}}`;
}

/** Makes the lines of a message log, one call an event. The text of a message is kept for its next event. */
export function createMessageLine(): (event: NetworkEvent, message: NetworkMessage, timeMs: number) => string {
  let last: NetworkMessage | undefined;
  let lastText = '';
  return (event, message, timeMs) => {
    if (message !== last) {
      last = message;
      lastText = messageMembers(message);
    }
    return eventText(event, timeMs) + lastText;
  };
}

/** The same members, those of the body that are long as texts that are cut, or show their lists by their ends. */
export function shortMessageMembers({ id, src, dest, body }: NetworkMessage): string {
  const members = Object.entries(body).map(([name, value]) => [
    name,
    isLong(value) ? shortJson(value, MEMBER_LENGTH_MAX) : value,
  ]);
  return stringifyRecord({ id, src, dest, body: Object.fromEntries(members), shortened: true }).slice(1);
}

function isLong(value: unknown): boolean {
  if (typeof value !== 'string' && typeof value !== 'object') return false;
  return isLongerThan(value, MEMBER_LENGTH_MAX) || stringifyExact(value).length > MEMBER_LENGTH_MAX;
}

/** Whether the text of a value is surely longer: each element of a list takes a digit and a comma. */
export function isLongerThan(value: unknown, length: number): boolean {
  return Array.isArray(value) && value.length > length / 2;
}

/** An observer that turns all operations and messages into lines. */
function observeLines(onLine: (line: string) => void): RunObserver {
  const messageLine = createMessageLine();
  return {
    onOperation: (operation) => onLine(operationLine(operation)),
    onMessage: (event, message, timeMs) => onLine(messageLine(event, message, timeMs)),
  };
}

/** Passes every operation and every message to two observers. */
export function both(one: RunObserver, other: RunObserver): RunObserver {
  return {
    onOperation: (operation) => {
      one.onOperation?.(operation);
      other.onOperation?.(operation);
    },
    onMessage: (event, message, timeMs) => {
      one.onMessage?.(event, message, timeMs);
      other.onMessage?.(event, message, timeMs);
    },
  };
}

/** The SHA-256 of all lines. */
export class RunDigest {
  readonly #hash = createHash('sha256');

  readonly observer = observeLines((line) => this.#hash.update(`${line}\n`));

  /** The digest in hexadecimal. Nothing may be added after it. */
  finish(): string {
    return this.#hash.digest('hex');
  }
}

/** Compares a second run with a first one. */
export class LineComparison {
  readonly #first: string[] = [];
  #count = 0;
  #difference: string | undefined;

  readonly first = observeLines((line) => this.#first.push(line));

  readonly second = observeLines((line) => {
    const expected = this.#first[this.#count++];
    if (expected !== line) this.#difference ??= describe(this.#count, expected, line);
  });

  /** The first difference of the runs, in a sentence; undefined: none. */
  get difference(): string | undefined {
    if (this.#difference !== undefined) return this.#difference;
    return this.#count < this.#first.length
      ? describe(this.#count + 1, this.#first[this.#count], undefined)
      : undefined;
  }

  get lineCount(): number {
    return this.#first.length;
  }
}

function describe(number: number, first: string | undefined, second: string | undefined): string {
  return `line ${number} was ${first ?? 'not there'} and then ${second ?? 'not there'}`;
}
