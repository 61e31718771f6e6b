/**
 * The clock port: everything that this project knows of time comes through it, so that a simulated clock can jump,
 * drift and stand still. The wall clock names a moment and may be wrong; the monotonic clock measures what has passed
 * and names nothing.
 */

export interface Clock {
  /** Unix milliseconds. May jump in both directions, and may be far off. */
  wallMs(): number;
  /** Milliseconds since some fixed moment of this process, with fractions where there are any. Never goes back. */
  monotonicMs(): number;
}
