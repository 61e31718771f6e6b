/** What was committed, where a history has it: it never goes back, and never ahead of what was polled. */

import { Findings } from '../../../checkers/findings.ts';
import { indexPairs } from '../../../checkers/pairs.ts';
import type { History } from '../../../history/history.ts';
import { stringifyExact } from '../../../protocol/exact-json.ts';
import { isRecord } from '../../../protocol/message.ts';
import { type KafkaEvents, NO_OFFSET } from './kafka-events.ts';
import type { LogOrder } from './log-order.ts';

/** The function of an operation that lists committed offsets, and of one that commits. */
const LIST = 'list_committed_offsets';
const COMMIT = 'commit_offsets';

export function judgeCommits(events: KafkaEvents, logs: readonly LogOrder[]): Readonly<Record<string, Findings>> {
  const { history } = events;
  // Maelstrom's own histories have none of it.
  if (!haveLists(history)) return {};
  const commits = new Commits(events, logs);
  for (let index = 0; index < history.length; index++) commits.read(index);
  return { 'committed-back': commits.back, 'committed-ahead': commits.ahead };
}

function haveLists(history: History): boolean {
  for (let index = 0; index < history.length; index++) if (history.functionAt(index) === LIST) return true;
  return false;
}

interface Committed {
  readonly offset: number;
  readonly operation: number;
}

class Commits {
  readonly back = new Findings();
  readonly ahead = new Findings();
  readonly #history: History;
  /** By key: what is committed for certain, and by which operation. */
  readonly #least = new Map<string, Committed>();
  /** By key: the greatest offset that may have been committed. */
  readonly #most = new Map<string, number>();
  /** By process: what was committed for certain when its open list began. */
  readonly #atStart = new Map<number, ReadonlyMap<string, Committed>>();
  /** By invocation: its completion. */
  readonly #completions = new Map<number, number>();
  /** By completion of a poll: the greatest offset of each key. */
  readonly #polled = new Map<number, (readonly [key: string, offset: number])[]>();
  /** By key: the greatest offset that there is. */
  readonly #ends: ReadonlyMap<string, number>;
  /** Whether a poll began that did not end well: it may have committed what no history tells. */
  #isUnsure = false;

  constructor({ history, keys, polls }: KafkaEvents, logs: readonly LogOrder[]) {
    this.#history = history;
    this.#ends = new Map(logs.map(({ key, offsets }) => [key, offsets.at(-1) ?? NO_OFFSET]));
    for (const { invocation, completion } of indexPairs(history)) this.#completions.set(invocation, completion);
    for (let poll = 0; poll < polls.operation.length; poll++) {
      let greatest = NO_OFFSET;
      for (let at = polls.start[poll] as number; at < (polls.start[poll + 1] as number); at++)
        greatest = Math.max(greatest, polls.offset[at] as number);
      if (greatest === NO_OFFSET) continue;
      const operation = polls.operation[poll] as number;
      const entry = [keys[polls.key[poll] as number]?.key as string, greatest] as const;
      this.#polled.set(operation, [...(this.#polled.get(operation) ?? []), entry]);
    }
  }

  read(index: number): void {
    if (this.#history.isNemesisAt(index)) return;
    const [f, type] = [this.#history.functionAt(index), this.#history.typeAt(index)];
    if (type === 'invoke') this.#begin(index, f);
    else if (type === 'ok' && f === 'poll') this.#settle(this.#polled.get(index) ?? [], index);
    else if (type === 'ok' && f === COMMIT) this.#settle(offsetsIn(this.#history.valueAt(index)), index);
    else if (type === 'ok' && f === LIST) this.#readList(index);
  }

  /** What begins may have been committed at once. */
  #begin(index: number, f: string): void {
    if (f === LIST) this.#atStart.set(this.#history.processAt(index), new Map(this.#least));
    else if (f === COMMIT) this.#allow(offsetsIn(this.#history.valueAt(index)));
    else if (f === 'poll') {
      const completion = this.#completions.get(index);
      if (completion === undefined || this.#history.typeAt(completion) !== 'ok') this.#isUnsure = true;
      else this.#allow(this.#polled.get(completion) ?? []);
    }
  }

  #readList(index: number): void {
    const before = this.#atStart.get(this.#history.processAt(index));
    const listed = offsetsIn(this.#history.valueAt(index));
    for (const [key, offset] of listed) {
      const least = before?.get(key);
      const name = `key ${stringifyExact(key)}`;
      if (least !== undefined && offset < least.offset)
        this.back.add(`${name} has ${offset} as committed, after ${least.offset} was`, {
          operations: [least.operation, index],
          key,
        });
      const most = Math.max(
        this.#most.get(key) ?? NO_OFFSET,
        this.#isUnsure ? (this.#ends.get(key) ?? NO_OFFSET) : NO_OFFSET,
      );
      if (offset > most)
        this.ahead.add(
          `${name} has ${offset} as committed, and ${most === NO_OFFSET ? 'nothing' : `only ${most}`} was polled`,
          {
            operation: index,
            key,
          },
        );
    }
    this.#settle(listed, index);
  }

  #allow(offsets: readonly (readonly [key: string, offset: number])[]): void {
    for (const [key, offset] of offsets) this.#most.set(key, Math.max(this.#most.get(key) ?? NO_OFFSET, offset));
  }

  #settle(offsets: readonly (readonly [key: string, offset: number])[], operation: number): void {
    for (const [key, offset] of offsets)
      if (offset > (this.#least.get(key)?.offset ?? NO_OFFSET)) this.#least.set(key, { offset, operation });
  }
}

function offsetsIn(value: unknown): readonly (readonly [key: string, offset: number])[] {
  if (!isRecord(value)) return [];
  return Object.entries(value).map(([key, offset]) => [key, Number(offset)]);
}
