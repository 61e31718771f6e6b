/** Options of an author's workload, with the real program. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parseReplay } from '../../src/harness/replay.ts';
import { snowstorm } from '../support/snowstorm-process.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const MODULES = ['-w', 'test/fixtures/library/register-workload.ts', '--node', 'test/fixtures/library/register.ts'];
const store = temporaryFolder();

it('the options of an author are shown by --help, recorded, and replayed', async () => {
  const help = await snowstorm(['fuzz', ...MODULES, '--help']);
  expect(help.stdout).toContain('Options of the workload register:');
  expect(help.stdout).toMatch(/--values N +How many values are written\. Default: 5\./);
  const args = ['--values', '2', '--node-count', '2', '--time-limit', '3', '--rate', '20', '--nemesis', 'pause'];
  const found = await snowstorm(['fuzz', ...MODULES, '--seeds', '10', '--jobs', '1', ...args, '--store', store]);
  expect(found.status).toBe(1);
  expect(found.stdout).toMatch(/Reproduce seed \d+: {2}snowstorm test .* --values 2 /);
  const [, words = ''] = /^Replay: {2}snowstorm (.*)$/m.exec(found.stdout) ?? [];
  const file = /--replay (\S+)/.exec(words)?.[1] as string;
  expect(parseReplay(readFileSync(file, 'utf8')).options.workloadOptions).toEqual({ values: '2' });
  expect((await snowstorm(words.split(' '))).status).toBe(1);
  const tested = await snowstorm(['test', ...MODULES, ...args, '--seed', '1', '--shrink', '0', '--store', store]);
  expect(tested.stderr).not.toContain('Try snowstorm');
  const results = JSON.parse(readFileSync(join(store, 'latest/results.json'), 'utf8'));
  expect(results.options.workloadOptions).toEqual({ values: '2' });
  expect(results.again).toContain('--values 2');
});
