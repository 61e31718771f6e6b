/**
 * `snowstorm report`, the real program: a report that is drawn again equals the live one, and a report that cannot be
 * drawn does not stop the others.
 */

import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { EndedTest, fixture, onSmallDisk, Running, SNOWSTORM, snowstorm, until } from '../support/snowstorm-process.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const folder = temporaryFolder();
const store = join(folder, 'store');
/** A valid simulated run with faults, and an invalid run of processes. */
let simulated: EndedTest;
let real: EndedTest;

beforeAll(async () => {
  const common = ['--node-count', '2', '--time-limit', '2', '--store', store];
  simulated = new EndedTest(
    await snowstorm([
      ...['test', '-w', 'unique-ids', '--rate', '100', '--nemesis', 'all', '--nemesis-interval', '0.5', '--seed', '5'],
      ...common,
    ]),
    store,
  );
  real = new EndedTest(
    await snowstorm([
      'test',
      '-w',
      'unique-ids',
      '--bin',
      fixture('big-integer-ids.mjs'),
      '--rate',
      '20',
      '--seed',
      '5',
      ...common,
    ]),
    store,
  );
});

/** A new store with copies of both runs. */
function copyOf(name: string): { readonly root: string; readonly folders: readonly [string, string] } {
  const root = join(folder, name);
  const folders = [simulated, real].map((run) => join(root, 'unique-ids', basename(run.folder))) as [string, string];
  for (const [index, run] of [simulated, real].entries())
    cpSync(run.folder, folders[index] as string, { recursive: true });
  return { root, folders };
}

describe('a report', () => {
  it('is drawn again byte for byte as with the history in memory', async () => {
    expect([simulated.status, real.status], simulated.stderr + real.stderr).toEqual([0, 1]);
    // The history is not trivial.
    expect(real.read('history.jsonl')).toMatch(/"value":\d{17,}/);
    for (const run of [simulated, real]) {
      const path = join(run.folder, 'report.html');
      const live = readFileSync(path, 'utf8');
      rmSync(path);
      const { status, stdout, stderr } = await snowstorm(['report', run.folder]);
      expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: `${path}\n`, stderr: '' });
      expect(readFileSync(path, 'utf8') === live, `${path} is another one`).toBe(true);
    }
  });

  it('is drawn for the link to the latest run', async () => {
    const path = join(real.folder, 'report.html');
    const live = readFileSync(path, 'utf8');
    writeFileSync(path, 'old');
    const { status, stdout } = await snowstorm(['report', 'store/latest'], { cwd: folder });
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'store/latest/report.html\n' });
    expect(readFileSync(path, 'utf8') === live).toBe(true);
  });

  it('is drawn once for every run of a store or a workload', async () => {
    const { root, folders } = copyOf('all');
    // A run that was cut short has no results, and there may be other files.
    mkdirSync(join(root, 'unique-ids', 'cut-short'));
    writeFileSync(join(root, 'unique-ids', 'fuzz-seed-1.json'), '{}');
    const reports = folders.map((run) => join(run, 'report.html'));
    for (const where of [root, join(root, 'unique-ids')]) {
      for (const report of reports) rmSync(report);
      const { status, stdout, stderr } = await snowstorm(['report', where]);
      expect(stdout.trimEnd().split('\n')).toEqual([...reports].sort());
      expect(reports.map(existsSync)).toEqual([true, true]);
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    }
  });

  it.each([
    ['results.json', '}', 'not JSON: '],
    ['history.jsonl', '{"index":\n', 'line \\d+: not JSON: '],
    ['messages.jsonl', 'nonsense\n', 'line \\d+: expected an event of a message'],
  ])('is drawn of good records beside one with a bad %s', async (file, bad, says) => {
    const { root, folders } = copyOf(`bad-${file}`);
    const [first, second] = folders.map((run) => join(run, 'report.html')) as [string, string];
    appendFileSync(join(folders[0], file), bad);
    rmSync(second);
    const old = readFileSync(first, 'utf8');
    const { status, stdout, stderr } = await snowstorm(['report', root]);
    expect(stdout).toBe(`${second}\n`);
    expect(existsSync(second)).toBe(true);
    expect(stderr).toMatch(
      new RegExp(`^snowstorm: ${join(folders[0], file)}: ${says}.*\nTry snowstorm report --help\n$`),
    );
    expect(status).toBe(254);
    // The old report is unchanged.
    expect(readFileSync(first, 'utf8') === old).toBe(true);
  });

  it('is drawn without last lines that were cut short, with a warning', async () => {
    const { folders } = copyOf('cut-short');
    for (const run of folders) {
      const logs = ['history.jsonl', 'messages.jsonl'].map((file) => join(run, file));
      // In the middle, a few bytes into a line.
      for (const log of logs) truncateSync(log, readFileSync(log).indexOf('\n', statSync(log).size / 2) + 5);
      rmSync(join(run, 'report.html'));
      const { status, stdout, stderr } = await snowstorm(['report', run]);
      const says = logs.map((log) => `snowstorm: ${log}: the last line was cut short and is left out\n`);
      expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: `${run}/report.html\n`, stderr: says.join('') });
    }
  });

  it('that cannot be written does not stop the others, and is a crash', async () => {
    const { root, folders } = copyOf('unwritable');
    const [first, second] = folders.map((run) => join(run, 'report.html')) as [string, string];
    for (const report of [first, second]) rmSync(report);
    mkdirSync(join(first, 'not empty'), { recursive: true });
    const { status, stdout, stderr } = await snowstorm(['report', root]);
    expect(stdout).toBe(`${second}\n`);
    expect(stderr).toMatch(new RegExp(`^snowstorm: ${folders[0]}: EISDIR: .*\n$`));
    expect(status).toBe(255);
    expect(readdirSync(folders[0]).filter((name) => name.startsWith('report'))).toEqual(['report.html']);
  });

  it('stays complete if the disk is full', async () => {
    const { folders } = copyOf('full');
    const path = join(folders[0], 'report.html');
    const old = readFileSync(path, 'utf8');
    const { status, stderr } = await onSmallDisk(['report', folders[0]]);
    expect(stderr).toContain('EFBIG');
    expect(status).toBe(255);
    expect(readFileSync(path, 'utf8') === old).toBe(true);
    expect(readdirSync(folders[0])).toEqual(readdirSync(simulated.folder));
  });
});

describe('a report of a run that has just ended', () => {
  it('does not change the verdict and the status if it cannot be drawn', async () => {
    const root = join(folder, 'full-live');
    const args = ['test', '-w', 'echo', '--time-limit', '2', '--seed', '1', '--store', root];
    const { status, stdout, stderr } = await onSmallDisk(args);
    expect(stderr).toMatch(/\nsnowstorm: the report was not drawn: EFBIG.*\n$/);
    expect(stdout).toMatch(/\nRecorded in .*\nEverything looks good! The run is valid\.\n$/);
    expect(status).toBe(0);
    // The record is complete, so there is room.
    const drawn = await snowstorm(['report', join(root, 'latest')]);
    expect(drawn.status, drawn.stderr).toBe(0);
  });

  it.each([
    ['no time', ['--time-limit', '0'], 0],
    ['no operations', ['--rate', '0'], 2],
    ['no messages kept', ['--messages', '0', '--time-limit', '1'], 0],
  ])('is drawn of %s, and drawn again the same', async (name, args, verdict) => {
    const root = join(folder, name);
    const ended = new EndedTest(await snowstorm(['test', '-w', 'echo', ...args, '--store', root]), root);
    expect(ended.status, ended.stderr).toBe(verdict);
    const live = ended.read('report.html');
    expect(ended.stdout).toContain(`\nReport: ${ended.folder}/report.html\n`);
    expect((await snowstorm(['report', ended.folder])).status).toBe(0);
    expect(ended.read('report.html') === live).toBe(true);
  });
});

describe('a report of a run that was stopped before anything ran', () => {
  it.each([
    ['processes', ['--bin', fixture('silent-at-init.mjs'), '--node-count', '1']],
    ['simulated nodes', ['--rate', '500', '--time-limit', '100000']],
  ])('is drawn, and drawn again the same: %s', async (name, args) => {
    const root = join(folder, `stopped ${name}`);
    const running = new Running(SNOWSTORM, ['test', '-w', 'echo', ...args, '--store', root]);
    await until(
      () => running.stderr.includes('echo: '),
      () => running.stderr,
    );
    running.signal('SIGINT');
    await until(
      () => running.stderr.includes('Ctrl-C again to quit'),
      () => running.stderr,
    );
    running.signal('SIGINT');
    const ended = new EndedTest(await running.ended, root);
    expect(ended.verdict).toMatch(/^(Verdict unknown|Everything looks good|The run is INVALID)/);
    const live = ended.read('report.html');
    expect((await snowstorm(['report', ended.folder])).status).toBe(0);
    expect(ended.read('report.html') === live).toBe(true);
  });
});

describe('the report command', () => {
  it.each([
    [
      'a folder without runs',
      () => [emptyFolder()],
      `${join(folder, 'empty')}: there is no recorded run here: results.json is missing`,
    ],
    ['a missing folder', () => [join(folder, 'missing')], `${join(folder, 'missing')}: ENOENT`],
    ['a file', () => [SNOWSTORM], `${SNOWSTORM}: ENOTDIR`],
    ['nothing', () => [], 'STORE_DIR is missing: name the folder of a run, such as store/latest'],
    ['two', () => [emptyFolder(), 'another'], 'unexpected argument "another"'],
    ['an option', () => ['--open'], "Unknown option '--open'"],
  ])('refuses %s', async (_, args, says) => {
    const { status, stdout, stderr } = await snowstorm(['report', ...args()]);
    expect(stderr).toContain(`snowstorm: ${says}`);
    expect(stderr).toMatch(/\nTry snowstorm report --help\n$/);
    expect({ status, stdout }).toEqual({ status: 254, stdout: '' });
  });

  it('has a help text', async () => {
    const { status, stdout, stderr } = await snowstorm(['report', '--help']);
    expect(stdout).toMatch(/^Usage: snowstorm report STORE_DIR\n/);
    expect(stdout).toContain('Exit status: 0 all drawn');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });
});

function emptyFolder(): string {
  const path = join(folder, 'empty');
  mkdirSync(path, { recursive: true });
  return path;
}
