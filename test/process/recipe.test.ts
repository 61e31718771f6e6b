/**
 * The recipe for a workload of one's own in `src/README.md`, done as it is told there: the workload that it shows is right, on real processes too, and the
 * mistake that it shows is found.
 */

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { freshCopy } from '../support/fresh-copy.ts';
import { blocksOf, commandsOf, findDifference, runCommand, sectionOf } from '../support/readme-commands.ts';

const PROJECT = fileURLToPath(new URL('../../', import.meta.url));
const RECIPE = sectionOf(readFileSync(join(PROJECT, 'src/README.md'), 'utf8'), 'A new workload');
const LINES_MAX = 60;
const COMMAND_MS_MAX = 60_000;
/** On a machine that has other things to do as well, ms. */
const RECIPE_MS_MAX = 300_000;

const copy = freshCopy();
const fixture = (name: string) => readFileSync(join(PROJECT, 'test/fixtures/recipe', name), 'utf8');

it('shows the workload and the mistake as they are', () => {
  expect(blocksOf(RECIPE, 'ts')).toEqual([fixture('counter.ts')]);
  expect(blocksOf(RECIPE, 'diff')).toEqual([fixture('counter-that-forgets.diff')]);
});

it(`has a workload of ${LINES_MAX} lines`, () => {
  const lines = fixture('counter.ts').split('\n');
  expect(lines.filter((line) => !/^\s*(\/\/.*|\/?\*.*)?$/.test(line)).length).toBeLessThanOrEqual(LINES_MAX);
});

it('does what it says', { timeout: RECIPE_MS_MAX }, async () => {
  const commands = commandsOf(RECIPE);
  expect(commands.map(({ command }) => command.split(' ').slice(0, 2).join(' '))).toEqual([
    ...['cp test/fixtures/recipe/counter.ts', 'git apply', 'make build', 'bin/snowstorm fuzz', 'bin/snowstorm test'],
    ...['git apply', 'make build', 'bin/snowstorm fuzz'],
  ]);
  for (const { command, output } of commands) {
    const result = await runCommand(command, { cwd: copy, timeoutMs: COMMAND_MS_MAX });
    expect(findDifference(output, result.output), command).toBeUndefined();
    expect(result.status, command).toBe(output.some((line) => line.includes('INVALID')) ? 1 : 0);
    // The types of the core, with the workload in its place.
    if (command.endsWith('registry.diff'))
      execFileSync('node_modules/.bin/tsc', ['-p', 'src/tsconfig.core.json'], { cwd: copy, stdio: 'pipe' });
  }
});
