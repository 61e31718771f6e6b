/** The errors of kafka as their definitions say, counted without any index: for small histories. */

import type { History } from '../../../../src/history/history.ts';
import type { Operation } from '../../../../src/history/operation.ts';

type Pair = readonly [offset: number, message: number];

/** Every message that a poll has of a key, and every send, as one list. */
function pollsOf(operation: Operation, key: string): readonly Pair[] {
  if (operation.f !== 'poll' || operation.type === 'invoke') return [];
  const [[, answer = {}] = []] = operation.value as readonly (readonly [string, Record<string, readonly Pair[]>?])[];
  return answer[key] ?? [];
}

function sendOf(operation: Operation, key: string): { offset?: number; message: number } | undefined {
  if (operation.f !== 'send' || operation.type === 'invoke') return undefined;
  const [[, to, sent] = []] = operation.value as readonly (readonly [string, string, number | Pair])[];
  if (to !== key) return undefined;
  return typeof sent === 'number' ? { message: sent } : { offset: (sent as Pair)[0], message: (sent as Pair)[1] };
}

const distinct = <Item>(items: readonly Item[]): readonly Item[] => [...new Set(items)];

/** The number of errors of each type; those that are none are left out. */
export function countByDefinition(history: History, keys: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  const add = (type: string, count: number) => {
    if (count > 0) counts[type] = (counts[type] ?? 0) + count;
  };
  const operations = [...history.clientOperations()];
  for (const key of keys) {
    const log = new DefinedLog(operations, key);
    add('duplicate', log.messages.filter((message) => log.offsetsOf(message).length > 1).length);
    add('inconsistent-offsets', log.offsets.filter((offset) => log.at(offset).length > 1).length);
    add('unseen', log.unseenCount());
    add('lost-write', log.lost().length);
    for (const operation of operations) {
      const read = pollsOf(operation, key).map(([, message]) => message);
      add('no-writer-of-value', read.filter((message) => !log.sent().includes(message)).length);
      if (operation.type === 'ok') add('G1a', read.filter((message) => log.sent('fail').includes(message)).length);
      for (const [place, message] of read.entries()) {
        const step = place === 0 ? 1 : log.distance(read[place - 1] as number, message);
        add('int-poll-skip', step > 1 ? 1 : 0);
        add('int-nonmonotonic-poll', step < 1 ? 1 : 0);
      }
    }
    for (const process of distinct(operations.map((operation) => operation.process))) {
      const own = operations.filter((operation) => operation.process === process);
      for (const step of log.pollSteps(own)) add(step > 1 ? 'poll-skip' : 'nonmonotonic-poll', step === 1 ? 0 : 1);
      add('nonmonotonic-send', log.sendSteps(own).filter((step) => step < 1).length);
    }
  }
  return counts;
}

class DefinedLog {
  readonly #operations: readonly Operation[];
  readonly #key: string;
  readonly #pairs: readonly Pair[];
  readonly okRead: readonly number[];
  /** Ascending. */
  readonly offsets: readonly number[];
  readonly messages: readonly number[];
  readonly #offsetsOf: ReadonlyMap<number, readonly number[]>;

  constructor(operations: readonly Operation[], key: string) {
    this.#operations = operations;
    this.#key = key;
    const sends = operations.flatMap((operation): readonly Pair[] => {
      const send = operation.type === 'ok' ? sendOf(operation, key) : undefined;
      return send?.offset === undefined ? [] : [[send.offset, send.message]];
    });
    this.#pairs = [...sends, ...operations.flatMap((operation) => pollsOf(operation, key))];
    const oks = operations.filter(({ type }) => type === 'ok');
    this.offsets = [...new Set(this.#pairs.map(([offset]) => offset))].sort((one, other) => one - other);
    this.messages = distinct(this.#pairs.map(([, message]) => message));
    this.#offsetsOf = new Map(
      this.messages.map((message) => [message, this.offsets.filter((offset) => this.at(offset).includes(message))]),
    );
    this.okRead = oks.flatMap((operation) => pollsOf(operation, key).map(([, message]) => message));
  }

  at(offset: number): readonly number[] {
    return distinct(this.#pairs.filter(([other]) => other === offset).map(([, message]) => message));
  }

  offsetsOf(message: number): readonly number[] {
    return this.#offsetsOf.get(message) ?? [];
  }

  sent(type?: string): readonly number[] {
    const some = this.#operations.filter((operation) => type === undefined || operation.type === type);
    return some.flatMap((operation) => sendOf(operation, this.#key)?.message ?? []);
  }

  /**
   * As Jepsen goes through operations: what was sent without what was polled. A key that has only polls takes what was
   * polled for unseen, until the next operation.
   */
  unseenCount(): number {
    let sent: readonly number[] | undefined;
    let polled: readonly number[] = [];
    let wasPolled = false;
    for (const operation of this.#operations) {
      if (operation.type !== 'ok' || (operation.f !== 'send' && operation.f !== 'poll')) continue;
      const send = sendOf(operation, this.#key);
      const read = pollsOf(operation, this.#key).map(([, message]) => message);
      if (send !== undefined) sent = [...(sent ?? []), send.message];
      if (read.length > 0) wasPolled = true;
      polled = distinct([...polled, ...read]);
      const seen = polled;
      if (sent !== undefined) sent = sent.filter((message) => !seen.includes(message));
      else if (wasPolled) sent = polled;
    }
    return sent?.length ?? 0;
  }

  /** What must have been read, as something behind it was, and was not. */
  lost(): readonly number[] {
    const bound = Math.max(-1, ...this.okRead.map((message) => this.offsetsOf(message)[0] ?? -1));
    return this.messages.filter((message) => {
      const last = this.offsetsOf(message).at(-1) as number;
      return last <= bound && !this.okRead.includes(message) && this.sent('ok').includes(message);
    });
  }

  /**
   * By how many places one message is behind another; 1 if that is not known. Only for logs without errors of their
   * own.
   */
  distance(from: number, to: number): number {
    const [first, second] = [from, to].map((message) => this.offsets.indexOf(this.offsetsOf(message)[0] as number));
    return first === -1 || second === -1 ? 1 : (second as number) - (first as number);
  }

  /** From the end of each ok poll of a process to the start of the next one, unless the key was given up between. */
  pollSteps(own: readonly Operation[]): readonly number[] {
    const steps: number[] = [];
    let last: number | undefined;
    for (const operation of own) {
      if (this.#givesUp(operation)) last = undefined;
      const read = pollsOf(operation, this.#key).map(([, message]) => message);
      if (read.length === 0) continue;
      if (last !== undefined) steps.push(this.distance(last, read[0] as number));
      if (operation.type === 'ok') last = read.at(-1);
    }
    return steps;
  }

  sendSteps(own: readonly Operation[]): readonly number[] {
    const steps: number[] = [];
    let last: number | undefined;
    for (const operation of own) {
      if (this.#givesUp(operation)) last = undefined;
      const send = operation.type === 'fail' ? undefined : sendOf(operation, this.#key);
      if (send === undefined) continue;
      if (last !== undefined) steps.push(this.distance(last, send.message));
      last = send.message;
    }
    return steps;
  }

  #givesUp({ f, type, value }: Operation): boolean {
    return f === 'assign' && type === 'ok' && !(value as readonly string[]).includes(this.#key);
  }
}
