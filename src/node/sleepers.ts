/** The handlers that sleep. They are counted, and all can be woken, so a node that stops leaks no timer. */

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
    // Not at once: a loop that ignores the result must not keep the other handlers from ending.
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

  /** Wakes all sleepers. From now on every sleep ends at once. */
  wakeAll(): void {
    this.#awakeForGood = true;
    for (const wake of [...this.#wake]) wake();
  }
}
