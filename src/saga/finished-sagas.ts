/**
 * Sagas that this node knows to be finished. That never changes, so any part may add one, and forgetting one is safe.
 */

import { BoundedMap } from '../protocol/bounded-map.ts';

const REMEMBERED_MAX = 20_000;

export class FinishedSagas {
  readonly #ids = new BoundedMap<string, true>(REMEMBERED_MAX);

  add(id: string): void {
    this.#ids.set(id, true);
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }
}
