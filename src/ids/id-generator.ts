/**
 * Makes the ids of one node: unique for ever, strictly increasing, without waiting.
 *
 * Uniqueness rests on two rules and on no clock. Every (timestamp, sequence) is used at most once. Only timestamps that
 * a Reservation has given to this generator are used. The clock only chooses which of them comes next. When the 4096
 * ids of a millisecond are used up, the next millisecond is borrowed. The lead over the clock is bounded; beyond it a
 * request gets error 11. Snowflakes and UUIDs share one sequence of (timestamp, sequence). The techniques are
 * Snowflake's (Twitter, 2010) and ranges reserved ahead (Percolator's oracle). `id-texts.ts` writes the ids.
 */

import type { Clock } from '../protocol/clock.ts';
import { RpcError } from '../protocol/errors.ts';
import { TextList } from '../protocol/text-list.ts';
import { AnchoredClock } from './anchored-clock.ts';
import type { IdKind, IdSource } from './id-source.ts';
import { IdTexts } from './id-texts.ts';
import type { Reservation } from './reservation.ts';
import { EPOCH_MS, NODE_MAX, SEQUENCE_MAX, TIMESTAMP_MS_MAX } from './snowflake.ts';

export const LEAD_MS_MAX_DEFAULT = 5_000;
export const WINDOW_MS_DEFAULT = 500;

/** The very first millisecond stays unused, so that every id has more digits than the table of last digits. */
const FIRST_TIMESTAMP_MS = EPOCH_MS + 1;
/** Exclusive end of every range. */
const END_MS = TIMESTAMP_MS_MAX + 1;
/** How often one reservation, or one id, is retried after others were faster. */
const ATTEMPTS_MAX = 16;
const IDS_PER_MS = SEQUENCE_MAX + 1;

const TEMPORARILY_UNAVAILABLE = RpcError.of('temporarily-unavailable').code;
const ABORT = RpcError.of('abort').code;

export interface IdGeneratorOptions {
  /** 0 … 1023. No other holder has it, except those that share the reservation. */
  readonly node: number;
  readonly clock: Clock;
  /** A random unsigned 32-bit integer. */
  readonly random: () => number;
  /**
   * Absent: unbounded. Then ids are unique only while this is the node number's one generator and the wall clock is not
   * set back around a restart.
   */
  readonly reservation?: Reservation | undefined;
  /** How far timestamps may run ahead of the anchored clock. */
  readonly leadMsMax?: number | undefined;
  /** How far ahead timestamps are reserved. A crash loses the rest of it, so keep it well below the lead. */
  readonly windowMs?: number | undefined;
  /** How far off the wall clock or the stored bound may be and still be believed. */
  readonly maxSkewMs?: number | undefined;
  /**
   * The lowest timestamp of the ids. The clock is anchored there as at a stored bound. For a node that changes its
   * number and wants its ids to keep ascending.
   */
  readonly floorMs?: number | undefined;
  readonly warn?: ((text: string) => void) | undefined;
}

/** The figures that a generator reports. */
export type IdFigures = Readonly<
  Record<
    /** Ids of either kind. */
    | 'issued'
    /** Milliseconds begun before the clock reached them. */
    | 'borrowed_ms'
    /** How far the newest id is ahead of the clock, now. */
    | 'lead_ms'
    /** Raises of the bound that succeeded, and those that lost to another holder. */
    | 'reservations'
    | 'reservations_lost',
    number
  >
>;

export class IdGenerator implements IdSource {
  readonly #node: number;
  readonly #clock: Clock;
  readonly #anchored: AnchoredClock;
  readonly #texts: IdTexts;
  readonly #reservation: Reservation | undefined;
  readonly #leadMsMax: number;
  readonly #windowMs: number;
  readonly #warn: ((text: string) => void) | undefined;

  /** Invariant: never goes back. With `#sequence` it names the next id, which was never handed out. */
  #timestampMs = FIRST_TIMESTAMP_MS;
  /** One above the last sequence once the millisecond is used up. */
  #sequence = 0;
  /** The monotonic reading until which ids need no look at the clocks. */
  #stepAtMonotonicMs = Number.NEGATIVE_INFINITY;
  /** The anchored clock as last read. */
  #nowMs = Number.NEGATIVE_INFINITY;

  // Counted by the millisecond, so that an id costs nothing. The total is this plus `#sequence`.
  #issuedBefore = 0;
  #lastTimestampMsBefore: number;
  #borrowedMs = 0;
  #reservations = 0;
  #reservationsLost = 0;

  /** Invariant: every timestamp from `#timestampMs` up to here, exclusive, belongs to this generator alone. */
  #reservedUntilMs = Number.NEGATIVE_INFINITY;
  /**
   * The stored bound as last seen: the next raise starts there. Above `#reservedUntilMs` if another holder moved it.
   */
  #boundMs: number | undefined;
  #raising: Promise<void> | undefined;
  /**
   * How long the last raise took. Storage slower than the window is asked for more at a time. Otherwise it would never
   * catch up.
   */
  #raiseTookMs = 0;
  /** After a failed raise ahead, the next one waits until then. Broken storage must not be hit every millisecond. */
  #raiseAheadFromMs = Number.NEGATIVE_INFINITY;

  /**
   * Reads the bound of earlier lives, sets the clock by it and reserves the first range. Rejects with a RangeError for
   * a bad option, a ClockError, or the storage's own error.
   */
  static async start(options: IdGeneratorOptions): Promise<IdGenerator> {
    requireOptions(options);
    const storedBoundMs = await options.reservation?.read();
    const generator = new IdGenerator(options, storedBoundMs);
    await generator.#raise(1);
    return generator;
  }

  private constructor(options: IdGeneratorOptions, storedBoundMs: number | undefined) {
    const { clock, maxSkewMs, floorMs, warn } = options;
    this.#node = options.node;
    this.#clock = clock;
    this.#anchored = new AnchoredClock({ clock, storedBoundMs: laterOf(storedBoundMs, floorMs), maxSkewMs, warn });
    this.#texts = new IdTexts(options.node, options.random);
    this.#reservation = options.reservation;
    this.#leadMsMax = options.leadMsMax ?? LEAD_MS_MAX_DEFAULT;
    this.#windowMs = options.windowMs ?? WINDOW_MS_DEFAULT;
    this.#warn = warn;
    this.#boundMs = storedBoundMs;
    if (this.#reservation === undefined) this.#reservedUntilMs = END_MS;
    this.#moveTo(Math.max(this.#now(), FIRST_TIMESTAMP_MS));
    this.#lastTimestampMsBefore = this.#timestampMs - 1;
  }

  /**
   * The next id as text. Undefined: it needs a reservation first, see `reserve`. Throws error 11 with the time to wait
   * beyond the lead, and error 14 when the timestamps are used up. Neither loses an id.
   */
  next(): string | undefined {
    const sequence = this.#take();
    return sequence < 0 ? undefined : this.#texts.snowflake(sequence);
  }

  /** As `next`, as a number. */
  nextBigint(): bigint | undefined {
    const sequence = this.#take();
    return sequence < 0 ? undefined : this.#texts.snowflakeBigint(sequence);
  }

  /** As `next`, as a UUID. */
  nextUuid(): string | undefined {
    const sequence = this.#take();
    return sequence < 0 ? undefined : this.#texts.uuid(sequence);
  }

  /** `count` ids at once, ascending, under the same conditions as one. If not all can be had, none is used up. */
  nextBatch(count: number, kind: IdKind): TextList | undefined {
    this.#requireCount(count);
    const monotonicMs = this.#clock.monotonicMs();
    if (!(monotonicMs < this.#stepAtMonotonicMs) || this.#sequence + count > IDS_PER_MS) {
      if (!this.#step(monotonicMs, count)) return undefined;
    }
    const parts: string[] = [];
    for (let done = 0; ; this.#moveTo(this.#timestampMs + 1)) {
      const sequence = this.#sequence;
      this.#sequence = Math.min(sequence + count - done, IDS_PER_MS);
      this.#texts.list(parts, sequence, this.#sequence, kind);
      done += this.#sequence - sequence;
      if (done === count) return new TextList(`["${parts.join('","')}"]`, count);
    }
  }

  /** The next id, after a reservation if it needs one. */
  nextReserved(): Promise<string> {
    return this.#reserved(1, () => this.next());
  }

  nextUuidReserved(): Promise<string> {
    return this.#reserved(1, () => this.nextUuid());
  }

  nextBatchReserved(count: number, kind: IdKind): Promise<TextList> {
    return this.#reserved(count, () => this.nextBatch(count, kind));
  }

  async #reserved<Ids>(count: number, take: () => Ids | undefined): Promise<Ids> {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const ids = take();
      if (ids !== undefined) return ids;
      await this.reserve(count);
    }
    throw cannotReserve('others used up every range at once');
  }

  /**
   * Waits until timestamps for `count` ids are reserved. Rejects with error 11 if the storage fails, or if the ids
   * would exceed the lead. A later call tries again.
   */
  async reserve(count = 1): Promise<void> {
    this.#requireCount(count);
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      if (this.#hasRoom(count)) return;
      // Others may wait for the same raise. They must not fail because of this request.
      this.#requireLead(count);
      await this.#raise(count).catch((error: unknown) => {
        throw asRefusal(error);
      });
    }
    if (!this.#hasRoom(count))
      throw cannotReserve('the storage is too slow: every range had expired when it was reserved');
  }

  /**
   * Raises the bound to a window from now, even if there is room; this renews a lease. Rejects with the storage's own
   * error. A raise under way counts.
   */
  async extend(): Promise<void> {
    if (this.#boundMs === END_MS) throw usedUp();
    await this.#raise(1);
  }

  /** Skips all timestamps up to `timestampMs`, inclusive: the next id is above it. Skipped timestamps are used up. */
  passOver(timestampMs: number): void {
    if (timestampMs < this.#timestampMs || timestampMs + 1 >= END_MS) return;
    this.#moveTo(timestampMs + 1);
    // The next call checks whether that timestamp may be used.
    this.#stepAtMonotonicMs = Number.NEGATIVE_INFINITY;
  }

  /** The highest timestamp in use. Before the first id, the one below where ids will begin. */
  get lastTimestampMs(): number {
    return this.#sequence > 0 ? this.#timestampMs : this.#lastTimestampMsBefore;
  }

  figures(): IdFigures {
    return {
      issued: this.#issuedBefore + this.#sequence,
      borrowed_ms: this.#borrowedMs,
      lead_ms: Math.max(0, this.lastTimestampMs - this.#now()),
      reservations: this.#reservations,
      reservations_lost: this.#reservationsLost,
    };
  }

  /** Uses up one sequence number and returns it; -1 if it needs a reservation first. */
  #take(): number {
    const monotonicMs = this.#clock.monotonicMs();
    // Negated, so that a clock that reads NaN takes the careful path.
    if (!(monotonicMs < this.#stepAtMonotonicMs) || this.#sequence > SEQUENCE_MAX) {
      if (!this.#step(monotonicMs, 1)) return -1;
    }
    return this.#sequence++;
  }

  /**
   * Makes `count` ids usable now, from (`#timestampMs`, `#sequence`) on. If it returns false or throws, only the clock
   * has changed.
   */
  #step(monotonicMs: number, count: number): boolean {
    const nowMs = this.#advance(monotonicMs);
    const timestampMs = this.#timestampAt(nowMs);
    const lastMs = this.#lastOf(timestampMs, count);
    if (lastMs >= END_MS) throw usedUp();
    if (lastMs - nowMs > this.#leadMsMax) throw tooFarAhead(lastMs - nowMs - this.#leadMsMax);
    if (lastMs >= this.#reservedUntilMs) return false;
    if (timestampMs > this.#timestampMs) this.#moveTo(timestampMs);
    this.#stepAtMonotonicMs = this.#anchored.stepAtMonotonicMs;
    if (this.#reservedUntilMs - lastMs < this.#aheadMs / 2) this.#raiseAhead(nowMs);
    return true;
  }

  /** The timestamp of the next id: the clock's, or the last one while sequence numbers are left, or a borrowed one. */
  #timestampAt(nowMs: number): number {
    if (nowMs > this.#timestampMs) return nowMs;
    return this.#sequence > SEQUENCE_MAX ? this.#timestampMs + 1 : this.#timestampMs;
  }

  /** The timestamp of the last of `count` ids that begin at `timestampMs`. */
  #lastOf(timestampMs: number, count: number): number {
    const sequence = timestampMs === this.#timestampMs ? this.#sequence : 0;
    return timestampMs + Math.floor((sequence + count - 1) / IDS_PER_MS);
  }

  #moveTo(timestampMs: number): void {
    if (this.#sequence > 0) {
      this.#issuedBefore += this.#sequence;
      this.#lastTimestampMsBefore = this.#timestampMs;
    }
    if (timestampMs > this.#nowMs) this.#borrowedMs++;
    this.#timestampMs = timestampMs;
    this.#sequence = 0;
    this.#texts.begin(timestampMs);
  }

  #hasRoom(count: number): boolean {
    const lastMs = this.#lastOf(this.#timestampAt(this.#now()), count);
    // Beyond the end there is nothing to wait for: `next` reports it.
    return lastMs < this.#reservedUntilMs || lastMs >= END_MS;
  }

  #requireLead(count: number): void {
    const leadMs = this.#lastOf(this.#timestampAt(this.#nowMs), count) - this.#nowMs;
    if (leadMs > this.#leadMsMax) throw tooFarAhead(leadMs - this.#leadMsMax);
  }

  #now(): number {
    return this.#advance(this.#clock.monotonicMs());
  }

  #advance(monotonicMs: number): number {
    this.#nowMs = this.#anchored.advance(monotonicMs);
    return this.#nowMs;
  }

  /** More ids than the lead holds can never be had together. */
  #requireCount(count: number): void {
    if (!(Number.isSafeInteger(count) && count >= 1)) {
      throw new RangeError(`a count of ids is an integer from 1 on, not ${count}`);
    }
    const countMax = (this.#leadMsMax + 1) * IDS_PER_MS;
    if (count > countMax) throw tooMany(count, countMax);
  }

  /**
   * How far ahead to reserve. A raise starts when half of it is left; that half must last as long as the raise takes.
   */
  get #aheadMs(): number {
    const sufficientMs = this.#windowMs + 2 * this.#raiseTookMs;
    return Math.max(this.#windowMs, Math.min(sufficientMs, this.#leadMsMax));
  }

  /**
   * Reserves before it is needed. A failure does no harm yet. If it lasts until the range is used up, `reserve` meets
   * it again.
   */
  #raiseAhead(nowMs: number): void {
    if (this.#raising !== undefined || nowMs < this.#raiseAheadFromMs || this.#reservedUntilMs === END_MS) return;
    this.#raise(1).catch((error) => {
      this.#raiseAheadFromMs = nowMs + this.#windowMs / 10;
      this.#warn?.(`cannot reserve ahead: ${describe(error)}`);
    });
  }

  /**
   * Raises the bound far enough for `count` ids and a window. One raise at a time: a caller during a raise waits for
   * that one.
   */
  #raise(count: number): Promise<void> {
    this.#raising ??= this.#raiseAlone(count).finally(() => {
      this.#raising = undefined;
    });
    return this.#raising;
  }

  async #raiseAlone(count: number): Promise<void> {
    if (this.#reservation === undefined) return;
    // Wherever in its millisecond the first id is.
    const furtherMs = Math.ceil((count - 1) / IDS_PER_MS);
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const nowMs = this.#now();
      const fromMs = this.#boundMs;
      const firstMs = this.#firstTimestampAfter(fromMs);
      if (firstMs >= END_MS) throw usedUp();
      if (firstMs - nowMs > this.#leadMsMax) throw tooFarAhead(firstMs - nowMs - this.#leadMsMax);
      const wantedMs = Math.max(nowMs, firstMs) + furtherMs + this.#aheadMs;
      const toMs = Math.min(Math.max(wantedMs, (fromMs ?? 0) + 1), END_MS);
      const startedAtMonotonicMs = this.#anchored.monotonicMs;
      const { won, bound } = await this.#reservation.raise(fromMs, toMs);
      this.#now();
      this.#raiseTookMs = Math.ceil(this.#anchored.monotonicMs - startedAtMonotonicMs);
      if (won) {
        this.#reservations++;
        this.#own(fromMs, bound);
        return;
      }
      this.#reservationsLost++;
      if (fromMs !== undefined && bound < fromMs)
        throw new Error(`the stored bound went back from ${fromMs} to ${bound}`);
      this.#boundMs = bound;
    }
    throw cannotReserve(`other holders of node number ${this.#node} were faster ${ATTEMPTS_MAX} times`);
  }

  /** Takes over the range from `fromMs` to `toMs`, which has no other owner. */
  #own(fromMs: number | undefined, toMs: number): void {
    const firstMs = this.#firstTimestampAfter(fromMs);
    if (firstMs > this.#timestampMs) this.#moveTo(firstMs);
    this.#boundMs = toMs;
    this.#reservedUntilMs = toMs;
  }

  /**
   * Where this generator continues once it owns the range from `fromMs` on: after ranges that others reserved in
   * between.
   */
  #firstTimestampAfter(fromMs: number | undefined): number {
    const foreign = fromMs !== undefined && fromMs > this.#reservedUntilMs;
    return foreign ? Math.max(this.#timestampMs, fromMs) : this.#timestampMs;
  }
}

/** The later of two times, each of which may be missing. */
function laterOf(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? (one ?? other) : Math.max(one, other);
}

function requireOptions({ node, leadMsMax, windowMs, floorMs }: IdGeneratorOptions): void {
  if (!(Number.isInteger(node) && node >= 0 && node <= NODE_MAX)) {
    throw new RangeError(`a node number is an integer from 0 to ${NODE_MAX}, not ${describeValue(node)}`);
  }
  if (leadMsMax !== undefined && !(Number.isSafeInteger(leadMsMax) && leadMsMax >= 0)) {
    throw new RangeError(`leadMsMax must be an integer from 0 on, not ${leadMsMax}`);
  }
  if (windowMs !== undefined && !(Number.isSafeInteger(windowMs) && windowMs >= 1)) {
    throw new RangeError(`windowMs must be an integer from 1 on, not ${windowMs}`);
  }
  if (floorMs !== undefined && !(Number.isSafeInteger(floorMs) && floorMs >= EPOCH_MS)) {
    throw new RangeError(`floorMs must be an integer from ${EPOCH_MS} on, not ${floorMs}`);
  }
}

function tooFarAhead(waitMs: number): RpcError {
  return RpcError.of(
    'temporarily-unavailable',
    `ids are as far ahead of the clock as allowed; try again in ${waitMs} ms`,
  );
}

/** Not error 11, which would promise that a retry helps. */
function tooMany(count: number, countMax: number): RpcError {
  return RpcError.of('abort', `${count} ids at once are more than the ${countMax} that may lead the clock`);
}

function cannotReserve(reason: string): RpcError {
  return RpcError.of('temporarily-unavailable', `cannot reserve: ${reason}`);
}

/**
 * The error for callers that asked for ids when a raise failed. None was handed out, and later there may be some. That
 * holds for an unknown bound (a timeout of the store) and for a lost number. Error 14 stays: a retry does not help.
 */
function asRefusal(error: unknown): RpcError {
  const isRefusal = error instanceof RpcError && (error.code === TEMPORARILY_UNAVAILABLE || error.code === ABORT);
  return isRefusal ? error : cannotReserve(describe(error));
}

/** Not error 11, which would promise that a retry helps. */
function usedUp(): RpcError {
  return RpcError.of('abort', 'the timestamps of this id layout are used up: its 41 bits ended in 2094');
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function describeValue(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}
