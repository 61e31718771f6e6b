/**
 * Recorded digests of runs, by workload. `make digests` records them again after an intended change of runs.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'vitest';

/** @param file its name in `test/data`: JSON, an object of digests in hexadecimal by the names of workloads */
export function expectDigest(file: string, workload: string, digest: string | undefined): void {
  const url = new URL(`../data/${file}`, import.meta.url);
  const digests = JSON.parse(readFileSync(url, 'utf8'));
  if (process.env.UPDATE_DIGESTS === '1') {
    expect(digest).toMatch(/^[0-9a-f]{64}$/);
    writeFileSync(url, `${JSON.stringify({ ...digests, [workload]: digest }, null, 2)}\n`);
  } else expect(digest, 'make digests records it anew, if runs are meant to change').toBe(digests[workload]);
}
