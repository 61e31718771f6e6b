/**
 * Rules beyond those of Jepsen's checkers. A result has them under `beyond`, beside Jepsen's own fields, which stay as
 * they are. A breach is a warning; in a strict check it makes the run invalid.
 */

import type { CheckResult } from './checker.ts';
import { proofsOf, type RuleReport } from './findings.ts';
import { asSentence, withProofs } from './proof.ts';

/** What a result has under `beyond`. */
export interface Beyond {
  /** Whether no rule is broken. */
  readonly 'valid?': boolean;
  /** The broken rules by name, each a {@link RuleReport}. */
  readonly [rule: string]: RuleReport | boolean;
}

/**
 * Adds `beyond` to a result.
 *
 * @param rules every rule that was judged, by name
 * @param strict whether a breach makes the result invalid, with a proof for each example
 */
export function withBeyond(
  result: CheckResult,
  rules: Readonly<Record<string, RuleReport>>,
  strict: boolean,
): CheckResult {
  const broken = Object.fromEntries(Object.entries(rules).filter(([, { count }]) => count > 0));
  const isWhole = Object.keys(broken).length === 0;
  const beyond: Beyond = { 'valid?': isWhole, ...broken };
  if (isWhole || !strict) return { ...result, beyond };
  const sentences = [result.summary ?? [], tellBroken(broken)].flat();
  return {
    ...result,
    'valid?': false,
    beyond,
    ...withProofs([...(result.proofs ?? []), ...proofsOf(broken)]),
    summary: sentences.join(' '),
  };
}

/** A sentence for each broken rule: its first example, and how many there are. */
function tellBroken(rules: Readonly<Record<string, RuleReport>>): string {
  return Object.entries(rules)
    .map(([rule, { count, examples }]) => asSentence(`${examples[0]?.problem ?? rule} (${rule}: ${count})`))
    .join(' ');
}
