/**
 * A clock that only moves forward, for the timestamps of ids.
 *
 * It starts at the wall clock or at the stored bound, whichever is later, and goes on by the monotonic clock. A wall
 * clock that steps back changes nothing. One that is ahead pulls it forward. A wall clock that is further off than
 * `maxSkewMs` is not believed: one visit to the year 2090 would burn the timestamps of a lifetime. At start that is an
 * error, later a warning. The rule "ahead pulls, behind is ignored" is that of hybrid logical clocks (Kulkarni et al.
 * 2014), with their bound on the drift.
 *
 * At start the wall clock of every node that was away for a while is ahead of the stored bound. So a year is believed
 * there. A node that was off over a weekend must come back by itself, and a wrong year costs only one of 69.
 */

import type { Clock } from '../protocol/clock.ts';
import { EPOCH_MS, TIMESTAMP_MS_MAX } from './snowflake.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

export const MAX_SKEW_MS_DEFAULT = 24 * HOUR_MS;

/** How long a node may have been away, by the wall clock, when it starts again. */
const AWAY_MS_MAX = 366 * 24 * 3_600_000;

/** Between two warnings about the wall clock, however often it jumps. */
const WARNING_INTERVAL_MS = 60_000;

/** The clocks cannot give timestamps. The text says why and what to do. */
export class ClockError extends Error {
  override readonly name = 'ClockError';
}

export interface AnchoredClockOptions {
  readonly clock: Clock;
  /** Where an earlier life stopped: unix ms, exclusive. Undefined: there was none, or it is unknown. */
  readonly storedBoundMs?: number | undefined;
  readonly maxSkewMs?: number | undefined;
  /** Called once when the wall clock becomes unbelievable. Called again only if it was believed in between. */
  readonly warn?: ((text: string) => void) | undefined;
}

export class AnchoredClock {
  readonly #clock: Clock;
  readonly #maxSkewMs: number;
  readonly #warn: ((text: string) => void) | undefined;
  #anchorMs: number;
  #anchorMonotonicMs: number;
  /** Invariant: never goes back, even if the monotonic clock does. */
  #monotonicMs: number;
  /** Invariant: never goes back. The anchor only moves forward, and the time passed since then only grows. */
  #nowMs: number;
  #disbelieving = false;
  #quietUntilMonotonicMs = Number.NEGATIVE_INFINITY;

  /** Reads both clocks. Throws a ClockError if they give no believable time. */
  constructor({ clock, storedBoundMs, maxSkewMs = MAX_SKEW_MS_DEFAULT, warn }: AnchoredClockOptions) {
    if (!(maxSkewMs >= 0)) throw new RangeError(`maxSkewMs must be a number from 0 on, not ${maxSkewMs}`);
    const wallMs = Math.floor(clock.wallMs());
    const monotonicMs = clock.monotonicMs();
    requireTimestamp(wallMs, 'the wall clock reads');
    if (!Number.isFinite(monotonicMs)) throw new ClockError(`the monotonic clock reads ${monotonicMs}`);
    if (storedBoundMs !== undefined) {
      requireTimestamp(storedBoundMs, 'the stored bound is');
      requireBelievable(wallMs - storedBoundMs, maxSkewMs);
    }
    this.#clock = clock;
    this.#maxSkewMs = maxSkewMs;
    this.#warn = warn;
    this.#anchorMs = Math.max(wallMs, storedBoundMs ?? wallMs);
    this.#anchorMonotonicMs = monotonicMs;
    this.#monotonicMs = monotonicMs;
    this.#nowMs = this.#anchorMs;
  }

  /** The monotonic clock as of the last `advance`; never goes back. */
  get monotonicMs(): number {
    return this.#monotonicMs;
  }

  /**
   * The monotonic reading at which the time next moves on. Until then `advance` can only find a wall clock that is
   * ahead.
   */
  get stepAtMonotonicMs(): number {
    return this.#anchorMonotonicMs + (this.#nowMs + 1 - this.#anchorMs);
  }

  /**
   * The time now, in whole unix ms, for a reading of the monotonic clock. It also reads the wall clock. So call it when
   * a millisecond is over, not for every id.
   */
  advance(monotonicMs: number): number {
    if (monotonicMs > this.#monotonicMs && Number.isFinite(monotonicMs)) this.#monotonicMs = monotonicMs;
    const passedMs = this.#monotonicMs - this.#anchorMonotonicMs;
    this.#nowMs = Math.floor(this.#anchorMs + passedMs);
    this.#heedWallClock(Math.floor(this.#clock.wallMs()));
    return this.#nowMs;
  }

  #heedWallClock(wallMs: number): void {
    const aheadMs = wallMs - this.#nowMs;
    if (!(Math.abs(aheadMs) <= this.#maxSkewMs && wallMs <= TIMESTAMP_MS_MAX)) {
      this.#disbelieve(aheadMs);
      return;
    }
    this.#disbelieving = false;
    if (aheadMs > 0) {
      this.#anchorMs = wallMs;
      this.#anchorMonotonicMs = this.#monotonicMs;
      this.#nowMs = wallMs;
    }
  }

  #disbelieve(aheadMs: number): void {
    if (this.#disbelieving || this.#monotonicMs < this.#quietUntilMonotonicMs) return;
    this.#disbelieving = true;
    this.#quietUntilMonotonicMs = this.#monotonicMs + WARNING_INTERVAL_MS;
    this.#warn?.(
      `the wall clock is ${describeGap(aheadMs)} the clock of the ids, more than the ` +
        `${describeLimit(this.#maxSkewMs)} that are believed; ids go on without it`,
    );
  }
}

/** Whether ids can go on from a stored bound at this wall-clock time: whether an AnchoredClock would accept it. */
export function canGoOnFrom(storedBoundMs: number, wallMs: number, maxSkewMs = MAX_SKEW_MS_DEFAULT): boolean {
  const isTimestamp = storedBoundMs >= EPOCH_MS && storedBoundMs <= TIMESTAMP_MS_MAX;
  return isTimestamp && isBelievable(Math.floor(wallMs) - storedBoundMs, maxSkewMs);
}

function requireTimestamp(timeMs: number, what: string): void {
  if (!Number.isInteger(timeMs)) throw new ClockError(`${what} ${timeMs}, which is not a time`);
  if (timeMs < EPOCH_MS)
    throw new ClockError(`${what} ${timeMs}, before 2025 (${EPOCH_MS}), where timestamps of ids begin`);
  if (timeMs > TIMESTAMP_MS_MAX) {
    throw new ClockError(`${what} ${timeMs}, after 2094 (${TIMESTAMP_MS_MAX}), where timestamps of ids are used up`);
  }
}

/** How far the wall clock may be off the stored bound of a node that starts. */
function believedMs(aheadMs: number, maxSkewMs: number): number {
  return aheadMs > 0 ? Math.max(maxSkewMs, AWAY_MS_MAX) : maxSkewMs;
}

function isBelievable(aheadMs: number, maxSkewMs: number): boolean {
  return Math.abs(aheadMs) <= believedMs(aheadMs, maxSkewMs);
}

function requireBelievable(aheadMs: number, maxSkewMs: number): void {
  if (isBelievable(aheadMs, maxSkewMs)) return;
  throw new ClockError(
    `the wall clock is ${describeGap(aheadMs)} the stored bound of this node's ids, more than the ` +
      `${describeLimit(believedMs(aheadMs, maxSkewMs))} that are believed: set the clock right; ` +
      `if it is right already, start the node ${describeRemedy(aheadMs, maxSkewMs)}`,
  );
}

/**
 * The skew that covers the gap, with an hour to spare, and for how long it is needed. A clock that is ahead raises the
 * stored bound in one start. One that is behind does not catch up while the node runs: ids go on from the bound, as
 * fast as the clock.
 */
function describeRemedy(aheadMs: number, maxSkewMs: number): string {
  const skew = `--max-skew ${Math.ceil(Math.abs(aheadMs) / HOUR_MS) + 1}h`;
  if (aheadMs > 0) return `once with ${skew}`;
  return (
    `with ${skew}, every time until it has been stopped for ${describeStop(-aheadMs - maxSkewMs)} in total; ` +
    'while it runs, its ids stay ahead of the clock'
  );
}

/** More than `durationMs`, because every start reserves a bit of time ahead. */
function describeStop(durationMs: number): string {
  return durationMs < HOUR_MS - MINUTE_MS
    ? `${Math.floor(durationMs / MINUTE_MS) + 1} min`
    : `${Math.floor(durationMs / HOUR_MS) + 1} h`;
}

function describeGap(aheadMs: number): string {
  if (Number.isNaN(aheadMs)) return 'not a number, unlike';
  return `${describeDuration(Math.abs(aheadMs), Math.ceil)} ${aheadMs > 0 ? 'ahead of' : 'behind'}`;
}

/** Rounded down, while gaps are rounded up: a gap beyond a limit also reads as one. */
function describeLimit(durationMs: number): string {
  return describeDuration(durationMs, Math.floor);
}

function describeDuration(durationMs: number, round: (minutes: number) => number): string {
  if (durationMs < HOUR_MS) return `${durationMs / 1000} s`;
  const minutes = round(durationMs / MINUTE_MS);
  const hours = `${Math.floor(minutes / 60)} h`;
  return minutes % 60 === 0 ? hours : `${hours} ${minutes % 60} min`;
}
