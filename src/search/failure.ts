/** The ways in which a run failed. A smaller run must fail in the same way: another reason is another story. */

import type { CheckResult } from '../checkers/checker.ts';

/**
 * Ways that say little: many different mistakes end in them, and a run whose events were removed fails in them by
 * itself. From the most to the least specific.
 */
const SYMPTOMS = ['recovery', 'availability', 'stats'];
const PROTOCOL = 'protocol';

/**
 * The names of the checkers that found the run invalid. The protocol has one for each broken rule: `workload`,
 * `protocol:msg-id-reuse`, `recovery`. The most specific is first. Empty for a run that is valid or undecided.
 */
export function failureSignature(results: CheckResult): readonly string[] {
  const ways = Object.entries(results).flatMap(([name, result]) => {
    if (!isInvalid(result)) return [];
    return name === PROTOCOL ? protocolWays(result) : [name];
  });
  return [...ways.filter((way) => !SYMPTOMS.includes(way)), ...SYMPTOMS.filter((way) => ways.includes(way))];
}

/** The ways that name causes. Mere symptoms only if there is nothing else. */
export function tellingWays(signature: readonly string[]): readonly string[] {
  const causes = signature.filter((way) => !SYMPTOMS.includes(way));
  return causes.length > 0 ? causes : signature.slice(0, 1);
}

/** Whether a run failed in at least one of these ways. */
export function failsAlike(ways: readonly string[], results: CheckResult): boolean {
  return failureSignature(results).some((way) => ways.includes(way));
}

function isInvalid(result: unknown): result is CheckResult {
  return typeof result === 'object' && result !== null && 'valid?' in result && result['valid?'] === false;
}

function protocolWays({ violations }: CheckResult): string[] {
  const rules = Array.isArray(violations) ? violations.map(({ rule }: { rule: string }) => `${PROTOCOL}:${rule}`) : [];
  return rules.length === 0 ? [PROTOCOL] : [...new Set(rules)];
}
