/**
 * Histories of lin-kv that went before Knossos: the verdict on every key, and what shows a bad one, must be the same.
 *
 * What Knossos tells of a good key depends on which of its two algorithms wins, so it is not compared. `last-op` and
 * the paths come in the order of hash sets.
 */

import { describe, expect, it } from 'vitest';
import type { CheckResult } from '../../../../src/checkers/checker.ts';
import { linKvChecker } from '../../../../src/workloads/lin-kv/checker/lin-kv-checker.ts';
import { readCorpus } from '../../../support/checker-corpus.ts';
import { THREE_NODES } from '../../../support/histories.ts';

const CASES = readCorpus('lin-kv');
const judge = (name: string) => {
  const { history } = CASES.find((other) => other.name === name) as (typeof CASES)[number];
  return linKvChecker({ strict: false }).check(THREE_NODES, history);
};

type Keys = Readonly<Record<string, { readonly 'valid?': unknown; readonly linearizable: CheckResult }>>;

/** What must be the same: for a bad key the fields that were recorded, sets in one order. */
function shown(result: CheckResult, recorded: CheckResult) {
  const keys = Object.entries(result.results as Keys).map(([key, { 'valid?': valid, linearizable }]) => {
    const fields = valid === false ? Object.keys((recorded.results as Keys)[key]?.linearizable ?? {}) : [];
    return [key, valid, Object.fromEntries(fields.map((field) => [field, inOrder(field, linearizable[field])]))];
  });
  return { 'valid?': result['valid?'], failures: result.failures, keys: keys.sort() };
}

function inOrder(field: string, value: unknown): unknown {
  return field === 'final-paths' ? (value as unknown[]).map((path) => canonical(path)).sort() : canonical(value);
}

/** With all members in one order. */
function canonical(value: unknown): unknown {
  return JSON.stringify(value, (_key, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort())
      : member,
  );
}

describe('the corpus of lin-kv', () => {
  it.each(CASES)('$name is judged as by Knossos', ({ name, result }) => {
    expect(shown(judge(name), result)).toEqual(shown(result, result));
  });

  it('has good and bad runs', () => {
    const verdicts = CASES.map(({ result }) => result['valid?']);
    expect([verdicts.filter((valid) => valid === true).length, verdicts.filter((valid) => !valid).length]).toEqual([
      327, 86,
    ]);
  });
});
