/**
 * The log of one key, as one node sees it: its newest messages in memory, and the rest in the store.
 *
 * - Messages that wait are appended together, with one compare-and-set. An append is done when the store has said so,
 *   or when a segment was read that holds the id of the message.
 * - A message that was sent on before may be in the log already, though only behind the offset where the log ended
 *   then (`since`). So everything from there on is searched for its id, and what comes later meets the
 *   compare-and-set. It is the idempotent producer of Kafka, with the place of a sequence number taken by the search.
 * - What is in memory never has a gap, and is never wrong, since offsets are never given twice. It may be old.
 */

import { NOTHING_STORED, type Stored } from '../../kv/documents.ts';
import { GroupQueue } from '../../kv/group-queue.ts';
import type { NodeContext } from '../../node/context.ts';
import { RpcError } from '../../protocol/errors.ts';
import type { KafkaLimits } from './limits.ts';
import { LogWindow } from './log-window.ts';
import {
  chooseShort,
  type Entry,
  endOf,
  extendSegment,
  type Segment,
  type Segments,
  segmentKey,
  type Tail,
} from './segments.ts';

/**
 * A poll at the end of what is in memory reads the store again, unless it was the newest so short a time ago, ms. The
 * owner of a log can wait longer: others append only where it does not answer.
 */
const CURRENT_MS = 500;
const OWNED_CURRENT_MS = 2000;

/** `definite`: this append sent nothing that is in the log or ever can be. */
export type AppendOutcome =
  | { readonly kind: 'ok'; readonly offset: number }
  | { readonly kind: 'definite' | 'indefinite'; readonly error: RpcError };

/** A message to be appended. */
export interface Append {
  readonly entry: Entry;
  /** The log does not hold it below this offset. Infinite: it was not sent on before. */
  readonly since: number;
}

interface Waiting extends Append {
  readonly settle: (outcome: AppendOutcome) => void;
}

/** Rules that a mutant may replace. */
export interface LogRules {
  readonly extend: typeof extendSegment;
  /** Whether what was the newest so long ago is new enough for a poll. */
  readonly isCurrent: (ageMs: number, isOwned: boolean) => boolean;
  readonly createWindow: (max: number) => Pick<LogWindow, 'first' | 'end' | 'learn' | 'from'>;
}

export const LOG_RULES: LogRules = {
  extend: extendSegment,
  isCurrent: (ageMs, isOwned) => ageMs <= (isOwned ? OWNED_CURRENT_MS : CURRENT_MS),
  createWindow: (max) => new LogWindow(max),
};

export interface KeyLogOptions {
  readonly key: string;
  /** Whether this node is the one that others send messages of the key to. */
  readonly isOwned: boolean;
  readonly segments: Segments;
  readonly context: Pick<NodeContext, 'clock'>;
  readonly limits: KafkaLimits;
  readonly rules: LogRules;
}

const FIRST: Tail = { index: 0, base: 0, stored: NOTHING_STORED };

export class KeyLog {
  readonly #options: KeyLogOptions;
  readonly #window: ReturnType<LogRules['createWindow']>;
  readonly #queue: GroupQueue<Waiting>;
  #tail: Tail | undefined;
  /** When the window held all there was, by the monotonic clock. */
  #currentMs = Number.NEGATIVE_INFINITY;
  /** The log is known to have so many messages. */
  #leastEnd = 0;
  #catchingUp: Promise<void> | undefined;

  constructor(options: KeyLogOptions) {
    this.#options = options;
    this.#window = options.rules.createWindow(options.limits.window);
    this.#queue = new GroupQueue<Waiting>({
      choose: (waiting) => chooseShort(waiting, options.limits.group, ({ entry }) => entry),
      serve: (group) => this.#serve(group),
      fail: ({ settle }, error) => settle({ kind: 'indefinite', error: errorOf(error) }),
    });
  }

  get isIdle(): boolean {
    return !this.#queue.busy && this.#catchingUp === undefined;
  }

  /** The offset behind the last message that is known. */
  get end(): number {
    return this.#window.end;
  }

  append(appends: readonly Append[]): Promise<readonly AppendOutcome[]> {
    const waiting: Waiting[] = [];
    const outcomes = appends.map(
      (append) => new Promise<AppendOutcome>((settle) => waiting.push({ ...append, settle })),
    );
    // All at once, so that they are in one group.
    this.#queue.push(...waiting);
    return Promise.all(outcomes);
  }

  /**
   * At most `max` messages from an offset on, without a gap. Throws an RpcError if the store does not answer and is
   * needed.
   */
  async read(offset: number, max: number): Promise<readonly Entry[]> {
    if (offset >= this.end && !this.#isCurrent()) await this.catchUp();
    const found: Entry[] = [];
    while (found.length < max) {
      const next = offset + found.length;
      if (next >= this.#window.end) break;
      if (next >= this.#window.first) {
        found.push(...this.#window.from(next, max - found.length));
        break;
      }
      const { base, entries } = await this.#segmentAt(next);
      found.push(...entries.slice(next - base, next - base + max - found.length));
    }
    return found;
  }

  /** What is kept in memory from an offset on, and only the newest of it: `max` messages at most, and no long ones. */
  recent(offset: number, max: number): { readonly from: number; readonly entries: readonly Entry[] } {
    const least = Math.max(offset, this.#window.first, this.end - max);
    const newest = least >= this.end ? [] : this.#window.from(least, this.end - least).toReversed();
    const { group } = chooseShort(newest, max, (entry) => entry);
    return { from: this.end - group.length, entries: group.toReversed() };
  }

  /**
   * Another node has told what is at the end of the log.
   *
   * @param askedMs when it was asked, by the monotonic clock
   */
  learn(from: number, entries: readonly Entry[], askedMs: number): void {
    this.#window.learn(from, entries);
    this.#currentMs = Math.max(this.#currentMs, askedMs);
  }

  /** A message was acknowledged. A poll that asks from behind what is in memory must find it. */
  noteOffset(offset: number): void {
    this.#leastEnd = Math.max(this.#leastEnd, offset + 1);
  }

  /** Learns where the log ends, unless anything is known of it. Throws an RpcError if the store does not answer. */
  async find(): Promise<void> {
    if (this.#tail === undefined) await this.catchUp();
  }

  /** Reads the store up to the end of the log. Calls at the same time share one. */
  catchUp(): Promise<void> {
    this.#catchingUp ??= this.#catchUp().finally(() => {
      this.#catchingUp = undefined;
    });
    return this.#catchingUp;
  }

  #isCurrent(): boolean {
    const { context, isOwned, rules } = this.#options;
    return rules.isCurrent(context.clock.monotonicMs() - this.#currentMs, isOwned) && this.end >= this.#leastEnd;
  }

  async #catchUp(): Promise<void> {
    const { context } = this.#options;
    const startedMs = context.clock.monotonicMs();
    if (this.#tail === undefined) await this.#findTail();
    else {
      let { index } = this.#tail;
      while ((await this.#readSegment(index))?.closed) index++;
    }
    this.#currentMs = Math.max(this.#currentMs, startedMs);
  }

  /** Finds the last segment in steps that double, and then by halves. */
  async #findTail(): Promise<void> {
    let [closed, step] = [-1, 1];
    let absent = Number.POSITIVE_INFINITY;
    while (absent - closed > 1) {
      const index = absent === Number.POSITIVE_INFINITY ? closed + step : (closed + absent) >> 1;
      const segment = await this.#readSegment(index);
      if (segment === undefined) absent = index;
      else if (segment.closed) closed = index;
      else return;
      step *= 2;
    }
    this.#tail ??= FIRST;
  }

  async #readSegment(index: number): Promise<Segment | undefined> {
    const { key, segments } = this.#options;
    const read = await segments.read(key, index);
    if (read.kind !== 'ok') throw read.error;
    this.#adopt(index, read.stored);
    return read.stored.content;
  }

  #adopt(index: number, stored: Stored<Segment>): void {
    const { content } = stored;
    if (content === undefined) return;
    this.#window.learn(content.base, content.entries);
    const tail = this.#tail ?? FIRST;
    if (index < tail.index || (index === tail.index && stored.ver < tail.stored.ver)) return;
    this.#tail = content.closed
      ? { index: index + 1, base: endOf(content), stored: NOTHING_STORED }
      : { index, base: content.base, stored };
  }

  async #serve(group: readonly Waiting[]): Promise<void> {
    const { context, limits, key, segments, rules } = this.#options;
    const startedMs = context.clock.monotonicMs();
    const waiting = new Map<string, Waiting[]>();
    for (const one of group) waiting.set(one.entry[0], [...(waiting.get(one.entry[0]) ?? []), one]);
    await this.#lookBack(waiting);
    while (waiting.size > 0) {
      const isGuess = this.#tail === undefined;
      const { index, base, stored } = this.#tail ?? FIRST;
      const entries = [...waiting.values()].map(([first]) => (first as Waiting).entry);
      const result = await segments.documents.update(
        segmentKey(key, index),
        (segment) => rules.extend(segment, base, entries, limits.segment),
        stored,
      );
      if (result.kind !== 'ok') return settleAll(waiting, result);
      this.#adopt(index, result.stored);
      this.#settleThose(waiting, result.stored.content.base, result.stored.content.entries);
      if (waiting.size === 0) break;
      // The segment was closed, and holds none of them.
      if (isGuess) await this.catchUp();
      await this.#lookBack(waiting);
    }
    this.#currentMs = Math.max(this.#currentMs, startedMs);
  }

  /** Searches what is known of the log for messages that may be there already. */
  async #lookBack(waiting: Map<string, Waiting[]>): Promise<void> {
    let offset = Math.min(...[...waiting.values()].flat().map(({ since }) => since));
    if (offset < this.#window.first && this.#tail === undefined) await this.catchUp();
    while (offset < this.#window.first) {
      const { base, entries } = await this.#segmentAt(offset);
      this.#settleThose(waiting, base, entries);
      offset = base + entries.length;
    }
    if (offset < this.end) this.#settleThose(waiting, offset, this.#window.from(offset, this.end - offset));
  }

  /** These messages are in the log. */
  #settleThose(waiting: Map<string, Waiting[]>, base: number, entries: readonly Entry[]): void {
    entries.forEach(([id], position) => {
      for (const { settle } of waiting.get(id) ?? []) settle({ kind: 'ok', offset: base + position });
      waiting.delete(id);
    });
  }

  /** The closed segment with an offset that is below the window. */
  async #segmentAt(offset: number): Promise<Segment> {
    const { key, segments, limits } = this.#options;
    // A node that only heard of the end, and did not read it, knows an older last segment.
    if (offset >= (this.#tail?.base ?? 0)) await this.catchUp();
    let [low, high] = [0, this.#tail?.index ?? 0];
    // Most segments are closed when they have just enough messages.
    let index = Math.min(high, Math.floor(offset / limits.segment));
    while (low <= high) {
      const segment = await segments.lookUp(key, index);
      if (segment === undefined || offset < segment.base) high = index - 1;
      else if (offset >= endOf(segment)) low = index + 1;
      else return segment;
      index = (low + high) >> 1;
    }
    throw RpcError.of('crash', `the log of ${key} has no offset ${offset}, though it had`);
  }
}

function settleAll(waiting: ReadonlyMap<string, readonly Waiting[]>, outcome: AppendOutcome): void {
  for (const { settle } of [...waiting.values()].flat()) settle(outcome);
}

/** What a search threw: until it ends nothing is appended, but it may have been before. */
function errorOf(error: unknown): RpcError {
  return error instanceof RpcError ? error : RpcError.of('crash', String(error));
}
