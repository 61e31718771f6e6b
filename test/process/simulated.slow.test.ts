/**
 * The simulator from the outside: `snowstorm test` without a program, `fuzz` and `explore`, their output, files and
 * exit statuses. Fuzzes of every workload that find nothing are in `digests.test.ts` and `digests.slow.test.ts`.
 */

import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { WORKLOADS } from '../../src/workloads/registry.ts';
import { snowstorm } from '../support/snowstorm-process.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const folder = temporaryFolder();
const store = (name: string) => ['--store', join(folder, name)];

describe('a simulated test', () => {
  it('has the result block, the record and the verdict of a real one', async () => {
    const { status, stdout, stderr } = await snowstorm([
      ...[
        'test',
        '-w',
        'unique-ids',
        '--node-count',
        '3',
        '--rate',
        '100',
        '--concurrency',
        '4n',
        '--time-limit',
        '20',
      ],
      ...['--nemesis', 'all', '--nemesis-interval', '3', '--seed', 'snow', '--check-determinism', ...store('test')],
    ]);
    expect(status, stderr).toBe(0);
    expect(stderr).toContain('unique-ids: 3 simulated nodes, 12 clients, 100/s for 20 s, faults: partition, bridge,');
    expect(stdout).toContain('Everything looks good! The run is valid.');
    expect(stdout).toMatch(/^determinism +valid\? true, compared-lines \d{4,}$/m);
    const latest = join(folder, 'test', 'latest');
    expect(readdirSync(latest)).toEqual(expect.arrayContaining(['history.jsonl', 'messages.jsonl', 'results.json']));
    const results = JSON.parse(readFileSync(join(latest, 'results.json'), 'utf8'));
    expect(results).toMatchObject({ 'valid?': true, options: { program: null, seed: 'snow' } });
    for (const fault of ['kill', 'disk-torn', 'clock-jump', 'pause', 'loss', 'delay']) {
      expect(results.faults.started[fault], fault).toBeGreaterThan(0);
    }
    expect(results.recovery['recovered-count']).toBe(3);
  });

  it('of a minute takes less than that, and writes the logs of its nodes', async () => {
    const { status, stderr } = await snowstorm([
      ...[
        'test',
        '-w',
        'unique-ids',
        '--node-count',
        '1',
        '--time-limit',
        '60',
        '--nemesis',
        'clock-jump',
        '--seed',
        '4',
      ],
      ...store('logs'),
    ]);
    expect(status, stderr).toBe(0);
    expect(stderr).not.toMatch(/^\d+\/60 s/m);
    const results = JSON.parse(readFileSync(join(folder, 'logs', 'latest', 'results.json'), 'utf8'));
    expect(results.stats.count).toBeGreaterThan(250);
  });
});

describe('a fuzz that finds something', () => {
  const fuzz = ['fuzz', '-w', 'unique-ids', '--availability', 'total', '--nemesis', 'kill', '--time-limit', '5'];

  it('tells it as a story, with a replay command, and ends with 1', async () => {
    const { status, stdout, stderr } = await snowstorm([...fuzz, '--seeds', '50', ...store('found')], { cwd: folder });
    expect(status, stderr).toBe(1);
    expect(stdout).toMatch(/^\d+ seeds, [\d,]+ operations in [\d.]+ s: \d+ failed\n {2}seed \d+: availability$/m);
    expect(stdout).toMatch(/^Seed \d+, made small in \d+ runs: \d events, 1 node$/m);
    expect(stdout).toMatch(/^ +[\d.]+ ms {2}n\d +is killed for [\d.]+ ms$/m);
    expect(stdout).toMatch(/^The run is INVALID\. Only [\d.]+ of all operations were ok\./m);
    const [, file] = /^Replay: {2}snowstorm test --replay (\S+)$/m.exec(stdout) ?? [];
    const replayed = await snowstorm(['test', '--replay', file as string, ...store('replayed')]);
    expect(replayed.status, replayed.stderr).toBe(1);
    expect(replayed.stderr).toMatch(/replaying \d operations and \d faults/);
    expect(replayed.stdout).toContain('The run is INVALID. Only');
  });

  it('writes no file with --store none, and names the command that repeats the failing run', async () => {
    const cwd = join(folder, 'nowhere');
    mkdirSync(cwd);
    const { status, stdout, stderr } = await snowstorm([...fuzz, '--seeds', '50', '--jobs', '1', '--store', 'none'], {
      cwd,
    });
    expect(status, stderr).toBe(1);
    expect(stdout).toMatch(/^Seed \d+, made small in \d+ runs/m);
    expect(stdout).not.toContain('--replay');
    expect(readdirSync(cwd)).toEqual([]);
    const [, seed, command] = /^Reproduce seed (\d+): {2}snowstorm (test -w .*)$/m.exec(stdout) ?? [];
    const again = await snowstorm((command as string).split(' '), { cwd });
    expect(again.status, again.stderr).toBe(1);
    expect(again.stdout).toMatch(/^The run is INVALID\. Only [\d.]+ of all operations were ok\./m);
    expect(readdirSync(cwd)).toEqual([]);
    const alone = await snowstorm([...fuzz, '--seeds', '1', '--from', seed as string, '--store', 'none'], { cwd });
    const [, operations] = /^1 seed, ([\d,]+) operations/m.exec(alone.stdout) ?? [];
    expect(again.stdout).toMatch(new RegExp(`^stats\\n(?: .*\\n)*? {2}count +${operations?.replace(',', '')}$`, 'm'));
  });

  it('tries all seeds with --keep-going', async () => {
    const { status, stdout } = await snowstorm([
      ...fuzz,
      '--seeds',
      '10',
      '--from',
      '7',
      '--keep-going',
      ...store('all'),
    ]);
    expect(status).toBe(1);
    expect(stdout).toMatch(/^10 seeds, /);
    expect(Number(/: (\d+) failed/.exec(stdout)?.[1])).toBeGreaterThan(1);
  });
});

/** A node that renews a lease has hundreds of steps, and no disk that a power failure could damage. */
const EXPLORATIONS: ReadonlyMap<string, readonly string[]> = new Map([
  ['ids', ['--node-count', '1', '--actions', 'kill,cut']],
  // Most of its steps are those of the final invocations; two nodes are explored in `explore-voucher.slow.test.ts`.
  ['voucher', ['--node-count', '1', '--actions', 'kill']],
  // Two nodes in `explore-saga.slow.test.ts`.
  ['saga', ['--node-count', '1', '--actions', 'kill']],
  // A pause or a cut at the last reads takes away the time without faults that they need.
  ['pn-counter', ['--actions', 'kill,kill-unsynced,kill-torn']],
  // A leader has a step for every heartbeat.
  ['lin-kv', ['--node-count', '1', '--actions', 'kill,kill-torn']],
  // With fewer transactions most runs have none that depend on each other.
  ['txn-rw-register', ['--operations', '16', '--actions', 'kill-torn,pause']],
]);

describe.each(WORKLOADS.map(({ name }) => name))('an exploration of %s', (name) => {
  it('finds nothing at any step', async () => {
    const own = EXPLORATIONS.get(name) ?? [];
    const { status, stdout, stderr } = await snowstorm([
      ...['explore', '-w', name, '--operations', '4', '--seed', '1'],
      ...own,
    ]);
    expect(status, stdout + stderr).toBe(0);
    expect(stdout).toMatch(/^Covered: every one of \d+ steps × \d actions? /m);
  });
});
