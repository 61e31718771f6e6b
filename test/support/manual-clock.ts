/** A clock controlled by a test, and a way to settle promises without real time. */

import type { Clock } from '../../src/protocol/clock.ts';

/** 2026-01-01T00:00:00Z. */
export const NEW_YEAR_MS = 1_767_225_600_000;

export class ManualClock implements Clock {
  wall: number;
  monotonic = 1_000;

  constructor(wall: number = NEW_YEAR_MS) {
    this.wall = wall;
  }

  wallMs(): number {
    return this.wall;
  }

  monotonicMs(): number {
    return this.monotonic;
  }

  /** Time passes, for both clocks. */
  pass(durationMs: number): void {
    this.wall += durationMs;
    this.monotonic += durationMs;
  }

  /** The wall clock is set. */
  jump(durationMs: number): void {
    this.wall += durationMs;
  }
}

/** Runs everything that waits only for promises, not for timers or I/O. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 64; turn++) await Promise.resolve();
}
