/**
 * Keys in the order of their UTF-8 bytes, in runs of some hundred. Adding and removing one costs a search and the move
 * of at most a run, so a million keys are no trouble.
 */

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

/** By UTF-8 bytes, which is the order of code points. That of UTF-16 units differs from it beyond U+FFFF. */
export function compareKeys(one: string, other: string): number {
  const length = Math.min(one.length, other.length);
  for (let index = 0; index < length; index++) {
    const [left, right] = [one.charCodeAt(index), other.charCodeAt(index)];
    if (left !== right) return rank(left) - rank(right);
  }
  return one.length - other.length;
}

/** Puts surrogates, which stand for code points beyond U+FFFF, after all other units. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit < 0xe000 ? unit + 0x10000 : unit;
}
