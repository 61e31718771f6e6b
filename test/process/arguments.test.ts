/**
 * Mistakes on the command line are reported before anything starts: status 254 and a sentence that names the option.
 * `test/cli/commands.test.ts` has the other mistakes, without a process for each.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { EndedTest, fixture, SNOWSTORM, snowstorm } from '../support/snowstorm-process.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const folder = temporaryFolder();
const ECHO = ['test', '-w', 'echo', '--bin', fixture('echo.mjs'), '--store', join(folder, 'never')];

const MISTAKES: readonly { mistake: string; args: readonly string[]; says: string | RegExp }[] = [
  { mistake: 'no command', args: [], says: 'no command was given' },
  { mistake: 'an unknown command', args: ['tset'], says: 'there is no command "tset"' },
  { mistake: 'no workload', args: ['test', '--bin', fixture('echo.mjs')], says: '-w NAME is missing' },
  { mistake: 'an unknown option', args: [...ECHO, '--replicas', '3'], says: "Unknown option '--replicas'" },
  {
    mistake: 'an option as a web page shows it',
    args: ['test', '-w', 'echo', '\u2013node-count', '3'],
    says: "Unknown option '\u2013node-count': its dash is not a hyphen; did you mean --node-count?",
  },
  {
    mistake: 'a misspelt option',
    args: [...ECHO, '--log-stder'],
    says: "Unknown option '--log-stder'; did you mean --log-stderr?",
  },
  {
    mistake: 'a program that is not there',
    args: [...ECHO, '--bin', '/no/such/node'],
    says: '--bin /no/such/node: there is no such file',
  },
  {
    mistake: 'a partition of one node',
    args: [...ECHO, '--node-count', '1', '--nemesis', 'partition'],
    says: '--nemesis partition needs at least two nodes',
  },
  { mistake: 'a store that is a file', args: [...ECHO, '--store', SNOWSTORM], says: `--store ${SNOWSTORM}: ` },
  { mistake: 'no id', args: ['id', 'decode'], says: 'id decode: no id was given' },
];

describe.concurrent('the command line refuses', () => {
  for (const { mistake, args, says } of MISTAKES) {
    it(mistake, async () => {
      const { status, stdout, stderr } = await snowstorm(args, { cwd: folder });
      const [sentence, hint, ...more] = stderr.trimEnd().split('\n');
      expect(sentence).toMatch(/^snowstorm: /);
      expect(sentence).toMatch(says);
      expect(hint).toMatch(/^Try snowstorm (test |id )?--help$/);
      expect(more).toEqual([]);
      expect(stdout).toBe('');
      expect(status).toBe(254);
      expect(readdirSync(folder)).not.toContain('never');
    });
  }
});

describe.concurrent('the command line tells', () => {
  it('its version, which is that of package.json', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    expect(await snowstorm(['--version'])).toMatchObject({ status: 0, stdout: `${version}\n`, stderr: '' });
  });

  it.each([
    { args: ['--help'], usage: 'snowstorm COMMAND', tells: ['test ', 'id decode', '--version'] },
    {
      args: ['test', '--help'],
      usage: 'snowstorm test',
      tells: ['--workload NAME', '--bin FILE', 'Exit status: 0 valid'],
    },
    {
      args: ['test', '-h', '--rate', '5'],
      usage: 'snowstorm test',
      tells: ['--nemesis-interval SECONDS', 'unique-ids'],
    },
    { args: ['check', '--help'], usage: 'snowstorm check HISTORY', tells: ['--strict', '--json', 'pn-counter'] },
    { args: ['glomers', '--help'], usage: 'snowstorm glomers', tells: ['3d, 3e', '{workload}', 'Exit status: 0 all'] },
    { args: ['id', '--help'], usage: 'snowstorm id decode', tells: ['timestamp'] },
    { args: ['id', 'decode', '--help'], usage: 'snowstorm id decode', tells: ['timestamp'] },
  ])('how it is used: $args', async ({ args, usage, tells }) => {
    const { status, stdout, stderr } = await snowstorm(args);
    expect(stdout).toMatch(new RegExp(`^Usage: ${usage}`));
    for (const text of tells) expect(stdout).toContain(text);
    expect(stdout.split('\n').filter((line) => line.length > 132)).toEqual([]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  it('the parts of ids', async () => {
    // 1 ms after the epoch on node 5, with sequence 7 and the random bit set.
    const id = String((1n << 23n) | (5n << 13n) | (7n << 1n) | 1n);
    // The same moment, sequence and node.
    const uuid = `${(1_735_689_600_001).toString(16).padStart(12, '0').replace(/^.{8}/, '$&-')}-7007-8050-000000000000`;
    expect(await snowstorm(['id', 'decode', id, uuid, '0'])).toMatchObject({
      status: 0,
      stdout: `${id}  2025-01-01T00:00:00.001Z  node 5  sequence 7
${uuid}  2025-01-01T00:00:00.001Z  node 5  sequence 7
0  2025-01-01T00:00:00.000Z  node 0  sequence 0
`,
      stderr: '',
    });
  });

  it.each(['snow', '-1', '01', '1.0', '18446744073709551616', '0193-7'])('which id is bad: %j', async (bad) => {
    const { status, stdout, stderr } = await snowstorm(['id', 'decode', '1', bad, '2']);
    expect(stderr).toMatch(/^snowstorm: not an id: /);
    expect(stderr).toContain(JSON.stringify(bad));
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    // The other ids are decoded.
    expect(stdout.split('\n').map((line) => line.split(' ')[0])).toEqual(['1', '2', '']);
    expect(status).toBe(1);
  });
});

describe.concurrent('the command line takes', () => {
  it('no missing temporary directory, since nodes run in it', async () => {
    const TMPDIR = join(folder, 'nowhere');
    const args = ['test', '-w', 'echo', '--bin', fixture('echo.mjs'), '--store', join(folder, 'never')];
    const { status, stderr } = await snowstorm(args, { env: { TMPDIR } });
    expect(stderr).toContain(`snowstorm: TMPDIR ${TMPDIR}: there is no such folder`);
    expect(status).toBe(254);
  });

  it('paths relative to the current folder', async () => {
    const bin = fixture('echo.mjs');
    const args = ['test', '-w', 'echo', '--bin', `./${basename(bin)}`, '--node-count', '1', '--time-limit', '0.2'];
    const store = join(folder, 'elsewhere');
    const ended = new EndedTest(await snowstorm([...args, '--store', store], { cwd: dirname(bin) }), store);
    expect(ended.status, ended.stderr).toBe(0);
  });

  it('a very low rate and a very long interval', async () => {
    const store = join(folder, 'next-to-never');
    const args = ['--rate', '1e-9', '--nemesis', 'partition', '--nemesis-interval', '1e9', '--node-count', '2'];
    const settings = ['test', '-w', 'echo', '--bin', fixture('echo.mjs'), '--store', store, '--time-limit', '1'];
    const ended = new EndedTest(await snowstorm([...settings, ...args]), store);
    expect(ended.stderr).not.toContain('Warning');
    expect(ended.results.stats.count).toBe(1);
    expect(ended.results.faults.started).toEqual({ partition: 1 });
    expect(ended.status).toBe(0);
  });
});
