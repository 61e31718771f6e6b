/**
 * Nodes as strangers would write them, in TypeScript with the package alone: their mistakes are found within 200 seeds.
 * They have the copy of the code that the build made, and the simulator here is another one.
 */

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { loadDefaultExport } from '../../src/host/modules/load-module.ts';
import type { NodeDefinition } from '../../src/library/node.ts';
import { fuzz, type WorkloadDefinition } from '../../src/library/testing.ts';

const LINES_MAX = 80;
const SEEDS = 200;
/** On a busy machine one run takes seconds, and two of full length come first. */
const SHRINK_MS = 20_000;

async function load(name: string): Promise<NodeDefinition> {
  return (await loadDefaultExport(`test/fixtures/library/${name}.ts`)) as NodeDefinition;
}

describe.each([
  ['broadcast', 'broadcast', /\d+ elements? (was|were) lost/],
  ['counter', 'g-counter', /final reads? (is|are) wrong/],
  ['kafka', 'kafka', /The run is INVALID/],
])('the mistake of a %s', (name, workload, reason) => {
  it(`is found by fuzzing ${workload}`, async () => {
    expect(readFileSync(`test/fixtures/library/${name}.ts`, 'utf8').split('\n').length).toBeLessThanOrEqual(LINES_MAX);
    const report = await fuzz({ node: await load(name), workload, seeds: SEEDS, shrinkMs: SHRINK_MS });
    expect(report).toMatchObject({ valid: false, impurities: [] });
    expect(report.verdict).toMatch(reason);
    expect(report.schedule).toBeDefined();
  });
});

it('a register that nodes remember is found by a workload of the author', async () => {
  const workload = (await loadDefaultExport('test/fixtures/library/register-workload.ts')) as WorkloadDefinition;
  const report = await fuzz({ node: await load('register'), workload, seeds: SEEDS, shrinkMs: SHRINK_MS });
  expect(report).toMatchObject({ valid: false, impurities: [] });
  expect(report.story).toMatch(/write ok \d[\s\S]*read ok \d\nThe run is INVALID\. Read \d of process \d+/);
});

it('a set in a journal survives kills and power failures', async () => {
  const node = await load('durable-set');
  expect(node.survives).toContain('disk-torn');
  const report = await fuzz({ node, workload: 'g-set', seeds: 20 });
  expect(report.verdict).toMatch(/^20 seeds, [\d,]+ operations: all valid$/);
});

it('a broadcast that repeats what was not acknowledged is right', async () => {
  const report = await fuzz({ node: await load('right-broadcast'), workload: 'broadcast', seeds: 20 });
  expect(report.verdict).toMatch(/^20 seeds, [\d,]+ operations: all valid$/);
});
