/**
 * The clock port. All time in this project comes through it, so a simulated clock can jump, drift and stand still. The
 * wall clock names a moment and may be wrong. The monotonic clock measures durations and names no moment.
 */

/** The clocks of a machine. */
export interface Clock {
  /** Unix milliseconds. May jump in both directions, and may be far off. */
  wallMs(): number;
  /** Milliseconds since a fixed moment of this process, with fractions if the clock has them. Never goes back. */
  monotonicMs(): number;
}
