/**
 * What a checker is, and how several make one verdict.
 *
 * Results keep Jepsen's names (`valid?`, `ok-count`), so that they can be compared with results of the real harness.
 * Composition is Jepsen's: false outranks unknown, unknown outranks true (`jepsen.checker/merge-valid`).
 */

import type { History } from '../history/history.ts';
import { asSentence, type Proof } from './proof.ts';

/** Whether a run is valid; `unknown`: it shows too little. */
export type Validity = true | false | 'unknown';

/** A verdict with its details, by Jepsen's names. */
export interface CheckResult {
  /** The verdict. */
  readonly 'valid?': Validity;
  /** What shows that the run is invalid; the report draws it. Present only in an invalid result. */
  readonly proofs?: readonly Proof[];
  /** One or more sentences for the verdict line of a run that is not valid. Absent: there is nothing to say. */
  readonly summary?: string;
  readonly [detail: string]: unknown;
}

/** What a checker may know about the run besides its history. */
export interface TestFacts {
  /** Node ids, in the order of `node_ids`. */
  readonly nodes: readonly string[];
  /**
   * Number of client workers; worker `t` talks to node `t mod nodes.length`, and process `p` belongs to worker `p mod
   * concurrency`.
   */
  readonly concurrency: number;
  /** Whether nodes name themselves otherwise: instances of services draw their names. Absent: no. */
  readonly haveOwnNames?: boolean;
  /** The fraction of invocations that must be ok; absent: not checked. */
  readonly availability?: 'total' | number;
  /** How many messages a fault lost, delayed, duplicated or reordered. No history shows it. Absent: unknown. */
  readonly hitMessageCount?: number;
  /** Mean delay of messages between nodes, ms. Absent: unknown. */
  readonly latencyMeanMs?: number;
  /** Smaller limits that simulated nodes were given, by name. Absent: none. */
  readonly nodeLimits?: Readonly<Record<string, number>>;
}

/** Judges the history of a run. */
export interface Checker {
  /** Judges a history. What it throws makes the run unknown. */
  check(test: TestFacts, history: History): CheckResult;
}

/**
 * The worst of several verdicts; true for none.
 *
 * @param verdicts in any order
 */
export function mergeValidity(verdicts: Iterable<Validity>): Validity {
  const given = new Set(verdicts);
  if (given.has(false)) return false;
  return given.has('unknown') ? 'unknown' : true;
}

/**
 * Runs every checker and merges their verdicts. A checker that throws is `unknown`, with its error, and the others
 * still run.
 *
 * @param checkers by the names of their results
 */
export function compose(checkers: Readonly<Record<string, Checker>>): Checker {
  return {
    check(test, history) {
      const results: Record<string, CheckResult> = {};
      for (const [name, checker] of Object.entries(checkers)) results[name] = checkSafely(checker, test, history);
      return { ...results, 'valid?': mergeValidity(Object.values(results).map((result) => result['valid?'])) };
    },
  };
}

function checkSafely(checker: Checker, test: TestFacts, history: History): CheckResult {
  try {
    return checker.check(test, history);
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { 'valid?': 'unknown', error: text, summary: asSentence(text) };
  }
}
