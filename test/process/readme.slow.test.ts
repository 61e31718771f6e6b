/**
 * Every command in the documents is executed in a fresh copy of the project, and its output must be as shown. The
 * commands of a document run in their order, a `cd` holds for those behind it, and all documents share one build.
 * Commands that are not executed are in `test/support/unrun-commands.ts`, with reasons.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, it } from 'vitest';
import { createSettle } from '../../src/host/settle.ts';
import { formatVerdict } from '../../src/report/result-block.ts';
import { investigate } from '../../src/search/fuzz.ts';
import { fuzzOptions } from '../../src/search/fuzz-defaults.ts';
import { tellStory } from '../../src/search/story.ts';
import { mutantSubject } from '../fixtures/mutants/unique-ids.ts';
import { type Document, documentAt, documents } from '../support/documents.ts';
import { freshCopy } from '../support/fresh-copy.ts';
import { packageRegistry } from '../support/package-registry.ts';
import { blocksOf, commandsOf, findDifference, runCommand } from '../support/readme-commands.ts';
import { findUnrun } from '../support/unrun-commands.ts';

const PROJECT = fileURLToPath(new URL('../../', import.meta.url));
const COMMAND_MS_MAX = 120_000;
/** Half a minute of real nodes, and commands that use all cores, on a busy machine. */
const DOCUMENT_MS_MAX = 400_000;
const BUILD = '== build';
/** Output that appears only after a fresh clone. */
const FIRST_STEPS = ['== install (npm ci)', BUILD];
const RECIPE = 'src/workloads/README.md';
const RECIPE_LINES_MAX = 70;

const PARTS = ['messages', 'node', 'workload'];

const copy = freshCopy();

const toRun = ({ path, text }: Document) => commandsOf(text).filter(({ command }) => !findUnrun(path, command));
const executed = documents().filter((document) => toRun(document).length > 0);
const registry = packageRegistry();

beforeAll(async () => {
  const result = await runCommand('make build', { cwd: copy, timeoutMs: COMMAND_MS_MAX });
  expect(result).toEqual({ status: 0, output: `${BUILD}\n` });
}, COMMAND_MS_MAX);

it('begins with the first README', () => {
  expect(executed[0]?.path).toBe('README.md');
});

it.each(executed.map((document) => [document.path, document] as const))(
  '%s shows what its commands print',
  { timeout: DOCUMENT_MS_MAX },
  async (_, document) => {
    let cwd = copy;
    for (const { command, output } of toRun(document)) {
      const result = await runCommand(command, { cwd, timeoutMs: COMMAND_MS_MAX, env: registry });
      const expected = output.filter((line) => !FIRST_STEPS.includes(line));
      expect(findDifference(expected, result.output), command).toBeUndefined();
      expect(result.status, command).toBe(output.some((line) => line.includes('INVALID')) ? 1 : 0);
      const [, folder] = /^cd (\S+)/.exec(command) ?? [];
      if (folder !== undefined) cwd = join(cwd, folder);
    }
    expect(cwd).toBe(copy);
  },
);

it('shows the steps of the tests', async () => {
  const steps = (text: string) =>
    [...text.matchAll(/^(?:echo |@echo |\t@?echo )?'?(== [a-z][^'\n]*)'?$/gm)].map(([, step]) => step);
  const test = commandsOf(documentAt('README.md').text).find(({ command }) => command === 'make test');
  const { output } = await runCommand('make test --dry-run --always-make', { cwd: copy, timeoutMs: COMMAND_MS_MAX });
  const done = steps(output).filter((step) => !FIRST_STEPS.includes(step as string));
  expect(steps((test?.output ?? []).join('\n'))).toEqual(done);
  expect(test?.output.at(-1)).toMatch(/^\d+ passed, 0 failed$/);
});

it('shows the story of the mutant unchanged', async () => {
  const [story = ''] = blocksOf(documentAt('src/search/README.md').text, 'text');
  const subject = mutantSubject('wall-clock-only');
  const [, seed = ''] = /^Seed (\d+),/.exec(story) ?? [];
  const context = { subject, settle: createSettle() };
  const found = await investigate(context, fuzzOptions({ seed, test: subject.test }));
  const { story: events, options, outcome, results } = found;
  const lines = tellStory({ events, options, outcome, reason: formatVerdict(results) });
  expect(story.split('\n').slice(2).join('\n')).toBe(`${lines.join('\n')}\n`);
  expect(story).toContain(`made small in ${found.runs} runs: `);
});

it(`shows the workload of the recipe unchanged, in ${RECIPE_LINES_MAX} lines`, () => {
  const sources = PARTS.map((part) => readFileSync(join(PROJECT, `src/cli/templates/workload/${part}.ts`), 'utf8'));
  expect(blocksOf(documentAt(RECIPE).text, 'ts')).toEqual(sources);
  const lines = sources.flatMap((text) => text.split('\n'));
  expect(lines.filter((line) => !/^\s*(\/\/.*|\/?\*.*|#!.*)?$/.test(line)).length).toBeLessThanOrEqual(
    RECIPE_LINES_MAX,
  );
});
