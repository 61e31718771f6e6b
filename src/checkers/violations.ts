/**
 * Breaches of the protocol that the harness saw during the run: output that is no message, a reply without a request, a
 * reply of the wrong shape. They are in no history, so the harness keeps the list. The run is valid if it is empty.
 */

import { excerpt } from '../protocol/excerpt.ts';
import type { Checker } from './checker.ts';
import { type Proof, withFullStop, withProofs } from './proof.ts';

const LISTED_VIOLATIONS_MAX = 20;
const LINE_LENGTH_MAX = 200;

export interface Violation {
  readonly node: string;
  /** When the harness saw it, ns since the operations began. */
  readonly time?: number;
  /** The name of the rule that was broken. */
  readonly rule: string;
  /** What happened, for people. */
  readonly text: string;
  /** The line that the node printed, shortened. Absent if there is none. */
  readonly line?: string;
}

/** What the harness has of them. */
export interface Violations {
  readonly violations: readonly Violation[];
  /** How many there are in all: the harness may keep only the first. */
  readonly violationCount: number;
}

/** They are read when the run is checked, not when the checker is made. */
export function violationsChecker(read: () => Violations): Checker {
  return {
    check() {
      const { violations, violationCount } = read();
      const listed = [...firstOfEachKind(violations)].slice(0, LISTED_VIOLATIONS_MAX);
      const [first] = listed;
      return {
        'valid?': violationCount === 0,
        count: violationCount,
        violations: listed,
        ...withProofs(listed.map(proofOf)),
        ...(first === undefined ? {} : { summary: summarize(first, violationCount) }),
      };
    },
  };
}

/**
 * All violations, the first of each node and rule before all others. An exit must not hide behind a thousand bad lines.
 */
function firstOfEachKind(violations: readonly Violation[]): Set<Violation> {
  const firsts = new Map<string, Violation>();
  for (const violation of violations) {
    const kind = `${violation.node} ${violation.rule}`;
    if (!firsts.has(kind)) firsts.set(kind, violation);
  }
  return new Set([...firsts.values(), ...violations]);
}

function proofOf({ node, time, rule, text, line }: Violation): Proof {
  const facts = line === undefined ? { node } : { node, line };
  return { rule, problem: text, facts, operations: [], operationCount: 0, time };
}

function summarize({ text, line = '' }: Violation, count: number): string {
  const shown = line.trim() === '' ? '' : `: ${excerpt(line, LINE_LENGTH_MAX)}`;
  const more = count > 1 ? ` (the first of ${count} breaches of the protocol)` : '';
  return withFullStop(`${text}${shown}${more}`);
}
