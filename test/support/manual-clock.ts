/**
 * A clock in the hands of a test, and a way to let promises run that needs no real time.
 */

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

  /** Time goes by, for both clocks. */
  pass(durationMs: number): void {
    this.wall += durationMs;
    this.monotonic += durationMs;
  }

  /** Somebody sets the wall clock. */
  jump(durationMs: number): void {
    this.wall += durationMs;
  }
}

/** Lets everything run that waits for promises alone, and no timer or I/O. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 64; turn++) await Promise.resolve();
}
