/**
 * The clocks of one simulated machine: right as long as nobody disturbs them. They outlive the node, as a machine's clocks do.
 *
 * The monotonic clock never goes back, whatever happens to the wall clock; it may run too fast or too slow, and stand still.
 */

import type { Clock } from '../protocol/clock.ts';

/** What the wall clock shows when the simulation begins: 2027-01-01T00:00:00Z. */
export const SIMULATION_START_MS = 1_798_761_600_000;

export interface ClockFault {
  /** How far the wall clock is off, ms; what it was before is forgotten. Absent: it stays as it is. */
  readonly wallOffsetMs?: number;
  /** How fast both clocks run; 1 is right, 0 stands still. Absent: 1. */
  readonly rate?: number;
  /** The wall clock stands still, the monotonic one goes on. */
  readonly wallFrozen?: boolean;
}

export class SimulatedClock implements Clock {
  readonly #now: () => number;
  /** When the disturbance in force began, and what the clocks showed then. */
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
    const passedMs = this.#wallFrozen ? 0 : (this.#now() - this.#sinceMs) * this.#rate;
    return Math.floor(this.#wallAtMs + passedMs);
  }

  monotonicMs(): number {
    return this.#monotonicAtMs + (this.#now() - this.#sinceMs) * this.#rate;
  }

  /** Puts the clocks wrong; undefined: the wall clock is right again and both run as they should. */
  disturb(fault: ClockFault | undefined): void {
    const nowMs = this.#now();
    const trueWallMs = SIMULATION_START_MS + nowMs;
    const wallAtMs = this.#wallAtMs + (this.#wallFrozen ? 0 : (nowMs - this.#sinceMs) * this.#rate);
    this.#monotonicAtMs = this.monotonicMs();
    this.#sinceMs = nowMs;
    this.#rate = fault?.rate ?? 1;
    this.#wallFrozen = fault?.wallFrozen ?? false;
    if (fault === undefined) this.#wallAtMs = trueWallMs;
    else this.#wallAtMs = fault.wallOffsetMs === undefined ? wallAtMs : trueWallMs + fault.wallOffsetMs;
  }
}
