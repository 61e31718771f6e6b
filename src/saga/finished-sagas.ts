/**
 * Sagas that this node knows to be finished. That never changes, so any part may add one, and forgetting one is safe.
 */

import { BoundedMap } from '../protocol/bounded-map.ts';
import { SAGA_LIMITS } from './limits.ts';

export class FinishedSagas {
  readonly #ids: BoundedMap<string, undefined>;

  /** @param max how many are remembered: the newest ones */
  constructor(max = SAGA_LIMITS.finished) {
    this.#ids = new BoundedMap(max);
  }

  add(id: string): void {
    this.#ids.set(id, undefined);
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }
}
