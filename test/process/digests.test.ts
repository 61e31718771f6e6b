/**
 * The fuzz as it is built: ten seeds of every workload, none of which fails, each run twice with the same lines, and
 * the same lines as ever. `digests.slow.test.ts` goes through more seeds.
 */

import { describe, expect, it } from 'vitest';
import { WORKLOADS } from '../../src/workloads/registry.ts';
import { expectDigest } from '../support/recorded-digests.ts';
import { snowstorm } from '../support/snowstorm-process.ts';

describe.each(WORKLOADS.map(({ name }) => name))('a fuzz of %s', (name) => {
  it('finds nothing in ten seeds, and the same runs twice and as ever', async () => {
    const fuzz = ['fuzz', '-w', name, '--seeds', '10', '--check-determinism', '--store', 'none'];
    const { status, stdout, stderr } = await snowstorm(fuzz);
    expect(status, stdout + stderr).toBe(0);
    expect(stdout).toMatch(/^10 seeds, [\d,]{5,} operations in [\d.]+ s: 0 failed$/m);
    const digest = /^digest of 10 histories and message logs: ([0-9a-f]{64})$/m.exec(stdout)?.[1];
    expectDigest('digests-of-ten.json', name, digest);
  });
});
