/** Violations: one is enough, and a long list is cut. */

import { describe, expect, it } from 'vitest';
import { type Violation, violationsChecker } from '../../src/checkers/violations.ts';
import { handwritten, THREE_NODES } from '../support/histories.ts';

function check(violations: readonly Violation[]) {
  return violationsChecker(() => ({ violations, violationCount: violations.length })).check(THREE_NODES, handwritten());
}

describe('violations', () => {
  it('accepts a run without any', () => {
    expect(check([])).toEqual({ 'valid?': true, count: 0, violations: [] });
  });

  it('rejects a run with one', () => {
    const violation: Violation = { node: 'n1', rule: 'not-json', text: 'the line is not JSON', line: 'ready!' };
    expect(check([violation])).toEqual({
      'valid?': false,
      count: 1,
      violations: [violation],
      proofs: [
        {
          rule: 'not-json',
          problem: 'the line is not JSON',
          facts: { node: 'n1', line: 'ready!' },
          operations: [],
          operationCount: 0,
          time: undefined,
        },
      ],
      summary: 'the line is not JSON: ready!.',
    });
  });

  it('has the time in the proof, and says how many there were, with the first line shortened', () => {
    const line = `{${'x'.repeat(1000)}}`;
    const { proofs, summary } = check([
      { node: 'n0', time: 4e6, rule: 'json', text: 'n0 printed what is no JSON', line },
      { node: 'n0', time: 5e6, rule: 'json', text: 'n0 printed what is no JSON', line: 'again' },
    ]);
    expect(proofs?.map(({ time }) => time)).toEqual([4e6, 5e6]);
    expect(summary).toBe(
      `n0 printed what is no JSON: ${line.slice(0, 200)}… (the first of 2 breaches of the protocol).`,
    );
  });

  it('has no full stop after a question', () => {
    const { summary } = check([{ node: 'n0', rule: 'init', text: 'n0 did not answer: does it flush its stdout?' }]);
    expect(summary).toBe('n0 did not answer: does it flush its stdout?');
    const stopped = check([{ node: 'n0', rule: 'setup', text: 'n0 could not be set up: it is stopped.' }]);
    expect(stopped.summary).toBe('n0 could not be set up: it is stopped.');
  });

  it.each([undefined, ' '])('has no colon in the summary for the line %j', (line) => {
    const violation = { node: 'n1', rule: 'exit', text: 'n1 ended by itself: exit status 3' };
    const { summary, proofs } = check([line === undefined ? violation : { ...violation, line }]);
    expect(proofs?.[0]?.facts).toStrictEqual(line === undefined ? { node: 'n1' } : { node: 'n1', line });
    expect(summary).toBe('n1 ended by itself: exit status 3.');
  });

  it('counts all and lists the first 20', () => {
    const violations = Array.from(
      { length: 50 },
      (_, index): Violation => ({ node: 'n0', rule: 'late', text: `reply ${index}` }),
    );
    expect(check(violations)).toMatchObject({ 'valid?': false, count: 50, violations: violations.slice(0, 20) });
    expect(check(violations).proofs).toHaveLength(20);
  });

  it('sees what happened after the checker was made', () => {
    const violations: Violation[] = [];
    const checker = violationsChecker(() => ({ violations, violationCount: violations.length }));
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
