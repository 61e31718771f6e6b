/**
 * The runs of dozens of seeds of every workload are as recorded: none may fail, and the digest of all operations and
 * messages is the same. It was recorded in another process, so a run that depends on chance differs.
 */

import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { RunDigest } from '../../src/host/records/run-lines.ts';
import { createSettle } from '../../src/host/settle.ts';
import { runSeed } from '../../src/search/fuzz.ts';
import { fuzzOptions } from '../../src/search/fuzz-defaults.ts';
import { subjectOf, WORKLOADS } from '../../src/workloads/registry.ts';
import { expectDigest } from '../support/recorded-digests.ts';

const SEEDS = 100;
/** Workloads whose runs cost ten times as much. */
const SEEDS_OF: ReadonlyMap<string, number> = new Map([
  ['voucher', 50],
  ['saga', 40],
  ['lin-kv', 40],
  ['txn-rw-register', 50],
]);
/** Long enough for a busy machine, ms. */
const FUZZ_MS = 300_000;

describe.each(WORKLOADS.map((workload) => [workload.name, workload] as const))('a fuzz of %s', (name, workload) => {
  const seeds = SEEDS_OF.get(name) ?? SEEDS;
  it(`finds nothing in ${seeds} seeds, and the runs are as recorded`, { timeout: FUZZ_MS }, async () => {
    const context = { subject: subjectOf(workload), settle: createSettle() };
    const digestOfAll = createHash('sha256');
    let operationCount = 0;
    for (let number = 1; number <= seeds; number++) {
      const seed = String(number);
      const digest = new RunDigest();
      const verdict = await runSeed(context, fuzzOptions({ seed, test: workload.test }), digest.observer);
      expect(verdict.validity, `seed ${seed}: ${verdict.signature}`).toBe(true);
      operationCount += verdict.operationCount;
      digestOfAll.update(`${seed} ${digest.finish()}\n`);
    }
    expect(operationCount).toBeGreaterThanOrEqual(1000);
    expectDigest('digests.json', name, digestOfAll.digest('hex'));
  });
});
