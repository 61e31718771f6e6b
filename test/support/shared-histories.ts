/**
 * The histories in `maelstrom/test/histories`, shared with the checkers inside Maelstrom, and the verdicts of the
 * checkers here.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { type Checker, compose, type TestFacts, type Validity } from '../../src/checkers/checker.ts';
import { idsChecker } from '../../src/workloads/ids/checker/ids-checker.ts';
import { sagaChecker } from '../../src/workloads/saga/checker/saga-checker.ts';
import { voucherChecker } from '../../src/workloads/voucher/checker/voucher-checker.ts';
import { type HandwrittenOperation, handwritten } from './histories.ts';

export const MAELSTROM = new URL('../../maelstrom/', import.meta.url);
export const HISTORIES = new URL('test/histories/', MAELSTROM);
const NANOSECONDS_PER_MILLISECOND = 1e6;

export const CHECKERS: Readonly<Record<string, Checker>> = {
  ids: idsChecker(),
  saga: sagaChecker(),
  voucher: voucherChecker(),
};

/** Only our harness asks for feeds of assignments. */
const COUNT_OF_FEEDS = 'delivered-count';

interface SharedHistory {
  readonly file: string;
  readonly name: string;
  readonly workload: string;
  readonly test: TestFacts;
  readonly expected: { readonly 'valid?': Validity; readonly broken: readonly string[] };
  readonly history: readonly (HandwrittenOperation & { readonly time?: number })[];
}

/** The findings of a checker, in a form that both languages share. */
export interface Verdict {
  readonly 'valid?': Validity;
  /** By the names of the broken rules. */
  readonly broken: Readonly<Record<string, { readonly count: number }>>;
  readonly counts: Readonly<Record<string, number>>;
}

export const SHARED = readdirSync(HISTORIES)
  .filter((file) => file.endsWith('.json'))
  .map((file): SharedHistory => ({ ...JSON.parse(readFileSync(new URL(file, HISTORIES), 'utf8')), file }));

export function judge({ workload, test, history }: SharedHistory): Verdict {
  const operations = history.map(({ time, ...operation }) =>
    time === undefined ? operation : { ...operation, atMs: time / NANOSECONDS_PER_MILLISECOND },
  );
  // Composed, so that a history that cannot be judged gives unknown.
  const composed = compose({ checker: CHECKERS[workload] as Checker }).check(test, handwritten(...operations));
  const result = composed.checker as Readonly<Record<string, unknown>>;
  const broken: Record<string, { count: number }> = {};
  for (const [rule, { count }] of Object.entries(result as Record<string, { count: number }>))
    if (count > 0) broken[rule] = { count };
  const counts = Object.entries(result).filter(([name, value]) => typeof value === 'number' && name !== COUNT_OF_FEEDS);
  return { 'valid?': result['valid?'] as Validity, broken, counts: Object.fromEntries(counts) as Verdict['counts'] };
}

export function rulesOf({ broken }: Verdict): string[] {
  return Object.keys(broken).sort();
}
