/**
 * Timers that fire when a test says so. Those due at the same moment fire in the order in which they were scheduled.
 */

interface Timer {
  readonly dueMs: number;
  readonly callback: () => void;
}

export class VirtualTime {
  #nowMs = 0;
  readonly #timers = new Set<Timer>();

  now(): number {
    return this.#nowMs;
  }

  get timerCount(): number {
    return this.#timers.size;
  }

  schedule(delayMs: number, callback: () => void): () => void {
    const timer = { dueMs: this.#nowMs + delayMs, callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Lets `durationMs` pass, and lets all promises settle between two timers. */
  async advance(durationMs: number): Promise<void> {
    const endMs = this.#nowMs + durationMs;
    for (;;) {
      await settle();
      const next = this.#earliest();
      if (next === undefined || next.dueMs > endMs) break;
      this.#timers.delete(next);
      this.#nowMs = next.dueMs;
      next.callback();
    }
    this.#nowMs = endMs;
    await settle();
  }

  /** The timer that is due first; of equal ones, the one scheduled first. */
  #earliest(): Timer | undefined {
    let earliest: Timer | undefined;
    for (const timer of this.#timers) if (earliest === undefined || timer.dueMs < earliest.dueMs) earliest = timer;
    return earliest;
  }
}

/** Resolves when no promise can make progress. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
