/**
 * Messages that were acknowledged and that no ok poll has. Source: `jepsen.tests.kafka/unseen`. Jepsen's merge of its
 * maps has a slip that is kept: a key that nothing was acknowledged of and that is polled for the first time by the
 * very last operation counts as unseen with what was polled.
 */

import { inSetOrder } from './clojure-order.ts';
import { type KafkaEvents, OK_READ, OK_SENT } from './kafka-events.ts';

const LISTED_MAX = 32;
const NONE = -1;

export interface Unseen {
  /** When the last send or poll that is ok ended, ns. */
  readonly time: number;
  /** How many, by key. */
  readonly unseen: Readonly<Record<string, number>>;
  /** The first of them, by key. */
  readonly messages: Readonly<Record<string, readonly unknown[]>>;
}

/** Undefined if there are none. */
export function findUnseen(events: KafkaEvents): Unseen | undefined {
  const { history, keys } = events;
  const last = lastOk(events);
  const found = new Map<string, readonly unknown[]>();
  for (const [number, { key, marks, messages }] of keys.entries()) {
    const isFirstPolledAtTheEnd =
      marks.every((mark) => (mark & OK_SENT) === 0) && firstOkPoll(events, number) === last && last !== NONE;
    const unseen = messages.filter((_message, message) => {
      const mark = (marks[message] as number) & (OK_SENT | OK_READ);
      return mark === OK_SENT || (isFirstPolledAtTheEnd && mark === OK_READ);
    });
    if (unseen.length > 0) found.set(key, sortMessages(unseen));
  }
  if (found.size === 0) return undefined;
  return {
    time: history.timeAt(last),
    unseen: Object.fromEntries([...found].map(([key, messages]) => [key, messages.length])),
    messages: Object.fromEntries([...found].map(([key, messages]) => [key, messages.slice(0, LISTED_MAX)])),
  };
}

function lastOk({ history }: KafkaEvents): number {
  for (let index = history.length - 1; index >= 0; index--) {
    if (history.isNemesisAt(index) || history.typeAt(index) !== 'ok') continue;
    const f = history.functionAt(index);
    if (f === 'send' || f === 'poll' || f === 'txn') return index;
  }
  return NONE;
}

/** The first ok poll that answers for a key, by index; -1 without one. */
function firstOkPoll({ history, polls }: KafkaEvents, key: number): number {
  const poll = polls.key.findIndex(
    (other, index) => other === key && history.typeAt(polls.operation[index] as number) === 'ok',
  );
  return polls.operation[poll] ?? NONE;
}

function sortMessages(messages: readonly unknown[]): readonly unknown[] {
  const areNumbers = messages.every((message) => typeof message === 'number');
  return areNumbers
    ? [...(messages as readonly number[])].sort((one, other) => one - other)
    : inSetOrder(messages, (message) => message);
}
