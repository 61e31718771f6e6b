/** Sagas that this node knows to be finished: for ever, so it may be told by whomever and forgotten at any time. */

const REMEMBERED_MAX = 20_000;

export class FinishedSagas {
  /** The one that was told first, first. */
  readonly #ids = new Set<string>();

  add(id: string): void {
    if (this.#ids.has(id)) return;
    if (this.#ids.size >= REMEMBERED_MAX) this.#ids.delete(this.#ids.values().next().value as string);
    this.#ids.add(id);
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }
}
