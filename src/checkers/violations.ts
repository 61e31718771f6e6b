/**
 * Breaches of the protocol that the harness saw while the run went on: output that is no message, a reply nobody asked
 * for, an answer of the wrong shape. They are in no history, so the harness keeps the list; the run is valid when it is
 * empty.
 */

import type { Checker } from './checker.ts';

const LISTED_VIOLATIONS_MAX = 20;

export interface Violation {
  readonly node: string;
  /** When the harness saw it, ns since the operations began. */
  readonly time?: number;
  /** The name of the rule that was broken. */
  readonly rule: string;
  /** What happened, for people. */
  readonly text: string;
  /** The line that the node printed, shortened, where there is one. */
  readonly line?: string;
}

/** The list is asked for when the run is checked, not when the checker is made. */
export function violationsChecker(list: () => readonly Violation[]): Checker {
  return {
    check() {
      const violations = list();
      return {
        'valid?': violations.length === 0,
        count: violations.length,
        violations: [...firstOfEachKind(violations)].slice(0, LISTED_VIOLATIONS_MAX),
      };
    },
  };
}

/**
 * All of them, those first that are the first of their node and rule: an exit must not hide behind a thousand bad
 * lines.
 */
function firstOfEachKind(violations: readonly Violation[]): Set<Violation> {
  const firsts = new Map<string, Violation>();
  for (const violation of violations) {
    const kind = `${violation.node} ${violation.rule}`;
    if (!firsts.has(kind)) firsts.set(kind, violation);
  }
  return new Set([...firsts.values(), ...violations]);
}
