/** Violations: one is enough, and a long list is cut. */

import { describe, expect, it } from 'vitest';
import { type Violation, violationsChecker } from '../../src/checkers/violations.ts';
import { handwritten, THREE_NODES } from '../support/histories.ts';

function check(violations: readonly Violation[]) {
  return violationsChecker(() => violations).check(THREE_NODES, handwritten());
}

describe('violations', () => {
  it('accepts a run without any', () => {
    expect(check([])).toEqual({ 'valid?': true, count: 0, violations: [] });
  });

  it('rejects a run with one', () => {
    const violation: Violation = { node: 'n1', rule: 'not-json', text: 'the line is not JSON', line: 'ready!' };
    expect(check([violation])).toEqual({ 'valid?': false, count: 1, violations: [violation] });
  });

  it('counts all and lists the first 20', () => {
    const violations = Array.from(
      { length: 50 },
      (_, index): Violation => ({ node: 'n0', rule: 'late', text: `reply ${index}` }),
    );
    expect(check(violations)).toEqual({ 'valid?': false, count: 50, violations: violations.slice(0, 20) });
  });

  it('sees what happened after the checker was made', () => {
    const violations: Violation[] = [];
    const checker = violationsChecker(() => violations);
    violations.push({ node: 'n0', rule: 'late', text: 'a reply after the timeout' });
    expect(checker.check(THREE_NODES, handwritten())['valid?']).toBe(false);
  });

  it('lists the first of every node and rule before any second', () => {
    const garbage = (text: string): Violation => ({ node: 'n1', rule: 'json', text });
    const exit: Violation = { node: 'n1', rule: 'exit', text: 'n1 ended by itself' };
    const many = [...Array.from({ length: 30 }, (_, index) => garbage(`${index}`)), exit];
    const { violations, count } = check(many) as unknown as { violations: Violation[]; count: number };
    expect(count).toBe(31);
    expect(violations.slice(0, 3)).toEqual([garbage('0'), exit, garbage('1')]);
  });
});
