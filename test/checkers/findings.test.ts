/** Findings: all are counted, the first of each rule are examples, and examples are proofs. */

import { describe, expect, it } from 'vitest';
import { Findings, proofsOf } from '../../src/checkers/findings.ts';
import { withProofs } from '../../src/checkers/proof.ts';

function findings(count: number): Findings {
  const found = new Findings();
  for (let number = 1; number <= count; number++) found.add(`problem ${number}`, { operation: number });
  return found;
}

const proof = (rule: string, number: number) => ({
  rule,
  problem: `problem ${number}`,
  facts: {},
  operations: [number],
  operationCount: 1,
});

describe('findings', () => {
  it('are none at first', () => {
    expect(findings(0).report()).toEqual({ count: 0, examples: [] });
  });

  it('are all counted, and the first eight are examples', () => {
    const { count, examples } = findings(9).report();
    expect(count).toBe(9);
    expect(examples).toEqual(
      Array.from({ length: 8 }, (_, index) => ({ problem: `problem ${index + 1}`, operation: index + 1 })),
    );
  });
});

describe('the proofs of rules', () => {
  it('are their examples, in the order of the rules', () => {
    const rules = { 'b-rule': findings(1).report(), 'kept-rule': findings(0).report(), 'a-rule': findings(2).report() };
    expect(proofsOf(rules)).toEqual([proof('b-rule', 1), proof('a-rule', 1), proof('a-rule', 2)]);
  });

  it('name each operation once, ascending, and leave out those that never were', () => {
    const found = new Findings();
    found.add('bad', { account: 'a', operation: 9, operations: [10, undefined, 2, 9] });
    found.add('worse', { account: 'b' });
    expect(proofsOf({ rule: found.report() })).toEqual([
      { rule: 'rule', problem: 'bad', facts: { account: 'a' }, operations: [2, 9, 10], operationCount: 3 },
      { rule: 'rule', problem: 'worse', facts: { account: 'b' }, operations: [], operationCount: 0 },
    ]);
  });

  it('show the first sixteen operations and say how many there are', () => {
    const found = new Findings();
    found.add('bad', { operations: Array.from({ length: 17 }, (_, index) => 16 - index) });
    const [{ operations, operationCount } = proof('none', 0)] = proofsOf({ rule: found.report() });
    expect(operations).toEqual(Array.from({ length: 16 }, (_, index) => index));
    expect(operationCount).toBe(17);
  });

  it('are at most two dozen in a result, and absent if there are none', () => {
    const rules = Object.fromEntries(['a', 'b', 'c', 'd'].map((rule) => [rule, findings(8).report()]));
    const { proofs } = withProofs(proofsOf(rules));
    expect(proofs).toEqual(proofsOf(rules).slice(0, 24));
    expect(proofs?.at(-1)).toEqual(proof('c', 8));
    expect(withProofs([])).toEqual({});
  });
});
