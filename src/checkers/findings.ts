/** What breaks the rules of a checker: all of it counted, the first few findings of each rule kept as examples. */

import { type Order, PROOF_OPERATIONS_MAX, type Proof } from './proof.ts';

const LISTED_EXAMPLES_MAX = 8;

/** What shows a finding: one operation or several, as indices of completions in the history, and other facts. */
export interface FindingFacts {
  readonly operation?: number | undefined;
  readonly operations?: readonly (number | undefined)[];
  readonly order?: Order | undefined;
  readonly [fact: string]: unknown;
}

/** Says in a few words what is wrong, and beside them where and with what. */
export interface Finding extends FindingFacts {
  readonly problem: string;
}

/** What a result has under the name of a rule. */
export interface RuleReport {
  readonly count: number;
  readonly examples: readonly Finding[];
}

/** The findings of one rule. */
export class Findings {
  #count = 0;
  readonly #examples: Finding[] = [];

  add(problem: string, facts: FindingFacts): void {
    this.#count++;
    if (this.#examples.length < LISTED_EXAMPLES_MAX) this.#examples.push({ problem, ...facts });
  }

  report(): RuleReport {
    return { count: this.#count, examples: this.#examples };
  }
}

/** The examples of broken rules as proofs, in the order of the rules. */
export function proofsOf(rules: Readonly<Record<string, RuleReport>>): readonly Proof[] {
  return Object.entries(rules).flatMap(([rule, { examples }]) => examples.map((example) => proofOf(rule, example)));
}

function proofOf(rule: string, { problem, operation, operations = [], order, ...facts }: Finding): Proof {
  const indices = [...new Set([operation, ...operations].flatMap((index) => index ?? []))];
  indices.sort((one, other) => one - other);
  return {
    rule,
    problem,
    facts,
    operations: indices.slice(0, PROOF_OPERATIONS_MAX),
    operationCount: indices.length,
    ...(order !== undefined && { order }),
  };
}
