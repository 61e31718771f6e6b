/**
 * What `snowstorm new` writes, as its reader uses it: by the packed package in an empty folder, with the commands of
 * its README, whose output must be as shown. `SNOWSTORM_TEST_NODES` may name more Node binaries, as in
 * `package.slow.test.ts`.
 */

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, statSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { KINDS } from '../../src/cli/new-folder.ts';
import { packageRegistry } from '../support/package-registry.ts';
import { blocksInOrder, type Command, commandsOf, findDifference, runCommand } from '../support/readme-commands.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const MORE_NODES = (process.env.SNOWSTORM_TEST_NODES ?? '').split(delimiter).filter(Boolean);
const COMMAND_MS_MAX = 180_000;
const FOLDER_MS_MAX = 600_000;

const root = temporaryFolder();
const registry = packageRegistry();
const app = join(root, 'app');

/** @param node the binary that all programs are run with */
async function run(
  command: string,
  cwd: string,
  node = process.execPath,
): Promise<{ status: number | null; output: string }> {
  const env = { ...registry, PATH: `${dirname(node)}${delimiter}${process.env.PATH}` };
  return runCommand(command, { cwd, timeoutMs: COMMAND_MS_MAX, env });
}

/** The status of a command whose output is shown. */
function statusOf({ output }: Command): number {
  return output.some((line) => /INVALID|^✖/.test(line)) ? 1 : 0;
}

/** Does what the README in a folder says, and changes what it changes. */
async function follow(folder: string, node?: string): Promise<void> {
  for (const { language, text } of blocksInOrder(readFileSync(join(folder, 'README.md'), 'utf8'))) {
    if (language === 'diff') execFileSync('git', ['apply', '-'], { cwd: folder, input: text });
    if (language !== 'console') continue;
    for (const command of commandsOf(`\`\`\`console\n${text}\`\`\`\n`)) {
      const { status, output } = await run(command.command, folder, node);
      expect(findDifference(command.output, output), command.command).toBeUndefined();
      expect(status, `${command.command}\n${output}`).toBe(statusOf(command));
    }
  }
}

/** All of them take minutes: `STARTS=all`. */
const FOLLOWED = process.env.STARTS === 'all' ? Object.keys(KINDS) : ['counter', 'workload'];

it('is written by the packed package', { timeout: FOLDER_MS_MAX }, async () => {
  const packed = execFileSync('npm', ['pack', '.', '--ignore-scripts', '--silent', '--pack-destination', root]);
  mkdirSync(app);
  expect(await run(`npm install ../${packed.toString().trim()}`, app)).toMatchObject({ status: 0 });
  const starts = [...Object.keys(KINDS).map((kind) => [kind, kind, '']), ['counter', 'counter-plain', '--js']];
  for (const [kind, folder, options] of starts) {
    const { status, output } = await run(`npx snowstorm new ${kind} ../${folder} ${options}`, app);
    expect({ status, output }).toMatchObject({ status: 0, output: expect.stringContaining(`Wrote ${kind} to ../`) });
  }
  expect(statSync(join(root, 'counter/node.ts')).mode & 0o111).toBe(0o111);
});

describe.each(FOLLOWED)('a %s', (kind) => {
  const folder = join(root, kind);

  it('does what its README says, and its types are right', { timeout: FOLDER_MS_MAX }, async () => {
    expect(await run('npm install', folder)).toMatchObject({ status: 0 });
    expect(await run('npm run types', folder)).toMatchObject({ status: 0 });
    await follow(folder);
    expect(await run('npm run types', folder)).toMatchObject({ status: 0 });
  });
});

describe('a node that was mended', () => {
  it.each(FOLLOWED.filter((kind) => kind === 'broadcast' || kind === 'counter'))(
    'is valid as processes: %s',
    async (kind) => {
      const { status, output } = await run('npm run processes', join(root, kind));
      expect({ status, output }).toMatchObject({
        status: 0,
        output: expect.stringContaining('Everything looks good! The run is valid.'),
      });
    },
  );
});

describe('in plain JavaScript', () => {
  it('a counter does what its README says, also as processes', { timeout: FOLDER_MS_MAX }, async () => {
    const folder = join(root, 'counter-plain');
    await follow(folder);
    expect(await run('npm run processes', folder)).toMatchObject({ status: 0 });
  });
});

describe.each(MORE_NODES)('with %s', (node) => {
  it('a workload of your own does what its README says', { timeout: FOLDER_MS_MAX }, async () => {
    const folder = join(root, `workload-${MORE_NODES.indexOf(node)}`);
    expect(await run(`npx snowstorm new workload ${folder}`, app, node)).toMatchObject({ status: 0 });
    await follow(folder, node);
  });
});
