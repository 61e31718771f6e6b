/**
 * What `README.md` shows outside of its five minutes, which are in `tour.test.ts`: every output in it that can be had here comes, and no other one is shown.
 */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { createSettle } from '../../src/host/settle.ts';
import { formatVerdict } from '../../src/report/result-block.ts';
import { investigate } from '../../src/search/fuzz.ts';
import { fuzzOptions } from '../../src/search/fuzz-defaults.ts';
import { tellStory } from '../../src/search/story.ts';
import { mutantSubject } from '../fixtures/mutants/unique-ids.ts';
import { freshCopy } from '../support/fresh-copy.ts';
import { blocksOf, commandsOf, findDifference, runCommand, sectionOf } from '../support/readme-commands.ts';

const PROJECT = fileURLToPath(new URL('../../', import.meta.url));
const README = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
const COMMAND_MS_MAX = 120_000;
/** Half a minute of real nodes, and two commands that take all cores; on a machine that has other things to do as well. */
const ALL_MS_MAX = 400_000;
/** What only somebody sees who has just cloned the project. */
const INSTALLATION = '== install (npm ci)';
/** Who runs the tests need not run them again. */
const THESE_TESTS = 'make test';

const copy = freshCopy();
const tour = commandsOf(sectionOf(README, 'Five minutes')).map(({ command }) => command);
const shown = commandsOf(README).filter(({ command, output }) => !tour.includes(command) && output.length > 0);

it('shows what its commands print', { timeout: ALL_MS_MAX }, async () => {
  const commands = shown.filter(({ command }) => command !== THESE_TESTS);
  expect(commands.map(({ command }) => command.split(' ').slice(0, 2).join(' '))).toEqual([
    'make run',
    ...['bin/snowstorm fuzz', 'bin/snowstorm explore', 'bin/snowstorm id'],
  ]);
  for (const { command, output } of commands) {
    const result = await runCommand(command, { cwd: copy, timeoutMs: COMMAND_MS_MAX });
    const expected = output.filter((line) => line !== INSTALLATION);
    expect(findDifference(expected, result.output), command).toBeUndefined();
    expect(result.status, command).toBe(0);
  }
});

it('shows the steps of the tests', async () => {
  const steps = (text: string) =>
    [...text.matchAll(/^(?:echo |@echo |\t@?echo )?'?(== [a-z][^'\n]*)'?$/gm)].map(([, step]) => step);
  const test = shown.find(({ command }) => command === THESE_TESTS);
  const { output } = await runCommand(`${THESE_TESTS} --dry-run --always-make`, {
    cwd: copy,
    timeoutMs: COMMAND_MS_MAX,
  });
  const done = steps(output).filter((step) => step !== INSTALLATION && step !== '== build');
  expect(steps((test?.output ?? []).join('\n'))).toEqual(done);
  expect(test?.output.at(-1)).toMatch(/^\d+ passed, 0 failed$/);
});

it('tells the story of the mutant as it is', async () => {
  const [story = ''] = blocksOf(README, 'text');
  const subject = mutantSubject('wall-clock-only');
  const [, seed = ''] = /^Seed (\d+),/.exec(story) ?? [];
  const context = { subject, settle: createSettle() };
  const found = await investigate(context, fuzzOptions({ seed, test: subject.test }));
  const { story: events, options, outcome, results } = found;
  const lines = tellStory({ events, options, outcome, reason: formatVerdict(results) });
  expect(story.split('\n').slice(2).join('\n')).toBe(`${lines.join('\n')}\n`);
  expect(story).toContain(`made small in ${found.runs} runs: `);
});

it('names only files that are there', () => {
  const linked = [...README.matchAll(/\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)|src="([^"]+)"/g)].map(
    ([, link, image]) => link ?? image,
  );
  expect(linked.length).toBeGreaterThan(5);
  for (const path of linked) expect(() => readFileSync(`${PROJECT}${path}`), path).not.toThrow();
});
