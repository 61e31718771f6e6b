/**
 * The clocks of one simulated machine, which outlive its nodes. They are right unless a fault is in force.
 *
 * The monotonic clock never goes back, even if the wall clock does. It may run too fast or too slow, or stand still.
 */

import type { ClockFault } from '../harness/fault.ts';
import type { Clock } from '../protocol/clock.ts';

/** The wall clock at the start of a simulation: 2027-01-01T00:00:00Z. */
export const SIMULATION_START_MS = 1_798_761_600_000;

export class SimulatedClock implements Clock {
  readonly #now: () => number;
  /** The faults in force. Offsets add up, rates multiply. */
  readonly #faults = new Set<ClockFault>();
  /** The true time of the last change, and the clocks at that time. */
  #sinceMs = 0;
  #wallAtMs = SIMULATION_START_MS;
  #monotonicAtMs = 0;
  #rate = 1;
  #wallFrozen = false;

  /** @param now the true time, ms since the simulation began */
  constructor(now: () => number) {
    this.#now = now;
  }

  wallMs(): number {
    return Math.floor(this.#wallAtMs + (this.#wallFrozen ? 0 : this.#passedMs()));
  }

  monotonicMs(): number {
    return this.#monotonicAtMs + this.#passedMs();
  }

  /** Adds a fault. The returned function removes it. */
  disturb(fault: ClockFault): () => void {
    // A copy, because the same fault may be added twice.
    const own = { ...fault };
    this.#change(() => this.#faults.add(own));
    return () => {
      if (this.#faults.has(own)) this.#change(() => this.#faults.delete(own));
    };
  }

  setRight(): void {
    this.#change(() => this.#faults.clear());
  }

  #passedMs(): number {
    return (this.#now() - this.#sinceMs) * this.#rate;
  }

  /** Every change sets the wall clock from the true time, so that errors do not exceed those of the faults in force. */
  #change(act: () => void): void {
    this.#monotonicAtMs += this.#passedMs();
    this.#sinceMs = this.#now();
    act();
    this.#wallAtMs = SIMULATION_START_MS + this.#sinceMs;
    this.#rate = 1;
    this.#wallFrozen = false;
    for (const { wallOffsetMs = 0, rate = 1, wallFrozen = false } of this.#faults) {
      this.#wallAtMs += wallOffsetMs;
      this.#rate *= rate;
      this.#wallFrozen ||= wallFrozen;
    }
  }
}
