/** What a search keeps of the failures it meets: enough of them, and the first that counts. */

import type { Validity } from '../checkers/checker.ts';

/** Failures beyond this number are only counted: they are likely to be the first one again. */
const KEPT_MAX = 100;

/**
 * The first failures, and how many there were. However many runs come before it of which nobody can tell, the first
 * invalid one is kept.
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
