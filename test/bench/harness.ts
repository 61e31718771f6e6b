/**
 * (d) The local harness at full rate: three node processes, as many operations as it can.
 */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { goalAtLeast, goalAtMost, printSection } from './measure.ts';

const SECONDS = 30;
const CONCURRENCY = '64n';

export function benchHarness(): void {
  const folder = mkdtempSync(join(tmpdir(), 'snowstorm-bench-'));
  const args = ['test', '-w', 'unique-ids', '--bin', 'bin/maelstrom-node', '--node-count', '3', '--rate', '1e9'];
  const command = [...args, '--time-limit', `${SECONDS}`, '--concurrency', CONCURRENCY, '--availability', 'total'];
  try {
    execFileSync('bin/snowstorm', [...command, '--store', folder], { stdio: ['ignore', 'ignore', 'inherit'] });
    const results = JSON.parse(readFileSync(join(folder, 'latest', 'results.json'), 'utf8'));
    const rate = results.stats['ok-count'] / SECONDS;
    printSection('(d) the local harness at full rate, 3 node processes', `bin/snowstorm ${command.join(' ')}`, [
      { name: 'operations a second, all checked', value: rate.toFixed(0), goal: goalAtLeast(rate, 40_000) },
      {
        name: 'CPU of the harness for an operation',
        value: `${((1000 * results.harness['cpu-milliseconds']) / results.stats['ok-count']).toFixed(1)} µs`,
      },
      {
        name: 'resident memory at its highest',
        value: `${results.harness['resident-megabytes-max'].toFixed(0)} MB`,
        goal: goalAtMost(results.harness['resident-megabytes-max'], 400, ' MB'),
      },
      {
        name: 'start of the command to the first operation',
        value: `${results.harness['start-milliseconds'].toFixed(0)} ms`,
        goal: goalAtMost(results.harness['start-milliseconds'], 600, ' ms'),
      },
    ]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
