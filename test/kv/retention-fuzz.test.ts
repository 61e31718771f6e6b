/**
 * Retention keeps exactly once true, whatever happens: random runs of the real services, and mutants that are found by
 * such runs.
 */

import { describe, expect, it } from 'vitest';
import { RETENTION_MUTANTS } from '../support/retention-mutants.ts';
import { GRACE_MS, RETAIN_MS, type RetentionRig } from '../support/retention-rig.ts';
import { runRetention } from '../support/retention-run.ts';

const BLOCKS = [0, 1, 2];
const SEEDS_A_BLOCK = 20;
/** Seeds within which a mutant must be found. */
const SEEDS_A_MUTANT = 40;
const TIMEOUT_MS = 120_000;

describe('with retention, slow and lost calls, pauses, kills and wrong clocks', () => {
  it.each(BLOCKS)(
    'every request is carried out at most once and has one answer: seeds %i',
    async (block) => {
      let removedCount = 0;
      for (let seed = block * SEEDS_A_BLOCK; seed < (block + 1) * SEEDS_A_BLOCK; seed++) {
        const { rig, violations } = await runRetention({ seed });
        expect({ seed, violations }).toEqual({ seed, violations: [] });
        removedCount += rig.removedCounts.get('s') ?? 0;
      }
      expect(removedCount).toBeGreaterThan(100);
    },
    TIMEOUT_MS,
  );

  it.each(Object.entries(RETENTION_MUTANTS))(
    'a promise is broken by an instance that %s',
    async (_name, mutant) => {
      for (let seed = 0; seed < SEEDS_A_MUTANT; seed++) {
        const mutantOf = (name: string) => (name === 'n0' ? mutant : undefined);
        const { violations } = await runRetention({ seed, rate: 4, mutantOf });
        // What clients can see, not only what the engine sees.
        if (violations.some((text) => !text.includes('younger than the horizon'))) return;
      }
      throw new Error(`${SEEDS_A_MUTANT} seeds have not found it`);
    },
    TIMEOUT_MS,
  );
});

describe('what is stored of requests', () => {
  const PREFIXES = ['s/', 'guid/', 'guid-page/'];
  /** The most documents in the second quarter of a run, and in the last one. */
  const measure = async (retains: boolean) => {
    const counts: number[] = [];
    const count = (rig: RetentionRig) => PREFIXES.reduce((sum, prefix) => sum + rig.stored(prefix).size, 0);
    await runRetention({
      seed: 1,
      retains,
      faults: false,
      lengthMs: 12 * RETAIN_MS,
      onGrace: (rig) => counts.push(count(rig)),
    });
    const quarter = (3 * RETAIN_MS) / GRACE_MS;
    return [Math.max(...counts.slice(quarter, 2 * quarter)), Math.max(...counts.slice(3 * quarter))] as const;
  };

  it('stays the same in a long run', async () => {
    const [early, late] = await measure(true);
    expect(early).toBeGreaterThan(10);
    expect(late).toBeLessThan(1.4 * early);
  });

  it('grows without retention', async () => {
    const [early, late] = await measure(false);
    expect(late).toBeGreaterThan(1.6 * early);
  });
});
