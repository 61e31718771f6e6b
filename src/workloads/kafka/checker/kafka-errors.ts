/**
 * The errors that Jepsen's kafka checker knows, under its names and with its fields. Source: `jepsen.tests.kafka`.
 * Those of several parts in one operation (`int-send-skip`, `int-nonmonotonic-send`, `precommitted-read`) cannot occur
 * under Maelstrom, where an operation has one part.
 */

import type { Operation } from '../../../history/operation.ts';
import { canonicalKey } from '../../../protocol/exact-json.ts';
import { ErrorList, type Listing } from './error-list.ts';
import { assignedKeys, FAIL_SENT, type KafkaEvents, OK_READ, OPEN_SENT } from './kafka-events.ts';
import { type LogOrder, messagesAt, provenSends } from './log-order.ts';

const NONE = -1;

/** What the result has under the name of an error. */
export interface ErrorReport {
  readonly count: number;
  readonly errs: readonly KafkaError[];
}

/** One error. All fields but `key` depend on the type. Operations are `op`, `ops`, `writer`, `reader`, `max-read`. */
export interface KafkaError {
  readonly key: string;
  readonly [field: string]: unknown;
}

/** An error before it is told: operations are indices, and messages numbers. */
interface Draft {
  readonly key: number;
  /** Between which messages. */
  readonly from: number;
  readonly to: number;
  /** Completions, by index. */
  readonly operation: number;
  readonly before: number;
  readonly delta: number;
}

/** With more of them, a list shows nothing new. Jepsen lists these without a limit. */
const UNLIMITED = 1024;
const BY_DELTA: Listing<Draft> = { max: 8, rankOf: ({ delta }) => delta };
const BY_GREATEST_DELTA: Listing<Draft> = { ...BY_DELTA, greatest: true };

/** All errors of a history by type, without those that have none. */
export function findErrors(events: KafkaEvents, logs: readonly LogOrder[]): Readonly<Record<string, ErrorReport>> {
  const rules = new Rules(events, logs);
  const reports: Readonly<Record<string, ErrorReport>> = {
    duplicate: rules.duplicates(),
    'inconsistent-offsets': rules.inconsistentOffsets(),
    'lost-write': rules.lostWrites(),
    ...rules.readsOfPolls(),
    ...rules.withinPolls(),
    ...rules.betweenPolls(),
    ...rules.sends(),
  };
  return Object.fromEntries(Object.entries(reports).filter(([, { count }]) => count > 0));
}

class Rules {
  readonly #events: KafkaEvents;
  readonly #logs: readonly LogOrder[];

  constructor(events: KafkaEvents, logs: readonly LogOrder[]) {
    this.#events = events;
    this.#logs = logs;
  }

  /** A message at more than one offset. */
  duplicates(): ErrorReport {
    const list = new ErrorList<KafkaError & { count: number }>({ max: 32, rankOf: ({ count }) => count });
    for (const log of this.#logs) {
      const offsets = new Map<number, number[]>();
      for (const [index, offset] of log.offsets.entries())
        for (const message of messagesAt(log, index))
          if (log.firstIndex[message] !== log.lastIndex[message]) {
            const at = offsets.get(message);
            if (at === undefined) offsets.set(message, [offset]);
            else at.push(offset);
          }
      for (const [message, at] of offsets)
        list.add({ key: log.key, value: log.messages[message], count: at.length, offsets: at });
    }
    return { count: list.count, errs: list.listed() };
  }

  /** An offset with more than one message. */
  inconsistentOffsets(): ErrorReport {
    const list = new ErrorList<KafkaError & { values: readonly unknown[] }>({
      max: 32,
      rankOf: ({ values }) => values.length,
    });
    for (const log of this.#logs)
      for (const [index, messages] of log.conflicts)
        list.add({
          key: log.key,
          offset: log.offsets[index],
          index,
          values: sortValues(messages.map((message) => log.messages[message])),
        });
    return { count: list.count, errs: list.listed() };
  }

  /** A message that no ok poll has, before one in the log that some ok poll has. */
  lostWrites(): ErrorReport {
    const proven = provenSends(this.#events);
    const list = new ErrorList<KafkaError>({ max: UNLIMITED });
    for (const log of this.#logs) {
      let bound = NONE;
      for (let message = 0; message < log.messages.length; message++)
        if (((log.marks[message] as number) & OK_READ) !== 0)
          bound = Math.max(bound, log.firstIndex[message] as number);
      const last = lastMessageAt(log, bound);
      const maxRead = last === undefined ? NONE : (log.readers[last] as number);
      for (let index = 0; index <= bound; index++)
        for (const message of messagesAt(log, index)) {
          const writer = log.writers[message] as number;
          const isRead = ((log.marks[message] as number) & OK_READ) !== 0;
          if (isRead || log.lastIndex[message] !== index || writer === NONE) continue;
          if (this.#typeOf(writer) !== 'ok' && !proven.has(writer)) continue;
          list.add({
            key: log.key,
            value: log.messages[message],
            index: log.firstIndex[message],
            'max-read-index': bound,
            writer: this.#at(writer),
            'max-read': maxRead === NONE ? null : this.#at(maxRead),
          });
        }
    }
    return { count: list.count, errs: list.listed() };
  }

  /** What an ok poll has though its send failed, or no send had it, or the same operation did. */
  readsOfPolls(): Readonly<Record<string, ErrorReport>> {
    const failed = new ErrorList<KafkaError>({ max: UNLIMITED });
    const unwritten = new ErrorList<KafkaError>({ max: UNLIMITED });
    const own = new ErrorList<KafkaError>({ max: UNLIMITED });
    const { polls } = this.#events;
    for (let poll = 0; poll < polls.operation.length; poll++) {
      const operation = polls.operation[poll] as number;
      const log = this.#logs[polls.key[poll] as number] as LogOrder;
      const isOk = this.#typeOf(operation) === 'ok';
      const end = polls.start[poll + 1] as number;
      for (let at = polls.start[poll] as number; at < end; at++) {
        const message = polls.message[at] as number;
        const writer = log.writers[message] as number;
        const fact = { key: log.key, value: log.messages[message] };
        const marks = log.marks[message] as number;
        if (writer === NONE && (marks & OPEN_SENT) === 0) unwritten.add({ ...fact, reader: this.#at(operation) });
        else if (isOk && (marks & FAIL_SENT) !== 0)
          failed.add({ ...fact, writer: this.#at(writer), reader: this.#at(operation) });
        if (writer === operation) own.add({ op: this.#at(operation), ...fact });
      }
    }
    const report = (list: ErrorList<KafkaError>) => ({ count: list.count, errs: list.listed() });
    return { G1a: report(failed), 'no-writer-of-value': report(unwritten), 'precommitted-read': report(own) };
  }

  /** Neighbours in one answer that leave a message out, or go back. */
  withinPolls(): Readonly<Record<string, ErrorReport>> {
    const [skips, backs] = [new ErrorList(BY_GREATEST_DELTA), new ErrorList(BY_DELTA)];
    const { polls } = this.#events;
    for (let poll = 0; poll < polls.operation.length; poll++) {
      const [key, operation] = [polls.key[poll] as number, polls.operation[poll] as number];
      const log = this.#logs[key] as LogOrder;
      const end = polls.start[poll + 1] as number;
      for (let at = (polls.start[poll] as number) + 1; at < end; at++) {
        const [from, to] = [polls.message[at - 1] as number, polls.message[at] as number];
        const delta = deltaOf(log, from, to);
        if (delta > 1) skips.add({ key, from, to, operation, before: operation, delta });
        else if (delta < 1) backs.add({ key, from, to, operation, before: operation, delta });
      }
    }
    return {
      'int-poll-skip': this.#tell(skips, (draft) => ({ ...this.#values(draft), ...this.#skipped(draft), op: true })),
      'int-nonmonotonic-poll': this.#tell(backs, (draft) => ({ ...this.#values(draft), op: true })),
    };
  }

  /**
   * Successive polls of a process that leave a message out, or go back. An assign forgets keys that it does not name.
   */
  betweenPolls(): Readonly<Record<string, ErrorReport>> {
    const [skips, backs] = [new ErrorList(BY_GREATEST_DELTA), new ErrorList(BY_DELTA)];
    const { polls, history } = this.#events;
    const last = new LastByProcess(this.#events);
    for (let poll = 0; poll < polls.operation.length; poll++) {
      const [key, operation] = [polls.key[poll] as number, polls.operation[poll] as number];
      last.passAssigns(operation);
      const [start, end] = [polls.start[poll] as number, polls.start[poll + 1] as number];
      const place = last.of(history.processAt(operation));
      const before = place.get(key);
      if (before !== undefined) {
        const [from, to] = [before.message, start < end ? (polls.message[start] as number) : NONE];
        const delta = deltaOf(this.#logs[key] as LogOrder, from, to);
        const draft = { key, from, to, operation, before: before.operation, delta };
        if (delta > 1) skips.add(draft);
        else if (delta < 1) backs.add(draft);
      }
      if (this.#typeOf(operation) === 'ok')
        place.set(key, { operation, message: start < end ? (polls.message[end - 1] as number) : NONE });
    }
    return {
      'poll-skip': this.#tell(skips, (draft) => ({ ...this.#skipped(draft), ops: true })),
      'nonmonotonic-poll': this.#tell(backs, (draft) => ({ ...this.#values(draft), ops: true })),
    };
  }

  /** Successive sends of a process whose messages do not come in this order in the log. */
  sends(): Readonly<Record<string, ErrorReport>> {
    const [backs, innerBacks] = [new ErrorList(BY_DELTA), new ErrorList(BY_DELTA)];
    const innerSkips = new ErrorList(BY_GREATEST_DELTA);
    const { sends, history } = this.#events;
    const last = new LastByProcess(this.#events);
    const within = new Map<number, number>();
    let current = NONE;
    for (let send = 0; send < sends.operation.length; send++) {
      const [key, operation] = [sends.key[send] as number, sends.operation[send] as number];
      const to = sends.message[send] as number;
      const log = this.#logs[key] as LogOrder;
      if (operation !== current) within.clear();
      current = operation;
      const inner = within.get(key);
      within.set(key, to);
      if (inner !== undefined) {
        const delta = deltaOf(log, inner, to);
        const draft = { key, from: inner, to, operation, before: operation, delta };
        if (delta > 1) innerSkips.add(draft);
        else if (delta < 1) innerBacks.add(draft);
      }
      if (this.#typeOf(operation) === 'fail') continue;
      last.passAssigns(operation);
      const place = last.of(history.processAt(operation));
      const before = place.get(key);
      if (before !== undefined && before.operation !== operation) {
        const delta = deltaOf(log, before.message, to);
        if (delta < 1) backs.add({ key, from: before.message, to, operation, before: before.operation, delta });
      }
      place.set(key, { operation, message: to });
    }
    return {
      'nonmonotonic-send': this.#tell(backs, (draft) => ({ ...this.#values(draft), ops: true })),
      'int-nonmonotonic-send': this.#tell(innerBacks, (draft) => ({ ...this.#values(draft), op: true })),
      'int-send-skip': this.#tell(innerSkips, (draft) => ({
        ...this.#values(draft),
        ...this.#skipped(draft),
        op: true,
      })),
    };
  }

  /** @param fieldsOf what to say of an error; `op` and `ops` stand for its operations */
  #tell(list: ErrorList<Draft>, fieldsOf: (draft: Draft) => Readonly<Record<string, unknown>>): ErrorReport {
    const errs = list.listed().map((draft) => {
      const { op, ops, ...fields } = fieldsOf(draft);
      return {
        key: this.#logs[draft.key]?.key as string,
        ...fields,
        delta: draft.delta,
        ...(op === true && { op: this.#at(draft.operation) }),
        ...(ops === true && { ops: [this.#at(draft.before), this.#at(draft.operation)] }),
      };
    });
    return { count: list.count, errs };
  }

  #values({ key, from, to }: Draft): { readonly values: readonly unknown[] } {
    const messages = this.#logs[key]?.messages as readonly unknown[];
    return { values: [messages[from], messages[to]] };
  }

  #skipped({ key, from, to }: Draft): { readonly skipped: readonly unknown[] } {
    const { indexOf, byIndex, messages } = this.#logs[key] as LogOrder;
    const between = byIndex.slice((indexOf[from] as number) + 1, indexOf[to] as number);
    return { skipped: between.map((message) => messages[message]) };
  }

  #at(index: number): Operation {
    return this.#events.history.at(index);
  }

  #typeOf(index: number) {
    return this.#events.history.typeAt(index);
  }
}

/** A message of `bound` whose last place that is, for who has read it. */
function lastMessageAt(log: LogOrder, bound: number): number | undefined {
  return bound === NONE ? undefined : messagesAt(log, bound).find((message) => log.lastIndex[message] === bound);
}

/** How many places one message is after another; 1 if that is not known. */
function deltaOf({ indexOf }: LogOrder, from: number, to: number): number {
  const [first, second] = [indexOf[from] ?? NONE, indexOf[to] ?? NONE];
  return first === NONE || second === NONE ? 1 : second - first;
}

function sortValues(values: readonly unknown[]): readonly unknown[] {
  return [...values].sort((one, other) =>
    typeof one === 'number' && typeof other === 'number'
      ? one - other
      : canonicalKey(one) < canonicalKey(other)
        ? -1
        : 1,
  );
}

/** The last operation of each process on each key. An assign forgets the keys that it does not name. */
class LastByProcess {
  readonly #events: KafkaEvents;
  readonly #last = new Map<number, Map<number, { readonly operation: number; readonly message: number }>>();
  #passed = 0;

  constructor(events: KafkaEvents) {
    this.#events = events;
  }

  of(process: number): Map<number, { readonly operation: number; readonly message: number }> {
    let place = this.#last.get(process);
    if (place === undefined) {
      place = new Map();
      this.#last.set(process, place);
    }
    return place;
  }

  /** Takes in the assigns before an operation. */
  passAssigns(index: number): void {
    const { history, keys } = this.#events;
    for (; this.#passed < index; this.#passed++) {
      const f = history.functionAt(this.#passed);
      if (f !== 'assign' && f !== 'subscribe') continue;
      const type = history.typeAt(this.#passed);
      if (type !== 'ok' && type !== 'info') continue;
      const place = this.#last.get(history.processAt(this.#passed));
      if (place === undefined || place.size === 0) continue;
      const named = new Set(assignedKeys(history, this.#passed));
      for (const key of place.keys()) if (!named.has(keys[key]?.key as string)) place.delete(key);
    }
  }
}
