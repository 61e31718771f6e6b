/**
 * Messages that were polled before their sends began. To Elle these are cycles: the send comes before the poll, as that
 * has its message, and the poll before the send in real time.
 *
 * An operation is a send or a poll, so every cycle holds such a pair. What happens within the times of such pairs
 * belongs together (a strongly connected component), and Elle reports one cycle for each. Source:
 * `jepsen.tests.kafka/cycles!`, `elle.txn/cycles`.
 */

import type { KafkaEvents, KeyMessages } from './kafka-events.ts';

/** More components show nothing new. */
const LISTED_MAX = 8;
const NONE = -1;

/** What the result has under the name of a cycle. */
export interface CycleReport {
  readonly count: number;
  readonly errs: readonly unknown[] | true;
}

/** A poll that ended before the send of one of its messages began. All are indices in the history. */
interface Backward {
  readonly poll: number;
  readonly send: number;
  readonly sendStart: number;
  readonly key: string;
  readonly message: unknown;
}

/** A stretch of time that cycles hold together, from the end of a poll to the start of a send. */
interface Stretch {
  readonly start: number;
  end: number;
  readonly cycle: Backward;
}

/** All that Elle says of a history: its cycles, or that there is nothing that could have one. */
export function findCycles(events: KafkaEvents): Readonly<Record<string, CycleReport>> {
  const starts = startsByCompletion(events);
  if (isEmptyGraph(events, starts)) return { 'empty-transaction-graph': { count: 1, errs: true } };
  const stretches = mergeStretches(findBackward(events, starts));
  if (stretches.length === 0) return {};
  const listed = stretches.slice(0, LISTED_MAX);
  return {
    'G1c-realtime': { count: stretches.length, errs: listed.map(({ cycle }) => tellCycle(events, cycle)) },
    'strong-PL-2-cycle-exists': {
      count: stretches.length,
      errs: listed.map((stretch) => tellComponent(membersOf(events, starts, stretch))),
    },
  };
}

/** By completion: its invocation. Both by index; -1 for what is no completion of a send or poll. */
function startsByCompletion({ history }: KafkaEvents): Int32Array {
  const starts = new Int32Array(history.length).fill(NONE);
  const open = new Map<number, number>();
  for (let index = 0; index < history.length; index++) {
    if (history.isNemesisAt(index)) continue;
    const f = history.functionAt(index);
    if (f !== 'send' && f !== 'poll' && f !== 'txn') continue;
    const process = history.processAt(index);
    if (history.typeAt(index) === 'invoke') open.set(process, index);
    else starts[index] = open.get(process) ?? NONE;
  }
  return starts;
}

/** Whether no two operations are connected: nothing began after an ok, and no poll has a message of another send. */
function isEmptyGraph(events: KafkaEvents, starts: Int32Array): boolean {
  const { history, keys, polls } = events;
  const firstOk = starts.findIndex((start, index) => start !== NONE && history.typeAt(index) === 'ok');
  if (firstOk !== NONE && starts.some((start) => start > firstOk)) return false;
  for (let poll = 0; poll < polls.operation.length; poll++) {
    const writers = (keys[polls.key[poll] as number] as KeyMessages).writers;
    const end = polls.start[poll + 1] as number;
    for (let at = polls.start[poll] as number; at < end; at++) {
      const writer = writers[polls.message[at] as number] as number;
      if (writer !== NONE && writer !== polls.operation[poll]) return false;
    }
  }
  return true;
}

function findBackward({ history, keys, polls }: KafkaEvents, starts: Int32Array): readonly Backward[] {
  const found: Backward[] = [];
  for (let index = 0; index < polls.operation.length; index++) {
    const poll = polls.operation[index] as number;
    const { key, writers, messages } = keys[polls.key[index] as number] as KeyMessages;
    const end = polls.start[index + 1] as number;
    for (let at = polls.start[index] as number; at < end; at++) {
      const message = polls.message[at] as number;
      const send = writers[message] as number;
      if (send <= poll || (starts[send] as number) <= poll || history.typeAt(poll) !== 'ok') continue;
      found.push({ poll, send, sendStart: starts[send] as number, key, message: messages[message] });
    }
  }
  return found;
}

/** Stretches that share a time are one. */
function mergeStretches(backward: readonly Backward[]): readonly Stretch[] {
  const merged: Stretch[] = [];
  for (const cycle of backward) {
    const last = merged.at(-1);
    // They come by the ends of their polls.
    if (last !== undefined && cycle.poll <= last.end) last.end = Math.max(last.end, cycle.sendStart);
    else merged.push({ start: cycle.poll, end: cycle.sendStart, cycle });
  }
  return merged;
}

/** The operations of a component: those that can be reached from its times, and from which its times can be reached. */
function membersOf(events: KafkaEvents, starts: Int32Array, { start, end }: Stretch): readonly number[] {
  const { history, keys, polls } = events;
  const after = new Set<number>();
  const before = new Set<number>();
  for (let index = 0; index < starts.length; index++) {
    if (starts[index] === NONE) continue;
    if ((starts[index] as number) >= start) after.add(index);
    if (index <= end && history.typeAt(index) === 'ok') before.add(index);
  }
  for (let index = 0; index < polls.operation.length; index++) {
    const poll = polls.operation[index] as number;
    const { writers } = keys[polls.key[index] as number] as KeyMessages;
    for (let at = polls.start[index] as number; at < (polls.start[index + 1] as number); at++) {
      const send = writers[polls.message[at] as number] as number;
      if (send === NONE) continue;
      if ((starts[send] as number) >= start) after.add(poll);
      if (poll <= end && history.typeAt(poll) === 'ok') before.add(send);
    }
  }
  return [...after].filter((index) => before.has(index)).sort((one, other) => one - other);
}

function tellCycle({ history }: KafkaEvents, { poll, send, sendStart, key, message }: Backward) {
  return {
    cycle: [history.at(poll), history.at(send), history.at(poll)],
    steps: [
      { type: 'realtime', "a'": history.at(poll), b: history.at(sendStart) },
      { type: 'wr', key, value: message, 'a-mop-index': 0, 'b-mop-index': 0 },
    ],
    type: 'G1c-realtime',
  };
}

function tellComponent(members: readonly number[]) {
  return {
    type: 'strong-PL-2-cycle-exists',
    not: 'strong-read-committed',
    subgraph: ['union', 'ww', 'wwp', 'wr', 'wrp', 'realtime'],
    'scc-size': members.length,
    scc: members,
  };
}
