/**
 * Makes the ids of one node: unique for ever, strictly increasing, without waiting.
 *
 * Uniqueness rests on two rules and on no clock: every (timestamp, sequence) is used at most once, and only timestamps
 * that a Reservation has given to this generator are used. The clock only chooses which of them comes next. When the
 * 4096 ids of a millisecond are used up, the next millisecond is borrowed; how far that may lead the clock is bounded,
 * and beyond it a request gets error 11. The techniques are Snowflake's (Twitter, 2010), ranges reserved ahead
 * (Percolator's oracle) and, for speed, the decimal digits of a millisecond kept as text, to which an id only adds its
 * last four digits.
 */

import type { Clock } from '../protocol/clock.ts';
import { RpcError } from '../protocol/errors.ts';
import { AnchoredClock } from './anchored-clock.ts';
import type { Reservation } from './reservation.ts';
import { EPOCH_MS, encodeSnowflake, NODE_MAX, SEQUENCE_MAX, TIMESTAMP_MS_MAX } from './snowflake.ts';

export const LEAD_MS_MAX_DEFAULT = 5_000;
export const WINDOW_MS_DEFAULT = 500;

/** The very first millisecond stays unused, so that every id has more digits than the table of last digits holds. */
const FIRST_TIMESTAMP_MS = EPOCH_MS + 1;
/** Exclusive end of every range. */
const END_MS = TIMESTAMP_MS_MAX + 1;
/** How often one reservation, or one id, tries again after others were faster. */
const ATTEMPTS_MAX = 16;
const RANDOM_BITS = 32;

/** The last four digits are kept as text; twice, because a sequence may carry into the digits before them. */
const LAST_DIGITS_BASE = 10_000;
const TWO_DIGITS = Array.from({ length: 100 }, (_, number) => String(number).padStart(2, '0'));
// Put together from pairs, because every node makes this table while somebody waits for its start.
const FOUR_DIGITS = TWO_DIGITS.flatMap((first) => TWO_DIGITS.map((last) => first + last));
const LAST_DIGITS: readonly string[] = [...FOUR_DIGITS, ...FOUR_DIGITS];

export interface IdGeneratorOptions {
  /** 0 … 1023, and held by nobody else who does not share the reservation. */
  readonly node: number;
  readonly clock: Clock;
  /** A random unsigned 32-bit integer. */
  readonly random: () => number;
  /**
   * Absent: unbounded. Unique only while this is the node number's one generator and the wall clock is not set back
   * around a restart.
   */
  readonly reservation?: Reservation | undefined;
  /** How far timestamps may run ahead of the anchored clock. */
  readonly leadMsMax?: number | undefined;
  /** How far ahead timestamps are reserved. What a crash leaves of it is lost, so keep it well below the lead. */
  readonly windowMs?: number | undefined;
  /** How far off the wall clock, or the stored bound, may be and still be believed. */
  readonly maxSkewMs?: number | undefined;
  readonly warn?: ((text: string) => void) | undefined;
}

export class IdGenerator {
  readonly #node: number;
  readonly #clock: Clock;
  readonly #anchored: AnchoredClock;
  readonly #random: () => number;
  readonly #reservation: Reservation | undefined;
  readonly #leadMsMax: number;
  readonly #windowMs: number;
  readonly #warn: (text: string) => void;

  /** Invariant: never goes back; with `#sequence` it names the next id, which was never handed out. */
  #timestampMs = FIRST_TIMESTAMP_MS;
  /** One above the last sequence once the millisecond is used up. */
  #sequence = 0;
  /** The monotonic reading until which ids may be taken without a look at the clocks. */
  #stepAtMonotonicMs = Number.NEGATIVE_INFINITY;
  #entropyWord = 0;
  #entropyBitsLeft = 0;

  // What the ids of `#timestampMs` have in common, see `#moveTo`.
  #firstId = 0n;
  #firstLastDigits = 0;
  #prefix = '';
  #prefixAfterCarry = '';

  /** Invariant: every timestamp from `#timestampMs` up to here, exclusive, is this generator's alone. */
  #reservedUntilMs = Number.NEGATIVE_INFINITY;
  /** The stored bound as last seen: where the next raise starts. Above `#reservedUntilMs` if somebody else moved it. */
  #boundMs: number | undefined;
  #raising: Promise<void> | undefined;
  /**
   * How long the last raise took: storage slower than the window is asked for more at a time, or it would never catch
   * up.
   */
  #raiseTookMs = 0;
  /** After a failed raise ahead the next one waits until then, rather than hit broken storage every millisecond. */
  #raiseAheadFromMs = Number.NEGATIVE_INFINITY;

  /**
   * Reads the bound of earlier lives, sets the clock by it and reserves the first range. Rejects with a RangeError for
   * a bad option, a ClockError, or the storage's own error.
   */
  static async start(options: IdGeneratorOptions): Promise<IdGenerator> {
    requireOptions(options);
    const storedBoundMs = await options.reservation?.read();
    const generator = new IdGenerator(options, storedBoundMs);
    await generator.#raise();
    return generator;
  }

  private constructor(options: IdGeneratorOptions, storedBoundMs: number | undefined) {
    const { clock, maxSkewMs, warn = () => {} } = options;
    this.#node = options.node;
    this.#clock = clock;
    this.#anchored = new AnchoredClock({ clock, storedBoundMs, maxSkewMs, warn });
    this.#random = options.random;
    this.#reservation = options.reservation;
    this.#leadMsMax = options.leadMsMax ?? LEAD_MS_MAX_DEFAULT;
    this.#windowMs = options.windowMs ?? WINDOW_MS_DEFAULT;
    this.#warn = warn;
    this.#boundMs = storedBoundMs;
    if (this.#reservation === undefined) this.#reservedUntilMs = END_MS;
    this.#moveTo(Math.max(this.#now(), FIRST_TIMESTAMP_MS));
  }

  /**
   * The next id as text. Undefined: a reservation must land first, see `reserve`. Throws error 11 beyond the lead, with
   * the time to wait, and error 14 when the timestamps are used up; neither loses an id.
   */
  next(): string | undefined {
    const offset = this.#take();
    if (offset < 0) return undefined;
    const lastDigits = this.#firstLastDigits + offset;
    const prefix = lastDigits < LAST_DIGITS_BASE ? this.#prefix : this.#prefixAfterCarry;
    return prefix + LAST_DIGITS[lastDigits];
  }

  /** As `next`, the id as a number. */
  nextBigint(): bigint | undefined {
    const offset = this.#take();
    return offset < 0 ? undefined : this.#firstId + BigInt(offset);
  }

  /** The next id, after a reservation if one must land first. */
  async nextReserved(): Promise<string> {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const id = this.next();
      if (id !== undefined) return id;
      await this.reserve();
    }
    throw cannotReserve('others used up every range at once');
  }

  /**
   * Waits until there is a reserved timestamp to use. Rejects with error 11 if the storage fails; a later call tries
   * again.
   */
  async reserve(): Promise<void> {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      if (this.#hasRoom()) return;
      try {
        await this.#raise();
      } catch (error) {
        if (error instanceof RpcError) throw error;
        throw cannotReserve(describe(error));
      }
    }
    if (!this.#hasRoom()) throw cannotReserve('the storage is so slow that every range was over when it came');
  }

  /** Uses up one sequence number: the distance of its id from `#firstId`, or -1 if a reservation must land first. */
  #take(): number {
    const monotonicMs = this.#clock.monotonicMs();
    // Negated, so that a clock that reads NaN takes the careful path.
    if (!(monotonicMs < this.#stepAtMonotonicMs) || this.#sequence > SEQUENCE_MAX) {
      if (!this.#step(monotonicMs)) return -1;
    }
    if (this.#entropyBitsLeft === 0) {
      this.#entropyWord = this.#random() | 0;
      this.#entropyBitsLeft = RANDOM_BITS;
    }
    const offset = (this.#sequence << 1) | (this.#entropyWord & 1);
    this.#entropyWord >>>= 1;
    this.#entropyBitsLeft--;
    this.#sequence++;
    return offset;
  }

  /**
   * Sees to it that (`#timestampMs`, `#sequence`) may be used now. False, or a throw, changes nothing but the clock.
   */
  #step(monotonicMs: number): boolean {
    const nowMs = this.#anchored.advance(monotonicMs);
    const timestampMs = this.#timestampAt(nowMs);
    if (timestampMs >= END_MS) throw usedUp();
    if (timestampMs - nowMs > this.#leadMsMax) throw tooFarAhead(timestampMs - nowMs - this.#leadMsMax);
    if (timestampMs >= this.#reservedUntilMs) return false;
    if (timestampMs > this.#timestampMs) this.#moveTo(timestampMs);
    this.#stepAtMonotonicMs = this.#anchored.stepAtMonotonicMs;
    if (this.#reservedUntilMs - timestampMs < this.#aheadMs / 2) this.#raiseAhead(nowMs);
    return true;
  }

  /** The timestamp of the next id: the clock's, or the last one while it has sequence numbers left, or one borrowed. */
  #timestampAt(nowMs: number): number {
    if (nowMs > this.#timestampMs) return nowMs;
    return this.#sequence > SEQUENCE_MAX ? this.#timestampMs + 1 : this.#timestampMs;
  }

  /**
   * Begins a millisecond. Its ids are 8192 numbers in a row, so but for the last four digits there are only two texts
   * to know.
   */
  #moveTo(timestampMs: number): void {
    const firstId = encodeSnowflake({ timestampMs, node: this.#node, sequence: 0, entropy: 0 });
    const prefix = firstId / BigInt(LAST_DIGITS_BASE);
    this.#timestampMs = timestampMs;
    this.#sequence = 0;
    this.#firstId = firstId;
    this.#firstLastDigits = Number(firstId % BigInt(LAST_DIGITS_BASE));
    this.#prefix = prefix.toString();
    this.#prefixAfterCarry = (prefix + 1n).toString();
  }

  #hasRoom(): boolean {
    const timestampMs = this.#timestampAt(this.#now());
    // Beyond the end there is nothing to wait for: `next` says so.
    return timestampMs < this.#reservedUntilMs || timestampMs >= END_MS;
  }

  #now(): number {
    return this.#anchored.advance(this.#clock.monotonicMs());
  }

  /**
   * How far ahead to reserve. A raise starts when half of it is left, which must last for as long as the raise takes.
   */
  get #aheadMs(): number {
    const sufficientMs = this.#windowMs + 2 * this.#raiseTookMs;
    return Math.max(this.#windowMs, Math.min(sufficientMs, this.#leadMsMax));
  }

  /**
   * Reserves before it is needed. A failure is no failure yet: `reserve` meets it again if it lasts until the range is
   * used up.
   */
  #raiseAhead(nowMs: number): void {
    if (this.#raising !== undefined || nowMs < this.#raiseAheadFromMs || this.#reservedUntilMs === END_MS) return;
    this.#raise().catch((error) => {
      this.#raiseAheadFromMs = nowMs + this.#windowMs / 10;
      this.#warn(`cannot reserve ahead: ${describe(error)}`);
    });
  }

  /** Raises the bound, one raise at a time: who asks during one waits for that one. */
  #raise(): Promise<void> {
    this.#raising ??= this.#raiseAlone().finally(() => {
      this.#raising = undefined;
    });
    return this.#raising;
  }

  async #raiseAlone(): Promise<void> {
    if (this.#reservation === undefined) return;
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const nowMs = this.#now();
      const fromMs = this.#boundMs;
      const firstMs = this.#firstTimestampAfter(fromMs);
      if (firstMs >= END_MS) throw usedUp();
      if (firstMs - nowMs > this.#leadMsMax) throw tooFarAhead(firstMs - nowMs - this.#leadMsMax);
      const wantedMs = Math.max(nowMs, firstMs) + this.#aheadMs;
      const toMs = Math.min(Math.max(wantedMs, (fromMs ?? 0) + 1), END_MS);
      const startedAtMonotonicMs = this.#anchored.monotonicMs;
      const { won, bound } = await this.#reservation.raise(fromMs, toMs);
      this.#now();
      this.#raiseTookMs = Math.ceil(this.#anchored.monotonicMs - startedAtMonotonicMs);
      if (won) {
        this.#own(fromMs, toMs);
        return;
      }
      if (fromMs !== undefined && bound < fromMs)
        throw new Error(`the stored bound went back from ${fromMs} to ${bound}`);
      this.#boundMs = bound;
    }
    throw cannotReserve(`other holders of node number ${this.#node} were faster ${ATTEMPTS_MAX} times`);
  }

  /** Takes over the range from `fromMs` to `toMs`, which nobody else has. */
  #own(fromMs: number | undefined, toMs: number): void {
    const firstMs = this.#firstTimestampAfter(fromMs);
    if (firstMs > this.#timestampMs) this.#moveTo(firstMs);
    this.#boundMs = toMs;
    this.#reservedUntilMs = toMs;
  }

  /**
   * Where this generator stands once it owns the range from `fromMs` on: behind what somebody else reserved in between,
   * if anybody did.
   */
  #firstTimestampAfter(fromMs: number | undefined): number {
    const foreign = fromMs !== undefined && fromMs > this.#reservedUntilMs;
    return foreign ? Math.max(this.#timestampMs, fromMs) : this.#timestampMs;
  }
}

function requireOptions({ node, leadMsMax, windowMs }: IdGeneratorOptions): void {
  if (!(Number.isInteger(node) && node >= 0 && node <= NODE_MAX)) {
    throw new RangeError(`a node number is an integer from 0 to ${NODE_MAX}, not ${describeValue(node)}`);
  }
  if (leadMsMax !== undefined && !(Number.isSafeInteger(leadMsMax) && leadMsMax >= 0)) {
    throw new RangeError(`leadMsMax must be an integer from 0 on, not ${leadMsMax}`);
  }
  if (windowMs !== undefined && !(Number.isSafeInteger(windowMs) && windowMs >= 1)) {
    throw new RangeError(`windowMs must be an integer from 1 on, not ${windowMs}`);
  }
}

function tooFarAhead(waitMs: number): RpcError {
  return RpcError.of(
    'temporarily-unavailable',
    `ids are as far ahead of the clock as allowed; try again in ${waitMs} ms`,
  );
}

function cannotReserve(reason: string): RpcError {
  return RpcError.of('temporarily-unavailable', `cannot reserve: ${reason}`);
}

/** Not error 11, which would promise that trying again helps. */
function usedUp(): RpcError {
  return RpcError.of('abort', 'the timestamps of this id layout are used up: its 41 bits ended in 2094');
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function describeValue(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}
