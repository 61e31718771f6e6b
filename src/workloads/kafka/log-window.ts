/** The newest messages of a log, without a gap, as far as a node has seen them. Older ones are left out. */

import type { Entry } from './segments.ts';

export class LogWindow {
  readonly #max: number;
  #first = 0;
  #entries: Entry[] = [];

  /** @param max how many messages are kept */
  constructor(max: number) {
    this.#max = max;
  }

  /** The offset of the first message that is kept. */
  get first(): number {
    return this.#first;
  }

  /** The offset behind the last one. */
  get end(): number {
    return this.#first + this.#entries.length;
  }

  /** Takes in messages that the log certainly has from `base` on. What lies before a gap is left out. */
  learn(base: number, entries: readonly Entry[]): void {
    if (base + entries.length <= this.end) return;
    if (base > this.end) {
      this.#first = base;
      this.#entries = [];
    }
    this.#entries.push(...entries.slice(this.end - base));
    const excess = this.#entries.length - this.#max;
    if (excess <= 0) return;
    this.#entries.splice(0, excess);
    this.#first += excess;
  }

  /** Messages from an offset on that is not below `first`. */
  from(offset: number, max: number): readonly Entry[] {
    const start = offset - this.#first;
    return this.#entries.slice(start, start + max);
  }
}
