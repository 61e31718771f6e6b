/**
 * Every reply to an echo must carry, under `echo`, exactly the value that was sent, by JSON equality (1 and 1.0
 * differ).
 *
 * The value of an `ok` is the whole body of the reply. Source: `maelstrom.workload.echo/checker`, which takes its pairs
 * from `knossos.history/pair-index`. That index has no entry for an `info`, so an undecided echo is no error. It has
 * one for a `fail`. A failed operation carries the value that was sent instead of a reply with an `echo`, so it is an
 * error. `refused-count` says how many errors are such refusals.
 */

import {
  type AnsweredError,
  countError,
  describeAnswered,
  ERRORS_SHOWN_MAX,
} from '../../../checkers/answered-errors.ts';
import type { Checker } from '../../../checkers/checker.ts';
import { operationPairs } from '../../../checkers/pairs.ts';
import {
  PROOF_OPERATIONS_MAX,
  PROOFS_MAX,
  type Proof,
  QUOTE_LENGTH_MAX,
  REFUSED,
  withProofs,
} from '../../../checkers/proof.ts';
import type { Operation } from '../../../history/operation.ts';
import { exactEquals, stringifyExact } from '../../../protocol/exact-json.ts';
import { excerpt } from '../../../protocol/excerpt.ts';

const LISTED_ERRORS_MAX = 48;
const EXAMPLE_LENGTH_MAX = 200;

type EchoError = readonly [string, unknown, string, unknown];

export function echoChecker(): Checker {
  return {
    check(_test, history) {
      const errors: EchoError[] = [];
      const evidence = new Evidence();
      for (const { invocation, completion } of operationPairs(history)) {
        if (completion.type === 'info' || exactEquals(invocation.value, echoOf(completion.value))) continue;
        evidence.add(invocation, completion);
        if (errors.length < LISTED_ERRORS_MAX) {
          errors.push(['Expected a message with :echo', invocation.value, 'But received', completion.value]);
        }
      }
      const { wrongCount, refusedCount } = evidence;
      const errorCount = wrongCount + refusedCount;
      const refused = refusedCount === 0 ? {} : { 'refused-count': refusedCount };
      return {
        'valid?': errorCount === 0,
        'error-count': errorCount,
        ...refused,
        errors,
        ...withProofs(evidence.proofs()),
        ...(errorCount === 0 ? {} : { summary: evidence.summarize() }),
      };
    },
  };
}

/** The errors for people: one proof for each wrong answer, and one for all refusals. */
class Evidence {
  readonly #wrong: Proof[] = [];
  /** The first wrong answer, in words. */
  #example = '';
  wrongCount = 0;
  refusedCount = 0;
  readonly #refused: number[] = [];
  readonly #errors = new Map<string, AnsweredError>();

  add(invocation: Operation, { type, index, value, error }: Operation): void {
    if (type === 'fail') {
      this.refusedCount++;
      countError(this.#errors, error);
      if (this.#refused.length < PROOF_OPERATIONS_MAX) this.#refused.push(index);
      return;
    }
    this.wrongCount++;
    if (this.#wrong.length === PROOFS_MAX) return;
    const quote = (lengthMax: number, link: string) =>
      [value, invocation.value].map((part) => excerpt(stringifyExact(part), lengthMax)).join(link);
    if (this.wrongCount === 1) this.#example = quote(EXAMPLE_LENGTH_MAX, ' to ');
    const problem = quote(QUOTE_LENGTH_MAX, ' was answered to ');
    this.#wrong.push({ problem, facts: {}, operations: [index], operationCount: 1 });
  }

  /** The refusals first: there is at most one proof of them, and the verdict looks for it. */
  proofs(): readonly Proof[] {
    if (this.refusedCount === 0) return this.#wrong;
    const refused = {
      rule: REFUSED,
      problem: `${countEchoes(this.refusedCount)} refused`,
      facts: this.#errors.size === 0 ? {} : { errors: Object.fromEntries(this.#errors) },
      operations: this.#refused,
      operationCount: this.refusedCount,
    };
    return [refused, ...this.#wrong];
  }

  summarize(): string {
    const wrong = this.wrongCount === 1 ? '1 answer was' : `${this.wrongCount} answers were`;
    return [
      ...(this.wrongCount === 0 ? [] : [`${wrong} wrong, for instance ${this.#example}.`]),
      ...(this.refusedCount === 0 ? [] : [...this.#tellRefusals(), 'A refused echo counts as a wrong answer.']),
    ].join(' ');
  }

  /** A sentence for each of the most frequent errors. */
  #tellRefusals(): readonly string[] {
    const errors = [...this.#errors].sort(([, left], [, right]) => right.count - left.count);
    if (errors.length === 0) return [`${countEchoes(this.refusedCount)} refused.`];
    return errors
      .slice(0, ERRORS_SHOWN_MAX)
      .map(([what, error]) => `${countEchoes(error.count)} refused with ${describeAnswered(what, error)}.`);
  }
}

function countEchoes(count: number): string {
  return count === 1 ? '1 echo was' : `${count} echoes were`;
}

/** The value of a reply under `echo`. A missing one equals null, as in Clojure. */
function echoOf(body: unknown): unknown {
  return (body as { echo?: unknown } | null | undefined)?.echo;
}
