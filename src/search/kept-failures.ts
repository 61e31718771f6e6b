/** The failures that a search keeps: some of them, and always the first invalid one. */

import type { Validity } from '../checkers/checker.ts';

/** Failures beyond this number are only counted: they are probably the first one again. */
const KEPT_MAX = 100;

/**
 * The first failures, and the number of all. The first invalid one is kept, however many undecided runs came before it.
 */
export class KeptFailures<Failure extends { readonly validity: Exclude<Validity, true> }> {
  readonly #kept: Failure[] = [];
  #count = 0;
  #hasInvalid = false;

  add(failure: Failure): void {
    this.#count++;
    const isFirstInvalid = failure.validity === false && !this.#hasInvalid;
    if (isFirstInvalid) this.#hasInvalid = true;
    if (isFirstInvalid || this.#kept.length < KEPT_MAX) this.#kept.push(failure);
  }

  get count(): number {
    return this.#count;
  }

  /** In the order in which they came. */
  get kept(): readonly Failure[] {
    return this.#kept;
  }
}
