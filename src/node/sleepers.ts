/**
 * The handlers that sleep. They are counted, and all of them can be woken, so that a node that stops leaves no timer
 * behind.
 */

import type { AbortSignalLike } from './context.ts';
import type { Environment } from './environment.ts';

export class Sleepers {
  readonly #environment: Environment;
  readonly #wake = new Set<() => void>();
  #awakeForGood = false;

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  get count(): number {
    return this.#wake.size;
  }

  /** Resolves to true after `durationMs`, or to false as soon as the signal aborts or all are woken. */
  sleep(durationMs: number, signal?: AbortSignalLike): Promise<boolean> {
    if (signal?.aborted) return Promise.resolve(false);
    // Not at once: a loop that does not heed the answer must not keep everybody else from coming to an end.
    if (this.#awakeForGood) return new Promise((resolve) => this.#environment.setTimer(1, () => resolve(false)));
    return new Promise((resolve) => {
      const end = (passed: boolean) => {
        this.#wake.delete(wake);
        cancelTimer();
        signal?.removeEventListener('abort', wake);
        resolve(passed);
      };
      const wake = () => end(false);
      const cancelTimer = this.#environment.setTimer(durationMs, () => end(true));
      this.#wake.add(wake);
      signal?.addEventListener('abort', wake);
    });
  }

  /** Wakes everybody; nobody falls asleep any more. */
  wakeAll(): void {
    this.#awakeForGood = true;
    for (const wake of [...this.#wake]) wake();
  }
}
