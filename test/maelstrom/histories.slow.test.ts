/**
 * The histories in `maelstrom/test/histories` through the checkers here and through those that run inside of Maelstrom: one history, one verdict. Where they
 * come from and what is in a file is told in the README beside them.
 */

import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type Checker, compose, type TestFacts, type Validity } from '../../src/checkers/checker.ts';
import { idsChecker } from '../../src/checkers/ids.ts';
import { sagaChecker } from '../../src/checkers/saga.ts';
import { voucherChecker } from '../../src/checkers/voucher.ts';
import { type HandwrittenOperation, handwritten } from '../support/histories.ts';

const MAELSTROM = new URL('../../maelstrom/', import.meta.url);
const HISTORIES = new URL('test/histories/', MAELSTROM);
const CLOJURE = fileURLToPath(new URL('clojure', MAELSTROM));
/** A virtual machine that starts on a busy machine, and some hundred histories. */
const CLOJURE_TIMEOUT_MS = 180_000;
const NANOSECONDS_PER_MILLISECOND = 1e6;

const CHECKERS: Readonly<Record<string, Checker>> = {
  ids: idsChecker(),
  saga: sagaChecker(),
  voucher: voucherChecker(),
};

interface SharedHistory {
  readonly file: string;
  readonly name: string;
  readonly workload: string;
  readonly test: TestFacts;
  readonly expected: { readonly 'valid?': Validity; readonly broken: readonly string[] };
  readonly history: readonly (HandwrittenOperation & { readonly time?: number })[];
}

/** What a checker found, in what the two languages have in common. */
interface Verdict {
  readonly 'valid?': Validity;
  /** By the names of the rules that are broken. */
  readonly broken: Readonly<Record<string, { readonly count: number }>>;
  readonly counts: Readonly<Record<string, number>>;
}

const SHARED = readdirSync(HISTORIES)
  .filter((file) => file.endsWith('.json'))
  .map((file): SharedHistory => ({ ...JSON.parse(readFileSync(new URL(file, HISTORIES), 'utf8')), file }));

function judge({ workload, test, history }: SharedHistory): Verdict {
  const operations = history.map(({ time, ...operation }) =>
    time === undefined ? operation : { ...operation, atMs: time / NANOSECONDS_PER_MILLISECOND },
  );
  // Composed, because what cannot be judged is unknown.
  const composed = compose({ checker: CHECKERS[workload] as Checker }).check(test, handwritten(...operations));
  const result = composed.checker as Readonly<Record<string, unknown>>;
  const broken: Record<string, { count: number }> = {};
  for (const [rule, { count }] of Object.entries(result as Record<string, { count: number }>))
    if (count > 0) broken[rule] = { count };
  const counts = Object.entries(result).filter(([, value]) => typeof value === 'number');
  return { 'valid?': result['valid?'] as Validity, broken, counts: Object.fromEntries(counts) as Verdict['counts'] };
}

function rulesOf({ broken }: Verdict): string[] {
  return Object.keys(broken).sort();
}

describe('the shared histories', () => {
  it('are of all workloads, and break every rule that there is', () => {
    const broken = new Set(
      SHARED.flatMap(({ workload, expected }) => expected.broken.map((rule) => `${workload} ${rule}`)),
    );
    const rules = Object.entries(CHECKERS).flatMap(([workload, checker]) =>
      Object.entries(checker.check({ nodes: [], concurrency: 1 }, handwritten()))
        .filter(([, value]) => typeof value === 'object')
        .map(([rule]) => `${workload} ${rule}`),
    );
    expect([...broken].sort()).toEqual(rules.sort());
    for (const workload of Object.keys(CHECKERS)) {
      const verdicts = SHARED.filter((shared) => shared.workload === workload).map(
        ({ expected }) => expected['valid?'],
      );
      expect(new Set(verdicts)).toEqual(new Set([true, false, 'unknown']));
    }
  });

  it.each(SHARED.map((shared) => [shared.file, shared] as const))('%s', (_file, shared) => {
    const verdict = judge(shared);
    expect(verdict['valid?']).toBe(shared.expected['valid?']);
    expect(rulesOf(verdict)).toEqual([...shared.expected.broken].sort());
  });
});

const found = spawnSync(CLOJURE, ['--find'], { encoding: 'utf8' });
const isThere = found.status === 0;
if (!isThere)
  console.warn(`SKIPPED: what the checkers inside of Maelstrom say of these histories. ${found.stderr || found.error}`);

describe('the checkers inside of Maelstrom', () => {
  const whenThere = isThere ? it : it.skip;

  whenThere(
    'say the same, of every rule and as often',
    () => {
      const run = spawnSync(CLOJURE, ['-m', 'snowstorm.check-histories', fileURLToPath(HISTORIES)], {
        encoding: 'utf8',
        timeout: CLOJURE_TIMEOUT_MS,
        maxBuffer: 1 << 28,
      });
      expect(run.stderr).toBe('');
      const verdicts = new Map<string, Verdict>();
      for (const line of run.stdout.trim().split('\n')) {
        const { file, 'valid?': valid, broken, counts } = JSON.parse(line) as Verdict & { readonly file: string };
        verdicts.set(file, { 'valid?': valid, broken, counts });
      }
      expect(verdicts.size).toBe(SHARED.length);
      for (const shared of SHARED)
        expect([shared.file, verdicts.get(shared.file)]).toEqual([shared.file, judge(shared)]);
    },
    CLOJURE_TIMEOUT_MS,
  );

  whenThere(
    'are loaded by the main that adds them, whose clients and generators do as they should',
    () => {
      const run = spawnSync(CLOJURE, ['-m', 'snowstorm.stand-in-tests'], {
        encoding: 'utf8',
        timeout: CLOJURE_TIMEOUT_MS,
      });
      expect(`${run.stdout}${run.stderr}`).toContain('0 failures, 0 errors.');
      expect(run.status).toBe(0);
    },
    CLOJURE_TIMEOUT_MS,
  );
});
