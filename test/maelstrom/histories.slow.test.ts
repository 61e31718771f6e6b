/**
 * The same histories through the checkers here and through those that run inside of Maelstrom: one history, one
 * verdict.
 */

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { HISTORIES, judge, MAELSTROM, SHARED, type Verdict } from '../support/shared-histories.ts';

const CLOJURE = fileURLToPath(new URL('clojure', MAELSTROM));
/** A virtual machine that starts on a busy machine, and some hundred histories. */
const CLOJURE_TIMEOUT_MS = 180_000;

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
