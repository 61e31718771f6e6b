/** The record of a run on disk, the start of its nodes, and what a second run with its seed repeats. */

import { mkdirSync, readdirSync, readFileSync, readlinkSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  EndedTest,
  fixture,
  onSmallDisk,
  Running,
  runTest,
  SNOWSTORM,
  startTest,
  until,
} from '../support/snowstorm-process.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const folder = temporaryFolder();
/** A simulated run that fails, because nodes are killed. */
const FAILING = [
  ...['test', '-w', 'unique-ids', '--nemesis', 'kill', '--nemesis-interval', '1', '--availability', 'total'],
  ...['--time-limit', '4', '--rate', '200', '--seed', '1'],
];
const TOO_FEW = /\nThe run is INVALID\. Only 0\.9\d+ of all operations were ok\.\n$/;

describe.concurrent('the record of a run', () => {
  it('has results, history, messages and logs, and the links lead to it', async () => {
    const store = join(folder, 'layout');
    const bin = fixture('echo.mjs');
    const first = await runTest({ workload: 'echo', bin, store, args: ['--node-count', '2', '--seed', 'snow'] });
    expect(first.status, first.stderr).toBe(0);
    expect(first.folder).toMatch(/\/echo\/\d{8}T\d{6}\.\d{3}Z$/);
    expect(readdirSync(first.folder).sort()).toEqual([
      'history.jsonl',
      'messages.jsonl',
      'node-logs',
      'report.html',
      'results.json',
    ]);
    expect(readdirSync(join(first.folder, 'node-logs')).sort()).toEqual(['n0.log', 'n1.log']);
    expect(first.read('node-logs/n1.log')).toBe('I am n1\n');
    expect(first.stdout).toContain(`Recorded in ${first.folder}, seed snow\nReport: ${first.folder}/report.html\n`);

    expect(first.results.options).toMatchObject({ workload: 'echo', program: bin, seed: 'snow', nodes: ['n0', 'n1'] });
    const { count } = first.results.stats;
    expect(first.history.map(({ index }) => index)).toEqual([...first.history.keys()]);
    expect(first.history.filter(({ type }) => type === 'invoke')).toHaveLength(count);
    expect(first.history.filter(({ type }) => type === 'ok')).toHaveLength(count);
    const { 'send-count': sent, 'recv-count': received } = first.results.net.all;
    expect(first.messages.filter(({ event }) => event === 'send')).toHaveLength(sent);
    expect(first.messages.filter(({ event }) => event === 'receive')).toHaveLength(received);

    const second = await runTest({ workload: 'unique-ids', bin: fixture('unique-ids.mjs'), store });
    expect(readlinkSync(join(store, 'latest'))).toMatch(/^unique-ids\//);
    expect(realpathSync(join(store, 'unique-ids', 'latest'))).toBe(second.folder);
    expect(realpathSync(join(store, 'echo', 'latest'))).toBe(first.folder);
    expect(readdirSync(store).sort()).toEqual(['echo', 'latest', 'unique-ids']);
  });

  it('is a different folder for each of two runs that begin together', async () => {
    const store = join(folder, 'together');
    const start = () =>
      startTest({ workload: 'echo', bin: fixture('echo.mjs'), store, args: ['--time-limit', '0.3'] }).ended;
    const ended = await Promise.all([start(), start(), start()]);
    expect(ended.map(({ status }) => status)).toEqual([0, 0, 0]);
    const folders = ended.map(({ stdout }) => /Recorded in (\S+),/.exec(stdout)?.[1]);
    expect(new Set(folders).size).toBe(3);
    expect(folders).toContain(realpathSync(join(store, 'latest')));
  });

  it('that cannot be written is a crash, after the result is shown', async () => {
    const store = join(folder, 'vanishing');
    const running = startTest({ workload: 'echo', bin: fixture('logs-requests.mjs'), store, args: ['--log-stderr'] });
    await until(
      () => running.stderr.includes('n0: request 5\n'),
      () => running.stderr,
    );
    rmSync(store, { recursive: true });
    const { status, stdout, stderr } = await running.ended;
    expect(stderr).toMatch(/^snowstorm: Error: the record is incomplete: .*results\.json: ENOENT/m);
    expect(stdout).toMatch(/^stats\n(.*\n)+valid\? +true\n$/m);
    expect(stdout).toMatch(/\nEverything looks good! The run is valid\.\n$/);
    expect(status).toBe(255);
    await running.nothingLeft();
  });

  it('lacks links if folders have their names, and is complete without them', async () => {
    const store = join(folder, 'copied');
    const links = [join(store, 'latest'), join(store, 'unique-ids', 'latest')];
    for (const link of links) mkdirSync(join(link, 'not empty'), { recursive: true });
    const { status, stdout, stderr } = await new Running(SNOWSTORM, [...FAILING, '--store', store]).ended;
    for (const link of links) expect(stderr).toMatch(new RegExp(`^snowstorm: ${link} was not set: E.*$`, 'm'));
    expect(stderr).not.toContain('incomplete');
    expect(stdout).toMatch(TOO_FEW);
    expect(status).toBe(1);
    const record = /^Recorded in (.*), seed 1$/m.exec(stdout)?.[1] as string;
    expect(readdirSync(record)).toEqual(expect.arrayContaining(['report.html', 'results.json', 'shrunk']));
    expect(readdirSync(store).sort()).toEqual(['latest', 'unique-ids']);
    expect(readdirSync(join(store, 'unique-ids')).sort()).toEqual([basename(record), 'latest']);
  });

  it('is kept when nothing happened, and the verdict is unknown', async () => {
    const store = join(folder, 'nothing');
    const ended = await runTest({ workload: 'echo', bin: fixture('echo.mjs'), store, args: ['--rate', '0'] });
    expect(ended.verdict).toBe('Verdict unknown. No operation was completed.');
    expect(ended.results['valid?']).toBe('unknown');
    expect(ended.history).toEqual([]);
    expect(ended.status).toBe(2);
  });
});

describe.concurrent('a record on a full disk', () => {
  it.each([
    ['simulated nodes', []],
    ['processes', ['--bin', fixture('unique-ids.mjs'), '--node-count', '1']],
  ])('ends no run: its verdict is told, and then what is missing of the record; %s', async (name, args) => {
    const store = join(folder, `full-${name}`);
    const work = ['--rate', '700', '--time-limit', '2', '--concurrency', '4n', '--seed', '1', '--store', store];
    const ended = await onSmallDisk(['test', '-w', 'unique-ids', ...args, ...work]);
    expect(ended.stdout).toMatch(/\nEverything looks good! The run is valid\.\n$/);
    const file = `${store}/unique-ids/[^;]*/messages.jsonl: EFBIG: [^;]*`;
    expect(ended.stderr).toMatch(new RegExp(`^snowstorm: Error: the record is incomplete: (.*; )?${file}$`, 'm'));
    expect(ended.status).toBe(255);
    const [record] = readdirSync(join(store, 'unique-ids')).filter((entry) => entry !== 'latest');
    const results = JSON.parse(readFileSync(join(store, 'unique-ids', record as string, 'results.json'), 'utf8'));
    expect(results['valid?']).toBe(true);
  });

  it('with the large log of a node ends neither the run nor the node', async () => {
    const store = join(folder, 'full-log');
    const bin = join(folder, 'loud.sh');
    writeFileSync(bin, `#!/bin/sh\nseq 100000 >&2\nexec '${fixture('logs-requests.mjs')}'\n`, { mode: 0o755 });
    const args = ['--bin', bin, '--node-count', '1', '--rate', '10', '--time-limit', '2', '--log-stderr'];
    const { status, stdout, stderr } = await onSmallDisk(['test', '-w', 'echo', ...args, '--store', store]);
    // Lines after the failure of its log are still read.
    expect(stderr).toContain('n0: request 5\n');
    expect(stdout).toMatch(/\nEverything looks good! The run is valid\.\n$/);
    const log = `${store}/echo/[^;]*/node-logs/n0.log: EFBIG: [^;]*`;
    expect(stderr).toMatch(new RegExp(`^snowstorm: Error: the record is incomplete: ${log}$`, 'm'));
    expect(status).toBe(255);
  });

  it('does not stop the shrinking and the story of a failing run; the missing files are named after them', async () => {
    const store = join(folder, 'full-failing');
    const { status, stdout, stderr } = await onSmallDisk([...FAILING, '--store', store]);
    expect(stdout).toMatch(/^Seed 1, made small in \d+ runs: /m);
    expect(stdout).toMatch(/^Recorded in /m);
    expect(stdout).toMatch(TOO_FEW);
    expect(stderr).toMatch(/^snowstorm: the report was not drawn: EFBIG/m);
    expect(stderr).toMatch(/\nsnowstorm: Error: the record is incomplete: .*messages\.jsonl: EFBIG/);
    expect(status).toBe(255);
    // The small run fits on the disk.
    const [record] = readdirSync(join(store, 'unique-ids')).filter((entry) => entry !== 'latest');
    const shrunk = join(store, 'unique-ids', record as string, 'shrunk');
    expect(readdirSync(shrunk)).toEqual(expect.arrayContaining(['replay.json', 'results.json', 'story.json']));
  });

  it('has the story of the small run, even if its other files are missing', async () => {
    const store = join(folder, 'full-story');
    const short = 'ulimit -f 2 && exec "$0" "$@"';
    const { status, stdout, stderr } = await new Running('bash', ['-c', short, SNOWSTORM, ...FAILING, '--store', store])
      .ended;
    expect(stderr).toMatch(
      /^snowstorm: shrinking or recording the failure failed: the record is incomplete: .*\/shrunk\//m,
    );
    expect(stdout).toMatch(TOO_FEW);
    expect(status).toBe(255);
    const [record] = readdirSync(join(store, 'unique-ids')).filter((entry) => entry !== 'latest');
    const shrunk = join(store, 'unique-ids', record as string, 'shrunk');
    for (const file of ['replay.json', 'story.json'])
      expect(() => JSON.parse(readFileSync(join(shrunk, file), 'utf8')), file).not.toThrow();
  });
});

describe.concurrent('a node', () => {
  it('is started in the temporary directory, with the arguments after --, and its stderr is logged', async () => {
    const temporary = join(folder, 'tmp');
    mkdirSync(temporary);
    const ended = await runTest({
      workload: 'echo',
      bin: fixture('tells-about-itself.mjs'),
      store: join(folder, 'about-nodes'),
      args: ['--node-count', '2', '--', '--rate', 'of my own', '-w', '--', ''],
      env: { TMPDIR: temporary },
    });
    expect(ended.status, ended.stderr).toBe(0);
    for (const id of ['n0', 'n1']) {
      const args = ['--rate', 'of my own', '-w', '--', ''];
      expect(JSON.parse(ended.read(`node-logs/${id}.log`))).toEqual({ id, folder: temporary, args });
    }
    // Not shown without --log-stderr.
    expect(ended.stderr.trimEnd().split('\n')).toHaveLength(1);
  });

  it('has one of the names n1 to n5 by default', async () => {
    const store = join(folder, 'five');
    const args = ['test', '-w', 'echo', '--bin', fixture('echo.mjs'), '--store', store, '--time-limit', '0.5'];
    const ended = new EndedTest(await new Running(SNOWSTORM, [...args, '--log-stderr']).ended, store);
    expect(ended.status, ended.stderr).toBe(0);
    expect(readdirSync(join(ended.folder, 'node-logs')).sort()).toEqual([1, 2, 3, 4, 5].map((n) => `n${n}.log`));
    // --log-stderr: also on the terminal.
    for (let number = 1; number <= 5; number++) expect(ended.stderr).toContain(`n${number}: I am n${number}\n`);
  });
});

describe.concurrent('a seed', () => {
  it('repeats the operations and the partitions', async () => {
    const run = (seed: string, name: string) =>
      runTest({
        workload: 'echo',
        bin: fixture('echo.mjs'),
        store: join(folder, name),
        args: ['--node-count', '3', '--nemesis', 'partition', '--nemesis-interval', '0.1', '--seed', seed],
      });
    const runs = await Promise.all([run('white', 'once'), run('white', 'twice'), run('black', 'other')]);
    const [once, twice, other] = runs.map(({ history }) => ({
      // Without the final invocations, one to each node after the partitions.
      operations: history
        .filter(({ type }) => type === 'invoke')
        .map(({ f, value }) => ({ f, value }))
        .slice(0, -3),
      faults: history.filter(({ process }) => process === 'nemesis').map(({ f, value }) => ({ f, value })),
    }));
    if (once === undefined || twice === undefined || other === undefined) throw new Error('a run is missing');
    for (const kind of ['operations', 'faults'] as const) {
      const length = Math.min(once[kind].length, twice[kind].length);
      expect(length, kind).toBeGreaterThan(5);
      expect(once[kind].slice(0, length)).toEqual(twice[kind].slice(0, length));
      expect(once[kind].slice(0, 6)).not.toEqual(other[kind].slice(0, 6));
    }
  });
});
