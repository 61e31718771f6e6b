/** Sagas that this node knows to be finished: for ever, so it may be told by whomever and forgotten at any time. */

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
