/**
 * The clocks of one simulated machine: right as long as nobody disturbs them. They outlive the node, as a machine's
 * clocks do.
 *
 * The monotonic clock never goes back, whatever happens to the wall clock; it may run too fast or too slow, and stand
 * still.
 */

import type { ClockFault } from '../harness/fault.ts';
import type { Clock } from '../protocol/clock.ts';

/** What the wall clock shows when the simulation begins: 2027-01-01T00:00:00Z. */
export const SIMULATION_START_MS = 1_798_761_600_000;

export class SimulatedClock implements Clock {
  readonly #now: () => number;
  /** What is wrong at the moment. Offsets add up, rates multiply. */
  readonly #faults = new Set<ClockFault>();
  /** When the clocks last began to run as they do now, and what they showed then. */
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

  /** Adds a fault; the function returned takes it back. */
  disturb(fault: ClockFault): () => void {
    // An object of its own: the same fault may come twice.
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

  /**
   * With every change the wall clock is set by the true time, so that errors do not pile up beyond what somebody asked
   * for.
   */
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
