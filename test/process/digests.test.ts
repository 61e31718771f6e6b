/**
 * The built fuzz with ten seeds of every workload: none fails, and two runs of a seed have the same lines, which are as
 * recorded. `digests.slow.test.ts` has more seeds.
 */

import { describe, expect, it } from 'vitest';
import { WORKLOADS } from '../../src/workloads/registry.ts';
import { expectDigest } from '../support/recorded-digests.ts';
import { snowstorm } from '../support/snowstorm-process.ts';

describe.each(WORKLOADS.map(({ name }) => name))('a fuzz of %s', (name) => {
  it('finds nothing in ten seeds, and both runs of each are as recorded', async () => {
    const fuzz = ['fuzz', '-w', name, '--seeds', '10', '--swarm', 'off', '--check-determinism', '--store', 'none'];
    const { status, stdout, stderr } = await snowstorm(fuzz);
    expect(status, stdout + stderr).toBe(0);
    expect(stdout).toMatch(/^10 seeds, [\d,]{5,} operations in [\d.]+ s: 0 failed$/m);
    const digest = /^digest of 10 histories and message logs: ([0-9a-f]{64})$/m.exec(stdout)?.[1];
    expectDigest('digests-of-ten.json', name, digest);
  });
});
