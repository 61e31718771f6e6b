/**
 * Each key must be a linearizable register with `read`, `write` and `cas`. Values are pairs `[key, value]`; that of a
 * `cas` is `[key, [from, to]]`.
 *
 * Source: `jepsen.tests.linearizable-register`, `jepsen.independent`, Knossos. As there, a register begins with null, a
 * read of null is always possible, and what failed never happened and says nothing.
 *
 * Beyond it, under `beyond`: what was refused or not found says something, too. `not-found` a read or cas with error 20
 * finds no value. `refused-cas` a cas with error 22 finds another value than the one it expects. `null-read` a read of
 * null finds no value. Each is one more operation that must have its place, so a breach means: the key is linearizable
 * without those answers, and not with them.
 */

import { withBeyond } from '../../../checkers/beyond.ts';
import type { Checker, CheckResult } from '../../../checkers/checker.ts';
import { Findings, type RuleReport } from '../../../checkers/findings.ts';
import { independentResult, keyText, type Part, partsByKey, unkeyedValueAt } from '../../../checkers/independent.ts';
import { type Calls, collectCalls } from '../../../checkers/linearizability/calls.ts';
import {
  type Counterexample,
  isLinearizable,
  linearizableResult,
} from '../../../checkers/linearizability/linearizable.ts';
import { casRegisterModel, NOT_FOUND, REFUSED, strictRegisterModel } from '../../../checkers/linearizability/model.ts';
import type { Proof } from '../../../checkers/proof.ts';
import type { History } from '../../../history/history.ts';
import { stringifyExact } from '../../../protocol/exact-json.ts';

interface LinKvOptions {
  /** Whether a breach of `beyond` makes the run invalid. */
  readonly strict: boolean;
}

/** What an answer counts as that is under a rule. */
const RULES: Readonly<Record<string, string>> = {
  'not-found': NOT_FOUND,
  'refused-cas': REFUSED,
  'null-read': NOT_FOUND,
};
const NO_KEY = 'key-does-not-exist';
const OTHER_VALUE = 'precondition-failed';

export function linKvChecker({ strict }: LinKvOptions): Checker {
  return {
    check(_test, history) {
      const parts = partsByKey(history);
      const result = independentResult(parts, (part) => judgeKey(history, part));
      return withBeyond(result, judgeBeyond(history, parts, result), strict);
    },
  };
}

function judgeKey(history: History, part: Part): CheckResult {
  requirePairs(history, part);
  const calls = collectCalls(history, part.events, { valueAt: unkeyedValueAt(history) });
  const options = { model: casRegisterModel, name: nameOf(part) };
  const { proofs = [], summary, ...linearizable } = linearizableResult(calls, options);
  return {
    'valid?': linearizable['valid?'],
    linearizable,
    ...(proofs.length > 0 && { proofs }),
    ...(summary !== undefined && { summary }),
  };
}

/** Throws an Error that names a cas that does not say what to compare with and what to set. */
function requirePairs(history: History, { events }: Part): void {
  const valueAt = unkeyedValueAt(history);
  for (const index of events) {
    if (history.functionAt(index) !== 'cas') continue;
    const value = valueAt(index);
    if (!Array.isArray(value) || value.length !== 2)
      throw new Error(`operation ${index} is a cas of ${stringifyExact(value ?? null)}, not of [from, to]`);
  }
}

function nameOf({ key }: Part): string {
  return `key ${keyText(key)}`;
}

/** Every rule, by name. Keys that are not valid without them are left out: nothing can be said of these. */
function judgeBeyond(
  history: History,
  parts: readonly Part[],
  { results }: CheckResult,
): Readonly<Record<string, RuleReport>> {
  const findings = new Map(Object.keys(RULES).map((rule) => [rule, new Findings()]));
  const verdicts = results as Readonly<Record<string, CheckResult>>;
  for (const part of parts) {
    if (verdicts[keyText(part.key)]?.['valid?'] === true) judgePart(history, part, findings);
  }
  return Object.fromEntries([...findings].map(([rule, found]) => [rule, found.report()]));
}

function judgePart(history: History, part: Part, findings: ReadonlyMap<string, Findings>): void {
  const named = rulesOf(history, part);
  const options = { model: strictRegisterModel, name: nameOf(part) };
  // All together first: what is possible with all rules is possible with each.
  if (named.length === 0 || isLinearizable(collectAnswers(history, part, named), options) === true) return;
  for (const rule of named) {
    const calls = collectAnswers(history, part, [rule]);
    if (isLinearizable(calls, options) !== false) continue;
    const { counterexample, proofs = [] } = linearizableResult(calls, options);
    const { problem, order } = proofs[0] as Proof;
    const { op, concurrent } = counterexample as Counterexample;
    const operations = [op, ...concurrent].map(({ index }) => index);
    findings.get(rule)?.add(problem, {
      operations,
      key: part.key,
      order,
    });
  }
}

/** The rules that say anything of a key. */
function rulesOf(history: History, { events }: Part): readonly string[] {
  const found = new Set<string>();
  for (const index of events) {
    const rule = ruleAt(history, index);
    if (rule !== undefined) found.add(rule);
  }
  return [...found];
}

function collectAnswers(history: History, part: Part, rules: readonly string[]): Calls {
  return collectCalls(history, part.events, {
    valueAt: unkeyedValueAt(history),
    nameAt: (index) => {
      const rule = ruleAt(history, index);
      return rule === undefined || !rules.includes(rule) ? undefined : RULES[rule];
    },
  });
}

/** The rule that a completion is under. */
function ruleAt(history: History, index: number): string | undefined {
  const type = history.typeAt(index);
  if (type !== 'ok' && type !== 'fail') return undefined;
  const f = history.functionAt(index);
  if (type === 'ok') return f === 'read' && (unkeyedValueAt(history)(index) ?? null) === null ? 'null-read' : undefined;
  if (f !== 'read' && f !== 'cas') return undefined;
  const [error] = [history.errorAt(index)].flat();
  if (error === NO_KEY) return 'not-found';
  return error === OTHER_VALUE && f === 'cas' ? 'refused-cas' : undefined;
}
