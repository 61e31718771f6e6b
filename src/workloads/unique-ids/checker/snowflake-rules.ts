/**
 * Two more rules for ids in our own format, the decimal text of timestamp·2^23 + node·2^13 + sequence·2 + entropy:
 * every id names the node that answered (I2), and the ids that one client gets from one node increase (I3).
 *
 * They are reported and decide nothing: ids of another format may look the same by chance. They apply only if all
 * acknowledged ids have the format. A client is a worker. It keeps its node and does one thing at a time, so the order
 * of its completions is an order in time.
 */

import type { TestFacts } from '../../../checkers/checker.ts';
import { ENTROPY_BITS, NODE_MAX, SEQUENCE_BITS } from '../../../ids/snowflake.ts';

const LISTED_EXAMPLES_MAX = 8;

/** Two weeks after the epoch ids have this length. A shorter number has no time in it, and is probably a counter. */
const LENGTH_MIN = 17;
const GREATEST = String(2n ** 64n - 1n);
const NODE_SHIFT = SEQUENCE_BITS + ENTROPY_BITS;

const DIGIT_ZERO = '0'.charCodeAt(0);

interface Mismatch {
  readonly id: string;
  readonly process: number;
  readonly node: string | undefined;
  /** The node number in the id, and the one that `node` has. */
  readonly 'node-number': number;
  readonly 'expected-node-number': number;
}

interface Regression {
  readonly process: number;
  readonly node: string | undefined;
  readonly previous: string;
  readonly id: string;
}

export class SnowflakeRules {
  readonly #test: TestFacts;
  /** Invariant: true while every id observed has the format. */
  #applies = true;
  /** The last id of each worker. */
  readonly #lastIds: string[] = [];
  #mismatchCount = 0;
  readonly #mismatches: Mismatch[] = [];
  #regressionCount = 0;
  readonly #regressions: Regression[] = [];

  constructor(test: TestFacts) {
    this.#test = test;
  }

  /** Takes the acknowledged ids in the order of the history. */
  observe(process: number, id: unknown): void {
    const nodeNumber = typeof id === 'string' ? nodeNumberOf(id) : undefined;
    if (nodeNumber === undefined) this.#applies = false;
    else this.#observe(process, id as string, nodeNumber);
  }

  #observe(process: number, id: string, nodeNumber: number): void {
    const worker = process % this.#test.concurrency;
    const expected = worker % this.#test.nodes.length;
    if (nodeNumber !== expected) this.#mismatch(process, id, nodeNumber, expected);
    const previous = this.#lastIds[worker];
    if (previous !== undefined && compareSnowflakes(id, previous) <= 0)
      this.#regression(process, previous, id, expected);
    this.#lastIds[worker] = id;
  }

  /** What was found; undefined when the rules do not apply to these ids. */
  report(): Readonly<Record<string, unknown>> | undefined {
    if (!this.#applies || this.#lastIds.length === 0) return undefined;
    return {
      'decodes-to-node': this.#mismatchCount === 0,
      'mismatch-count': this.#mismatchCount,
      mismatches: this.#mismatches,
      increasing: this.#regressionCount === 0,
      'regression-count': this.#regressionCount,
      regressions: this.#regressions,
    };
  }

  #mismatch(process: number, id: string, nodeNumber: number, expected: number): void {
    this.#mismatchCount++;
    if (this.#mismatches.length === LISTED_EXAMPLES_MAX) return;
    this.#mismatches.push({
      id,
      process,
      node: this.#test.nodes[expected],
      'node-number': nodeNumber,
      'expected-node-number': expected,
    });
  }

  #regression(process: number, previous: string, id: string, expected: number): void {
    this.#regressionCount++;
    if (this.#regressions.length === LISTED_EXAMPLES_MAX) return;
    this.#regressions.push({ process, node: this.#test.nodes[expected], previous, id });
  }
}

/** The order of two ids in our format, as `Array.sort` wants it. */
export function compareSnowflakes(left: string, right: string): number {
  if (left.length !== right.length) return left.length - right.length;
  return left < right ? -1 : left > right ? 1 : 0;
}

/**
 * The node number of an id in our format; undefined for any other text. Fast enough for millions of ids: it computes
 * only the bits below the timestamp, digit by digit modulo 2^32, while `decodeSnowflake` makes a BigInt.
 */
function nodeNumberOf(id: string): number | undefined {
  const length = id.length;
  if (length < LENGTH_MIN || length > GREATEST.length || id.charCodeAt(0) === DIGIT_ZERO) return undefined;
  let low = 0;
  for (let index = 0; index < length; index++) {
    const digit = id.charCodeAt(index) - DIGIT_ZERO;
    if (!(digit >= 0 && digit <= 9)) return undefined;
    low = (low * 10 + digit) | 0;
  }
  if (length === GREATEST.length && id > GREATEST) return undefined;
  return (low >> NODE_SHIFT) & NODE_MAX;
}
