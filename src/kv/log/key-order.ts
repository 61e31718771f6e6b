/**
 * Keys in the order of their UTF-8 bytes, in runs of some hundred. Adding and removing one costs a search and the move
 * of at most a run, so a million keys are no trouble.
 */

import { compareKeys } from '../memory-engine.ts';

const RUN_LENGTH_MAX = 512;

export class KeyOrder {
  /** Invariant: ascending, within each run and from run to run. No run is empty. */
  readonly #runs: string[][] = [];
  readonly #runLengthMax: number;

  constructor(runLengthMax: number = RUN_LENGTH_MAX) {
    this.#runLengthMax = runLengthMax;
  }

  /** Adds a key that is not in it. */
  add(key: string): void {
    const at = Math.max(0, this.#runOf(key));
    const run = this.#runs[at];
    if (run === undefined) {
      this.#runs.push([key]);
      return;
    }
    run.splice(firstAfter(run, key), 0, key);
    if (run.length > this.#runLengthMax) this.#runs.splice(at + 1, 0, run.splice(run.length >>> 1));
  }

  /** Removes a key that is in it. */
  remove(key: string): void {
    const at = this.#runOf(key);
    const run = this.#runs[at] as string[];
    run.splice(firstAfter(run, key) - 1, 1);
    if (run.length === 0) this.#runs.splice(at, 1);
  }

  /** The first keys with a prefix, after `after`, at most `max`. */
  find(prefix: string, after: string | undefined, max: number): string[] {
    const found: string[] = [];
    // The prefix itself is the first key that has it. A key before it is no bound.
    const start = after !== undefined && compareKeys(after, prefix) >= 0 ? after : undefined;
    const from = start ?? prefix;
    for (let at = Math.max(0, this.#runOf(from)); at < this.#runs.length; at++) {
      const run = this.#runs[at] as string[];
      for (let index = firstAfter(run, from, start === undefined); index < run.length; index++) {
        const key = run[index] as string;
        if (found.length === max || !key.startsWith(prefix)) return found;
        found.push(key);
      }
    }
    return found;
  }

  /** The last run that does not begin after the key; -1: there is none. */
  #runOf(key: string): number {
    let [low, high] = [0, this.#runs.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareKeys((this.#runs[middle] as string[])[0] as string, key) <= 0) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

/** The place of the first key after this one, or of this one itself. */
function firstAfter(run: readonly string[], key: string, orItself = false): number {
  let [low, high] = [0, run.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const order = compareKeys(run[middle] as string, key);
    if (order < 0 || (order === 0 && !orItself)) low = middle + 1;
    else high = middle;
  }
  return low;
}
