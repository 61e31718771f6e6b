/** The proofs of checkers that have rules with examples. */

import { expect } from 'vitest';
import type { CheckResult } from '../../src/checkers/checker.ts';
import type { Finding } from '../../src/checkers/findings.ts';

/** Expects a proof for every example of these rules, up to 24 of them, and the first problem as the summary. */
export function expectProofs(result: CheckResult, rules: readonly string[]): void {
  const expected = rules.flatMap((rule) =>
    (result[rule] as { readonly examples: readonly Finding[] }).examples.map(
      ({ problem, operation, operations = [operation] }) => ({ rule, problem, operations: ascending(operations) }),
    ),
  );
  const proofs = result.proofs?.map(({ rule, problem, operations }) => ({ rule, problem, operations }));
  expect(proofs).toEqual(expected.length === 0 ? undefined : expected.slice(0, 24));
  const first = expected[0]?.problem;
  if (first !== undefined) expect(result.summary).toBe(`${first.slice(0, 1).toUpperCase()}${first.slice(1)}.`);
}

function ascending(operations: readonly (number | undefined)[]): number[] {
  const known = operations.filter((operation) => operation !== undefined);
  return [...new Set(known)].sort((one, other) => one - other);
}
