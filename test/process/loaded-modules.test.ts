/** What the programs load of Node: a start waits for it. */

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../support/temporary-folder.ts';

const folder = temporaryFolder();
const hook = join(folder, 'hook.cjs');
writeFileSync(
  hook,
  "process.on('exit', () => console.log(process.moduleLoadList.includes('NativeModule http') ? 'with http' : 'without'));",
);

it.each<[string, string, readonly string[]]>([
  ['maelstrom-node', 'without', ['--state-dir', 'none']],
  ['chaos', 'without', ['--help']],
  ['snowstorm', 'without', ['--version']],
  ['snowstorm', 'without', ['test', '-w', 'unique-ids', '--time-limit', '0', '--store', 'none']],
  ['snowstorm', 'without', ['fuzz', '-w', 'echo', '--seeds', '1']],
  // So that the question itself is right.
  ['snowstorm', 'with http', ['serve-store', '--help']],
])('%s starts %s what only services need: %j', (program, expected, args) => {
  const output = execFileSync(process.execPath, ['--require', hook, join('bin', program), ...args], {
    ...{ encoding: 'utf8', input: '', stdio: ['pipe', 'pipe', 'ignore'] },
  });
  expect(output.trim().split('\n').at(-1)).toBe(expected);
});
