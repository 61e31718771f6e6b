/**
 * What Jepsen's checker does not look at: where polls start, what was committed, and the order of sends in real time.
 *
 * - `poll-unasked-key`: a poll answers for a key that its process is not assigned to.
 * - `poll-before-asked`, `poll-past-asked`: a poll starts before the offset it asked for, or behind it though the log
 *   has something between. What was asked for follows from what the process was assigned and has polled, as Maelstrom's
 *   client asks.
 * - `committed-back`: a committed offset is less than one that was committed or listed before.
 * - `committed-ahead`: a committed offset is greater than all that was polled, or asked to be committed, by then.
 * - `send-order`: a send that began after another one had ended has the lower offset of both.
 *
 * Committed offsets are looked at where a history has them: in the value `{key: offset}` of `list_committed_offsets`
 * and `commit_offsets`. Every ok poll commits what it polled, as the operation of Maelstrom's client does.
 */

import { Findings, type RuleReport } from '../../../checkers/findings.ts';
import type { History } from '../../../history/history.ts';
import { stringifyExact } from '../../../protocol/exact-json.ts';
import { judgeCommits } from './committed-offsets.ts';
import { type KafkaEvents, NO_OFFSET } from './kafka-events.ts';
import type { LogOrder } from './log-order.ts';
import { Positions } from './positions.ts';

export function judgeKafkaBeyond(events: KafkaEvents, logs: readonly LogOrder[]): Readonly<Record<string, RuleReport>> {
  const found = { ...judgeStarts(events, logs), ...judgeCommits(events, logs), 'send-order': judgeSendOrder(events) };
  return Object.fromEntries(Object.entries(found).map(([rule, findings]) => [rule, findings.report()]));
}

function judgeStarts(events: KafkaEvents, logs: readonly LogOrder[]): Readonly<Record<string, Findings>> {
  const { history, polls } = events;
  const [unasked, before, past] = [new Findings(), new Findings(), new Findings()];
  const positions = new Positions(history);
  for (let poll = 0; poll < polls.operation.length; poll++) {
    const operation = polls.operation[poll] as number;
    if (history.typeAt(operation) !== 'ok') continue;
    positions.passTo(operation);
    const log = logs[polls.key[poll] as number] as LogOrder;
    const [start, end] = [polls.start[poll] as number, polls.start[poll + 1] as number];
    const first = start < end ? (polls.offset[start] as number) : NO_OFFSET;
    const asked = positions.of(history.processAt(operation), log.key);
    const name = `key ${stringifyExact(log.key)}`;
    if (asked === undefined)
      unasked.add(`a poll answers for ${name}, which was not asked for`, { operation, key: log.key });
    else if (first !== NO_OFFSET) {
      const between = firstAtLeast(log.offsets, asked.most);
      if (first < asked.least)
        before.add(`a poll of ${name} starts at ${first}, before the ${asked.least} it asked for`, {
          operation,
          key: log.key,
        });
      else if (between !== undefined && between < first)
        past.add(`a poll of ${name} from ${asked.most} on starts at ${first}, behind ${between}`, {
          operation,
          key: log.key,
        });
    }
    positions.polled(operation, log.key, greatestOf(polls.offset, start, end));
  }
  return { 'poll-unasked-key': unasked, 'poll-before-asked': before, 'poll-past-asked': past };
}

/** The greatest offset of an answer; -1 without one. */
function greatestOf(offsets: readonly number[], start: number, end: number): number {
  let greatest = -1;
  for (let at = start; at < end; at++) greatest = Math.max(greatest, offsets[at] as number);
  return greatest;
}

/** The least of ascending numbers that is at least `bound`. */
function firstAtLeast(numbers: readonly number[], bound: number): number | undefined {
  let [low, high] = [0, numbers.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((numbers[middle] as number) < bound) low = middle + 1;
    else high = middle;
  }
  return numbers[low];
}

/** Among the sends of a key that ended before one began, the greatest offset must be less than its own. */
function judgeSendOrder({ history, keys, sends }: KafkaEvents): Findings {
  const findings = new Findings();
  const greatest: ([operation: number, offset: number] | undefined)[] = keys.map(() => undefined);
  const keyNumbers = new Map(keys.map(({ key }, number) => [key, number]));
  let send = 0;
  const before = new Map<number, readonly [operation: number, offset: number] | undefined>();
  for (let index = 0; index < history.length; index++) {
    if (history.isNemesisAt(index) || history.functionAt(index) !== 'send') continue;
    const process = history.processAt(index);
    if (history.typeAt(index) === 'invoke') {
      const key = keyNumbers.get(keyOfSend(history, index));
      before.set(process, key === undefined ? undefined : greatest[key]);
      continue;
    }
    while (send < sends.operation.length && (sends.operation[send] as number) < index) send++;
    if (sends.operation[send] !== index || history.typeAt(index) !== 'ok') continue;
    const [key, offset] = [sends.key[send] as number, sends.offset[send] as number];
    const other = before.get(process);
    if (offset === NO_OFFSET) continue;
    if (other !== undefined && other[1] >= offset)
      findings.add(`a send got offset ${offset} after an earlier one had got ${other[1]}`, {
        operations: [other[0], index],
        key: keys[key]?.key,
      });
    if (offset > (greatest[key]?.[1] ?? NO_OFFSET)) greatest[key] = [index, offset];
  }
  return findings;
}

function keyOfSend(history: History, index: number): string {
  const value = history.valueAt(index);
  const [part] = Array.isArray(value) ? (value as readonly unknown[]) : [];
  return Array.isArray(part) ? String(part[1]) : '';
}
