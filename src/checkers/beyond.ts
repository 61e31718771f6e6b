/**
 * Rules beyond those of Jepsen's checkers. A result has them under `beyond`, beside Jepsen's own fields, which stay as
 * they are. A breach is a warning; in a strict check it makes the run invalid.
 */

import { isRecord } from '../protocol/message.ts';
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
  const sentences = [result.summary ?? [], ...tellBroken(broken)].flat();
  return {
    ...result,
    'valid?': false,
    beyond,
    ...withProofs([...(result.proofs ?? []), ...proofsOf(broken)]),
    summary: sentences.join(' '),
  };
}

/** A sentence for each broken rule: its first example, and how many there are. */
function tellBroken(rules: Readonly<Record<string, RuleReport>>): readonly string[] {
  return Object.entries(rules).map(([rule, { count, examples }]) =>
    asSentence(`${examples[0]?.problem ?? rule} (${rule}: ${count})`),
  );
}

/**
 * The broken rules that are no proofs, as a result or its record has them: those of a check that is not strict.
 */
export function warningsIn({ beyond, proofs }: CheckResult): Readonly<Record<string, RuleReport>> {
  if (!isRecord(beyond)) return {};
  const proven = new Set(Array.isArray(proofs) ? proofs.map((proof: unknown) => isRecord(proof) && proof.rule) : []);
  const broken = Object.entries(beyond).filter(([rule, report]) => isReport(report) && !proven.has(rule));
  return Object.fromEntries(broken) as Readonly<Record<string, RuleReport>>;
}

/** The same, a sentence for each. */
export function describeWarnings(result: CheckResult): readonly string[] {
  return tellBroken(warningsIn(result));
}

/** A record may hold anything. */
function isReport(report: unknown): report is RuleReport {
  if (!isRecord(report) || typeof report.count !== 'number' || !Array.isArray(report.examples)) return false;
  return report.examples.every(
    (example) => isRecord(example) && typeof example.problem === 'string' && Array.isArray(example.operations ?? []),
  );
}
