/** What is wrong on the command line is said before anything starts: status 254 and a sentence that names the option. */

import { chmodSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { EndedTest, fixture, SNOWSTORM, snowstorm, temporaryFolder } from '../support/snowstorm-process.ts';

const folder = temporaryFolder();
const ECHO = ['test', '-w', 'echo', '--bin', fixture('echo.mjs'), '--store', join(folder, 'never')];

/** A file that may not be executed. */
function plainFile(): string {
  const file = join(folder, 'plain-file');
  writeFileSync(file, '#!/bin/sh\n');
  chmodSync(file, 0o644);
  return file;
}

function linkToItself(): string {
  const link = join(folder, 'link-to-itself');
  symlinkSync(link, link);
  return link;
}

function emptyFolder(): string {
  const path = join(folder, 'a-folder');
  mkdirSync(path);
  return path;
}

const MISTAKES: readonly { mistake: string; args: readonly string[]; says: string | RegExp }[] = [
  { mistake: 'no command', args: [], says: 'no command was given' },
  { mistake: 'an unknown command', args: ['tset'], says: 'there is no command "tset"' },
  { mistake: 'no workload', args: ['test', '--bin', fixture('echo.mjs')], says: '-w NAME is missing' },
  { mistake: 'no program', args: ['test', '-w', 'echo'], says: '--bin FILE is missing' },
  {
    mistake: 'an unknown workload',
    args: [...ECHO, '-w', 'eccho'],
    says: '--workload "eccho": expected one of echo, unique-ids',
  },
  { mistake: 'an unknown option', args: [...ECHO, '--nodes', '3'], says: "Unknown option '--nodes'" },
  {
    mistake: 'an option without its value',
    args: [...ECHO, '--rate'],
    says: "Option '--rate <value>' argument missing",
  },
  {
    mistake: 'a stray word',
    args: [...ECHO, 'extra'],
    says: 'unexpected argument "extra"; arguments of the node go after --',
  },
  {
    mistake: 'a program that is not there',
    args: [...ECHO, '--bin', '/no/such/node'],
    says: '--bin /no/such/node: there is no such file',
  },
  { mistake: 'a program below a file', args: [...ECHO, '--bin', `${SNOWSTORM}/x`], says: 'there is no such file' },
  {
    mistake: 'a program that is a folder',
    args: [...ECHO, '--bin', emptyFolder()],
    says: /--bin .*a-folder: this is not a file/,
  },
  {
    mistake: 'a program that may not be executed',
    args: [...ECHO, '--bin', plainFile()],
    says: /--bin .*plain-file: this file may not be executed/,
  },
  {
    mistake: 'a program that is a link to itself',
    args: [...ECHO, '--bin', linkToItself()],
    says: /--bin .*link-to-itself: ELOOP/,
  },
  {
    mistake: 'a count that is none',
    args: [...ECHO, '--node-count', '2.5'],
    says: '--node-count "2.5": expected a whole number from 1 to 1024',
  },
  {
    mistake: 'no nodes',
    args: [...ECHO, '--node-count', '0'],
    says: '--node-count "0": expected a whole number from 1',
  },
  {
    mistake: 'a time limit that is none',
    args: [...ECHO, '--time-limit', 'soon'],
    says: '--time-limit "soon": expected a number from 0',
  },
  { mistake: 'an empty rate', args: [...ECHO, '--rate', ''], says: '--rate "": expected a number of at least 0' },
  { mistake: 'a negative rate', args: [...ECHO, '--rate=-1'], says: '--rate "-1": expected a number of at least 0' },
  {
    mistake: 'no clients',
    args: [...ECHO, '--concurrency', '0n'],
    says: '--concurrency "0n": expected a number of clients',
  },
  {
    mistake: 'a fraction of a millisecond',
    args: [...ECHO, '--latency', '0.5'],
    says: '--latency "0.5": expected a whole number',
  },
  {
    mistake: 'an unknown distribution',
    args: [...ECHO, '--latency-dist', 'normal'],
    says: '--latency-dist "normal": expected one of constant, uniform, exponential',
  },
  {
    mistake: 'an unknown fault',
    args: [...ECHO, '--nemesis', 'partition,earthquake'],
    says: '--nemesis "partition,earthquake": expected one of partition',
  },
  {
    mistake: 'no gap between faults',
    args: [...ECHO, '--nemesis-interval', '0'],
    says: '--nemesis-interval "0": expected a number',
  },
  {
    mistake: 'an availability above 1',
    args: [...ECHO, '--availability', '99'],
    says: '--availability "99": expected a number from 0 to 1',
  },
  {
    mistake: 'a partition of one node',
    args: [...ECHO, '--node-count', '1', '--nemesis', 'partition'],
    says: '--nemesis partition needs at least two nodes',
  },
  { mistake: 'a store without a name', args: [...ECHO, '--store', ''], says: '--store "": expected a folder' },
  { mistake: 'a store that is a file', args: [...ECHO, '--store', SNOWSTORM], says: `--store ${SNOWSTORM}: ` },
  { mistake: 'nothing to do with an id', args: ['id'], says: 'id: what is to be done?' },
  {
    mistake: 'something unknown to do with an id',
    args: ['id', 'encode', '1'],
    says: 'id: there is no command "encode", only decode',
  },
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
    { args: ['id', '--help'], usage: 'snowstorm id decode', tells: ['timestamp'] },
    { args: ['id', 'decode', '--help'], usage: 'snowstorm id decode', tells: ['timestamp'] },
  ])('how it is used: $args', async ({ args, usage, tells }) => {
    const { status, stdout, stderr } = await snowstorm(args);
    expect(stdout).toMatch(new RegExp(`^Usage: ${usage}`));
    for (const text of tells) expect(stdout).toContain(text);
    expect(stdout.split('\n').filter((line) => line.length > 132)).toEqual([]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  it('what is inside of ids', async () => {
    // 1 ms after the epoch on node 5, with sequence 7 and the random bit set.
    const id = String((1n << 23n) | (5n << 13n) | (7n << 1n) | 1n);
    expect(await snowstorm(['id', 'decode', id, '0'])).toMatchObject({
      status: 0,
      stdout: `${id}  2025-01-01T00:00:00.001Z  node 5  sequence 7\n0  2025-01-01T00:00:00.000Z  node 0  sequence 0\n`,
      stderr: '',
    });
  });

  it.each(['snow', '-1', '01', '1.0', '18446744073709551616'])('which id is bad: %j', async (bad) => {
    const { status, stdout, stderr } = await snowstorm(['id', 'decode', '1', bad, '2']);
    expect(stderr).toMatch(/^snowstorm: not an id: /);
    expect(stderr).toContain(JSON.stringify(bad));
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    // The others are decoded all the same.
    expect(stdout.split('\n').map((line) => line.split(' ')[0])).toEqual(['1', '2', '']);
    expect(status).toBe(1);
  });
});

describe.concurrent('the command line takes', () => {
  it('paths relative to wherever it is called', async () => {
    const bin = fixture('echo.mjs');
    const args = ['test', '-w', 'echo', '--bin', `./${basename(bin)}`, '--node-count', '1', '--time-limit', '0.2'];
    const store = join(folder, 'elsewhere');
    const ended = new EndedTest(await snowstorm([...args, '--store', store], { cwd: dirname(bin) }), store);
    expect(ended.status, ended.stderr).toBe(0);
  });

  it('a rate and an interval that are next to never, without haste', async () => {
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
