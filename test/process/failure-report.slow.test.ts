/**
 * The files and the output of a failing run. Our own workloads do not fail, so a copy of the project gets some that do:
 * a counter with lost updates, and a few that fail in special ways.
 */

import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { freshCopy } from '../support/fresh-copy.ts';
import { type Ended, EndedTest, fixture, Running, until } from '../support/snowstorm-process.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const copy = freshCopy();
const folder = temporaryFolder();
const program = join(copy, 'bin/snowstorm');

const MOODS = `
import { counter } from './counter/workload.ts';
import type { Workload } from './workload.ts';

const judge = counter.test.checker().check;
let runs = 0;
const variant = (name: string, change: Partial<Workload>, test: Partial<Workload['test']> = {}): Workload =>
  ({ ...counter, name, ...change, test: { ...counter.test, ...test } });

/** Takes 100 ms for every verdict, and reports each on stderr. */
const slow = variant('slow', {}, { checker: () => ({ check: (...args) => {
  process.stderr.write('judging\\n');
  for (const endMs = performance.now() + 100; performance.now() < endMs; );
  return judge(...args);
} }) });

const unhandled = variant('unhandled', { start: (context, ports) => {
  context.sleep(100).then(() => Promise.reject(new Error('left alone')));
  return counter.start(context, ports);
} });

/** Valid, and a different run every time. */
const restless = variant('restless', {}, { createGenerator: () => {
  const delta = ++runs;
  let id = 0;
  return () => id++ % 2 === 0 ? { f: 'add', value: { id, delta } } : { f: 'read', value: null };
} });

/** Fails the first time only. */
const once = variant('once', {}, { checker: () => ({ check: () => ({ 'valid?': runs++ > 0, error: 'only once' }) }) });

/** Valid, and cannot be run a fourth time. */
const broken = variant('broken', {}, { checker: () => ({ check: () => ({ 'valid?': true }) }), createInvoke: (...args) => {
  if (++runs > 3) throw new Error('out of order');
  return counter.test.createInvoke(...args);
} });

/** The verdict is unknown. */
const puzzled = variant('puzzled', {}, { checker: () => ({ check: () => { throw new Error('the checker is puzzled'); } }) });

export const moods = [slow, unhandled, restless, once, broken, puzzled];
`;

/** Adds an entry to the list of workloads in a file of the copy. */
function append(name: string, line: string, entry: string): void {
  const file = join(copy, `src/workloads/${name}.ts`);
  const text = readFileSync(file, 'utf8');
  const longer = text.replace(/^\];$/m, `  ${entry},\n];`);
  expect(longer).not.toBe(text);
  writeFileSync(file, `${line}\n${longer}`);
}

beforeAll(() => {
  const workloads = join(copy, 'src/workloads');
  cpSync(join(copy, 'test/fixtures/counter-that-forgets'), join(workloads, 'counter'), { recursive: true });
  writeFileSync(join(workloads, 'moods.ts'), MOODS);
  append('nodes', "import { counterNode } from './counter/node.ts';", 'counterNode');
  append('registry', "import { counter } from './counter/workload.ts';", 'counter');
  append('registry', "import { moods } from './moods.ts';", '...moods');
  execFileSync('npm', ['run', '-s', 'build'], { cwd: copy, stdio: 'pipe' });
});

/** In the temporary folder, so that printed paths are relative to it. */
const snowstorm = (...args: readonly string[]): Promise<Ended> => start(...args).ended;
const start = (...args: readonly string[]) => new Running(program, args, { cwd: folder });

const FAILING = ['-w', 'counter', '--time-limit', '5', '--rate', '50', '--concurrency', '2n', '--seed', '1'];
const VERDICT = /^The run is INVALID\. A read shows \d+, and the sum was from \d+ to \d+\.$/;
const SHRUNK = ['history.jsonl', 'messages.jsonl', 'replay.json', 'report.html', 'results.json', 'story.json'];

/** Sends the second signal when the command has reacted to the first one. */
async function interruptTwice(running: Running): Promise<void> {
  running.signal('SIGINT');
  await until(
    () => /; Ctrl-C again to quit/.test(running.stderr),
    () => running.stderr,
  );
  running.signal('SIGINT');
}

const lastLine = ({ stdout }: Ended) => stdout.trimEnd().split('\n').at(-1);
const readJson = (path: string) => JSON.parse(readFileSync(path, 'utf8'));

describe('a simulated test that fails', () => {
  it('is made small, told, recorded and drawn, and the verdict is the last line', async () => {
    const store = join(folder, 'shrunk');
    const ended = new EndedTest(await snowstorm('test', ...FAILING, '--store', store), store);
    expect(ended.status, ended.stderr).toBe(1);
    expect(ended.stdout).toMatch(/^Seed 1, made small in \d+ runs: \d events, 2 nodes$/m);
    expect(ended.stdout).toMatch(/^ +0 ms {2}client \d → n\d {2}add \{"id":\d+,"delta":\d\}$/m);
    expect(ended.verdict).toMatch(VERDICT);
    // Of the whole run, not of the small one, whose verdict ends the story.
    expect(ended.verdict).toContain(ended.results.workload.error.replace(/^a/, 'A'));
    expect(readdirSync(join(ended.folder, 'shrunk')).sort()).toEqual(SHRUNK);

    const small = readJson(join(ended.folder, 'shrunk/results.json'));
    const replay = `snowstorm test --replay ${ended.folder.slice(folder.length + 1)}/shrunk/replay.json`;
    expect(small).toMatchObject({ again: replay, 'valid?': false, options: { workload: 'counter', program: null } });
    const { origin, lines } = readJson(join(ended.folder, 'shrunk/story.json'));
    expect(ended.stdout).toContain(`\n${origin}\n`);
    for (const { what } of lines) expect(ended.stdout).toContain(what);

    // Each report has what it is for, and is the same when it is drawn again.
    const paths = ['report.html', 'shrunk/report.html'];
    const live = paths.map((path) => ended.read(path));
    expect(live[0]).toContain('href="shrunk/report.html"');
    expect(live[1]).toContain('client 0 → n');
    const drawn = await snowstorm('report', ended.folder);
    expect(drawn.status, drawn.stderr).toBe(0);
    expect(paths.map((path) => ended.read(path) === live[paths.indexOf(path)])).toEqual([true, true]);

    const again = await snowstorm(...replay.split(' ').slice(1), '--store', join(folder, 'replayed'));
    expect(again.status, again.stderr).toBe(1);
    expect(again.stderr).toMatch(/replaying \d operations and 0 faults/);
    expect(again.stdout).toMatch(/^Seed 1, made small in \d+ runs?: \d events, 2 nodes$/m);
    expect(lastLine(again)).toMatch(VERDICT);
    expect(lastLine(again)).toContain(small.workload.error.replace(/^a/, 'A'));
  });

  it('is left as it is with --shrink 0', async () => {
    const store = join(folder, 'unshrunk');
    const ended = new EndedTest(await snowstorm('test', ...FAILING, '--shrink', '0', '--store', store), store);
    expect(ended.status, ended.stderr).toBe(1);
    expect(ended.verdict).toMatch(VERDICT);
    expect(ended.stdout).not.toContain('made small');
    expect(readdirSync(ended.folder)).toContain('report.html');
    expect(readdirSync(ended.folder)).not.toContain('shrunk');
  });

  it('is told and leaves no file with --store none', async () => {
    const cwd = join(folder, 'nowhere');
    mkdirSync(cwd);
    const ended = await new Running(program, ['test', ...FAILING, '--store', 'none'], { cwd }).ended;
    expect(ended.status, ended.stderr).toBe(1);
    expect(ended.stdout).toMatch(/^Seed 1, made small in /m);
    expect(lastLine(ended)).toMatch(VERDICT);
    expect(readdirSync(cwd)).toEqual([]);
  });

  it('is recorded if there was no time to make it small', async () => {
    const store = join(folder, 'hasty');
    const ended = new EndedTest(await snowstorm('test', ...FAILING, '--shrink', '1e-9', '--store', store), store);
    expect(ended.stderr).toMatch(
      /\nsnowstorm: shrinking or recording the failure failed: it was stopped before the first smaller run\n/,
    );
    expect(ended.status).toBe(1);
    expect(ended.verdict).toMatch(VERDICT);
    expect(ended.stdout).toContain(`\nReport: ${ended.folder}/report.html\n`);
    expect(readdirSync(ended.folder)).not.toContain('shrunk');
  });

  it('is recorded if it does not fail again', async () => {
    const store = join(folder, 'once');
    const ended = new EndedTest(await snowstorm('test', '-w', 'once', '--time-limit', '1', '--store', store), store);
    expect(ended.stderr).toMatch(/\nsnowstorm: shrinking or recording the failure failed: .*did not fail/);
    expect(ended.status).toBe(1);
    expect(ended.verdict).toBe('The run is INVALID. Only once.');
    expect(ended.stdout).toContain(`\nReport: ${ended.folder}/report.html\n`);
  });

  it('is made small and recorded if the failure is an unhandled rejection', async () => {
    const store = join(folder, 'unhandled');
    const ended = new EndedTest(
      await snowstorm('test', '-w', 'unhandled', '--time-limit', '1', '--store', store),
      store,
    );
    expect(ended.status, ended.stderr).toBe(1);
    expect(ended.verdict).toMatch(/^The run is INVALID\. .*[Uu]nhandled rejection: Error: left alone/);
    expect(readdirSync(join(ended.folder, 'shrunk')).sort()).toEqual(expect.arrayContaining(SHRUNK));
    expect(readJson(join(ended.folder, 'shrunk/results.json')).protocol.violations[0].rule).toBe('unhandled-rejection');
  });

  it('because its second run differs is not made small, and names the command that repeats it', async () => {
    const store = join(folder, 'restless');
    const args = ['-w', 'restless', '--node-count', '1', '--time-limit', '2', '--seed', '1', '--check-determinism'];
    const ended = new EndedTest(await snowstorm('test', ...args, '--store', store), store);
    expect(ended.status, ended.stderr).toBe(1);
    expect(ended.verdict).toMatch(/^The run is INVALID\. The same seed made another run: /);
    expect(ended.stdout).not.toContain('made small');
    expect(readdirSync(ended.folder)).not.toContain('shrunk');
    expect(ended.results.again).toMatch(/^snowstorm test -w restless .* --check-determinism$/);
  });
});

describe('a signal while a failing run is made small', () => {
  const SLOW = ['test', '-w', 'slow', ...FAILING.slice(2), '--shrink', '1000'];
  const judged = (running: Running) => running.stderr.split('judging\n').length - 1;
  const untilJudged = (running: Running, count: number) =>
    until(
      () => judged(running) >= count,
      () => running.stderr,
    );

  it.each(['SIGINT', 'SIGTERM'] as const)('%s ends it with the smallest failure so far', async (signal) => {
    const store = join(folder, signal);
    const running = start(...SLOW, '--store', store);
    await untilJudged(running, 5);
    running.signal(signal);
    const ended = new EndedTest(await running.ended, store);
    expect(ended.stderr).toContain('keeping the smallest failure so far; Ctrl-C again to quit\n');
    expect(ended.stdout).toMatch(/^Seed 1, made small in \d+ runs, stopped at the time limit: /m);
    expect(ended.verdict).toMatch(VERDICT);
    expect(ended.status).toBe(1);
    expect(readdirSync(join(ended.folder, 'shrunk')).sort()).toEqual(SHRUNK);
    expect(ended.read('report.html')).toContain('href="shrunk/report.html"');
  });

  it('ends it at once if it is the second one, with the record of the run and its verdict', async () => {
    const store = join(folder, 'twice');
    const running = start(...SLOW, '--store', store);
    await untilJudged(running, 3);
    await interruptTwice(running);
    const ended = new EndedTest(await running.ended, store);
    expect(ended.stdout).not.toContain('made small');
    expect(ended.stdout).toContain(`\nRecorded in ${ended.folder}, seed 1\n`);
    expect(ended.verdict).toMatch(VERDICT);
    expect(ended.status).toBe(1);
    const drawn = await snowstorm('report', ended.folder);
    expect(drawn.status, drawn.stderr).toBe(0);
  });

  it('is a crash after the verdict if it is the second one and the record is incomplete', async () => {
    const store = join(folder, 'twice-full');
    const short = 'ulimit -f 2 && exec "$0" "$@"';
    const running = new Running('bash', ['-c', short, program, ...SLOW, '--store', store], { cwd: folder });
    await untilJudged(running, 3);
    await interruptTwice(running);
    const ended = await running.ended;
    expect(ended.stdout).toMatch(/\nRecorded in .*, seed 1\n/);
    expect(lastLine(ended)).toMatch(VERDICT);
    expect(ended.stderr).toMatch(/\nsnowstorm: Error: the record is incomplete: .*EFBIG/);
    expect(ended.status).toBe(255);
  });
});

describe('a fuzz that finds something', () => {
  it('records the small run with its story and a report, names the replay command, and writes a case for each seed', async () => {
    // A shell must be told where the name ends.
    const store = 'the fuzz';
    const junit = join(folder, 'new/deep/fuzz.xml');
    const args = ['-w', 'counter', '--seeds', '3', '--keep-going', '--store', store, '--junit', junit];
    const { status, stdout, stderr } = await snowstorm('fuzz', ...args);
    expect(status, stderr).toBe(1);
    const [, origin] = /^(Seed 1, made small in \d+ runs: \d events, 2 nodes)$/m.exec(stdout) ?? [];
    const record = realpathSync(join(folder, store, 'latest'));
    expect(readdirSync(record).sort()).toEqual(expect.arrayContaining(SHRUNK));
    expect(stdout).toMatch(new RegExp(`^Report: {2}${record}/report.html$`, 'm'));
    expect(readJson(join(record, 'story.json')).origin).toBe(origin);

    const again = "snowstorm test --replay 'the fuzz/counter/fuzz-seed-1.json'";
    expect(stdout).toContain(`\nReplay:  ${again}\n`);
    expect(readJson(join(record, 'results.json')).again).toBe(again);
    const replayed = await new Running('sh', ['-c', again.replace('snowstorm', program)], { cwd: folder }).ended;
    expect(replayed.status, replayed.stderr).toBe(1);
    expect(lastLine(replayed)).toMatch(VERDICT);
    expect(existsSync(join(folder, 'store/latest/shrunk/report.html'))).toBe(true);

    const xml = readFileSync(junit, 'utf8');
    const failures = Number(/: (\d) failed$/m.exec(stdout)?.[1]);
    expect(xml).toContain(`<testsuite name="snowstorm.counter" tests="3" failures="${failures}" errors="0"`);
    expect([...xml.matchAll(/<testcase name="(seed \d)"/g)].map(([, name]) => name)).toEqual([
      'seed 1',
      'seed 2',
      'seed 3',
    ]);
    expect(xml).toContain(origin);
  });
});

describe('a fuzz', () => {
  it('says why seeds are undecided', async () => {
    const junit = join(folder, 'puzzled.xml');
    const args = ['fuzz', '-w', 'puzzled', '--seeds', '2', '--time-limit', '1', '--store', 'none', '--junit', junit];
    const ended = await snowstorm(...args);
    const why = 'Verdict unknown\\. .*the checker is puzzled';
    expect(ended.stdout).toMatch(new RegExp(`^  2 seeds are undecided, e\\.g\\. seed \\d: ${why}`, 'm'));
    expect(readFileSync(junit, 'utf8')).toMatch(new RegExp(`<error message="${why}`));
    expect(ended.status, ended.stderr).toBe(2);
  });

  it('ends well if few of many seeds are undecided', async () => {
    // The faults of seed 295 leave no majority, as long as it runs.
    const ended = await snowstorm(...'fuzz -w lin-kv --from 280 --seeds 24 --store none'.split(' '));
    expect(ended.stdout).toMatch(/^ {2}1 seed is undecided, seed 295: /m);
    expect(ended.status, ended.stderr).toBe(0);
  });

  it('that fails itself leaves CI an empty file', async () => {
    const junit = join(folder, 'broken.xml');
    const args = ['fuzz', '-w', 'broken', '--seeds', '10', '--jobs', '1', '--time-limit', '1', '--store', 'none'];
    const ended = await snowstorm(...args, '--junit', junit);
    expect(ended.stderr).toContain('out of order');
    expect(ended.status).toBe(255);
    expect(readFileSync(junit, 'utf8')).toBe('');
  });

  it('that is stopped at once writes its results for CI', async () => {
    const junit = join(folder, 'stopped.xml');
    const running = start('fuzz', '-w', 'slow', '--seeds', '3', '--jobs', '1', '--store', 'none', '--junit', junit);
    await until(
      () => running.stdout.includes('Reproduce seed '),
      () => running.stdout,
    );
    await interruptTwice(running);
    const { status, stderr } = await running.ended;
    expect(status, stderr).toBe(1);
    expect(readFileSync(junit, 'utf8')).toMatch(/<testsuites tests="\d" failures="1" errors="0" /);
  });
});

describe('a failure that an exploration finds', () => {
  const REPLAY = /^Replay: {2}snowstorm (.*)$/m;
  const storyOf = ({ stdout }: Ended) => stdout.slice(stdout.search(/^Seed \d:/m), stdout.indexOf('\nReplay:'));

  it.each([
    [
      'at a step',
      ['--seed', '1', '--operations', '4', '--actions', 'pause'],
      '--node-count 2 --operations 4 --actions pause --seed 1 --hit pause@9',
      /^Seed 1: pause of n0 at step 9 \(sent \{"src":"n0","dest":"lin-kv","body":\{"key":"sum","type":"read"/,
      /^ +0\.05 ms {2}n0 +is paused for 15000 ms$/m,
    ],
    [
      'in an order',
      ['--seed', '3', '--operations', '2', '--orders', '--max-schedules', '100'],
      '--node-count 2 --operations 2 --seed 3 --order 0.0.0.0.0.0.0.0.0.0',
      /^Seed 3: messages in the order 0[.\d]*$/,
      /^ +0 ms {2}client 1 → n1 +add/m,
    ],
  ])('%s is told, recorded and drawn, and the command repeats it', async (name, args, again, origin, line) => {
    const [store, junit] = [join(folder, name), join(folder, `${name}.xml`)];
    const ended = await snowstorm('explore', '-w', 'counter', ...args, '--store', store, '--junit', junit);
    expect(ended.status, ended.stderr).toBe(1);
    expect(storyOf(ended)).toMatch(line);
    const once = REPLAY.exec(ended.stdout)?.[1] ?? '';
    expect(once).toBe(`explore -w counter ${again}`);

    const record = join(store, 'latest');
    expect(readdirSync(record).sort()).toEqual(SHRUNK.filter((file) => file !== 'replay.json'));
    const results = readJson(join(record, 'results.json'));
    expect(results).toMatchObject({ again: `snowstorm ${once}`, 'valid?': false, options: { workload: 'counter' } });
    const story = readJson(join(record, 'story.json'));
    expect(story.origin).toMatch(origin);
    for (const { what } of story.lines) expect(storyOf(ended)).toContain(what);
    expect(readFileSync(join(record, 'report.html'), 'utf8')).toContain('<ol class="story">');

    // The verdict of the record, the story and the list are of one run.
    const reason = results.workload.error.replace(/^a/, 'A');
    expect(storyOf(ended)).toContain(`\nThe run is INVALID. ${reason}.\n`);
    expect(/ {2}1\. [\s\S]*?\n {5}(The run.*)/.exec(ended.stdout)?.[1]).toBe(`The run is INVALID. ${reason}.`);

    const xml = readFileSync(junit, 'utf8');
    expect(xml).toMatch(/<testcase name="explore" .*\n[\s\S]*<failure message="\d+ of \d+ runs FAILED\."/);
    expect(xml).toContain(`Replay:  snowstorm ${once}`);

    const repeated = await snowstorm(...once.split(' '), '--store', 'none');
    expect(repeated.status, repeated.stderr).toBe(1);
    expect(storyOf(repeated)).toBe(storyOf(ended));
  });

  it.each([
    ['fuzz', ['--seeds', '1']],
    ['explore', ['--seed', '3', '--operations', '2', '--orders']],
  ])('is told if it cannot be recorded: %s', async (command, args) => {
    const file = join(folder, `${command}-into-a-file`);
    writeFileSync(file, '');
    const ended = await snowstorm(command, '-w', 'counter', ...args, '--store', file);
    expect(ended.stdout).toMatch(/\nThe run is INVALID\. A read shows/);
    expect(ended.stderr).toMatch(new RegExp(`\nsnowstorm: the failure was not recorded: --store ${file}: .*\n$`));
    expect(ended.status).toBe(1);
  });

  it('says so if it does not fail again', async () => {
    const ended = await snowstorm('explore', '-w', 'once', '--seed', '1', '--store', 'none');
    expect(ended.stdout).toMatch(/^Seed 1: no faults, and did not fail again$/m);
    expect(ended.status, ended.stderr).toBe(1);
  });

  it.each([
    ['while it is told', 'Seed 1\n'],
    ['while it is recorded', 'Replay:'],
  ])('keeps its status and goes to CI when signals come %s', async (name, text) => {
    const junit = join(folder, `${name}.xml`);
    const hit = ['--seed', '1', '--operations', '4', '--actions', 'pause', '--hit', 'pause@9'];
    const running = start('explore', '-w', 'slow', ...hit, '--store', join(folder, name), '--junit', junit);
    await until(
      () => running.stdout.includes(text),
      () => running.stdout,
    );
    // The first one is told, the second one ends it, and it may be over before.
    const impatience = setInterval(() => running.signal('SIGINT'), 2);
    const { status, signal, stderr } = await running.ended;
    clearInterval(impatience);
    expect([status, signal], stderr).toEqual([1, null]);
    expect(readFileSync(junit, 'utf8')).toContain('<testsuites tests="1" failures="1" errors="0" ');
  });

  it('is undecided if there is no step to hit', async () => {
    const junit = join(folder, 'no-step.xml');
    const args = ['explore', '-w', 'counter', '--seed', '1', '--store', 'none', '--junit', junit];
    const ended = await snowstorm(...args, '--at', '"caz"');
    expect(ended.stdout).toContain('Stopped early: there is no step of that kind.');
    expect(ended.status, ended.stderr).toBe(2);
    expect(readFileSync(junit, 'utf8')).toContain('<testsuites tests="1" failures="0" errors="1" ');
  });

  it.each([
    ['fuzz', ['--seeds', '1']],
    ['explore', ['--seed', '3', '--operations', '2', '--orders']],
  ])('is recorded if a link cannot be set, with a warning: %s', async (command, args) => {
    const store = join(folder, `${command}-copied`);
    mkdirSync(join(store, 'latest/not empty'), { recursive: true });
    const ended = await snowstorm(command, '-w', 'counter', ...args, '--store', store);
    expect(ended.stderr).toMatch(new RegExp(`^snowstorm: ${store}/latest was not set: E.*$`, 'm'));
    expect(ended.status).toBe(1);
    const record = realpathSync(join(store, 'counter/latest'));
    expect(readdirSync(record)).toEqual(expect.arrayContaining(['report.html', 'results.json', 'story.json']));
    expect(ended.stdout).toContain(`Report:  ${record}/report.html\n`);
    expect(readdirSync(store).sort()).toEqual(['counter', 'latest']);
  });

  it('is recorded with its story, as far as the disk holds it', async () => {
    const store = join(folder, 'full-explored');
    const args = ['explore', '-w', 'counter', '--seed', '3', '--operations', '2', '--orders', '--store', store];
    const ended = await new Running('bash', ['-c', 'ulimit -f 2 && exec "$0" "$@"', program, ...args]).ended;
    expect(ended.stderr).toMatch(
      /^snowstorm: the failure was not recorded: the record is incomplete: .*messages\.jsonl/m,
    );
    expect(ended.stderr).toMatch(/^snowstorm: the report was not drawn: /m);
    expect(ended.status).toBe(1);
    expect(readJson(join(store, 'latest/story.json')).origin).toMatch(/^Seed 3: /);
  });

  it('is none if a run with hits is valid, or has no such step', async () => {
    const one = [
      'explore',
      '-w',
      'counter',
      '--seed',
      '1',
      '--operations',
      '4',
      '--actions',
      'pause',
      '--store',
      'one',
    ];
    const valid = await snowstorm(...one, '--hit', 'pause@8');
    expect(valid.stdout).toMatch(/^With pause of n0 at step 8 \(.*\):\nThe run is valid\.\nSeed 1\n$/);
    expect(valid.status, valid.stderr).toBe(0);
    const missing = await snowstorm(...one, '--hit', 'pause@8,pause@1000000');
    expect(missing.stderr).toMatch(/\nsnowstorm: --hit: there is no step 1000000: the run has \d+ steps\n/);
    expect(missing.status).toBe(254);
    expect(existsSync(join(folder, 'one'))).toBe(false);
  });

  it('is recorded if it is an unhandled rejection', async () => {
    const args = [
      'explore',
      '-w',
      'unhandled',
      '--seed',
      '1',
      '--operations',
      '2',
      '--store',
      join(folder, 'explored'),
    ];
    const ended = await snowstorm(...args);
    expect(ended.status, ended.stderr).toBe(1);
    expect(storyOf(ended)).toContain('unhandled rejection: Error: left alone');
    const { protocol } = readJson(join(folder, 'explored/latest/results.json'));
    expect(protocol.violations[0].rule).toBe('unhandled-rejection');
  });
});

describe('--junit', () => {
  it('has a case for each checker, in a new folder', async () => {
    const [valid, invalid] = [join(folder, 'a/b/valid.xml'), join(folder, 'c/invalid.xml')];
    const good = await snowstorm('test', '-w', 'echo', '--time-limit', '1', '--store', 'none', '--junit', valid);
    expect(good.status, good.stderr).toBe(0);
    expect(readFileSync(valid, 'utf8')).toMatch(/<testsuites tests="[1-9]\d*" failures="0" errors="0" /);
    const bad = await snowstorm('test', ...FAILING, '--store', 'none', '--shrink', '0', '--junit', invalid);
    expect(bad.status, bad.stderr).toBe(1);
    const xml = readFileSync(invalid, 'utf8');
    expect(xml).toMatch(/<testsuites tests="[1-9]\d*" failures="1" errors="0" /);
    expect(xml).toMatch(
      /<testcase name="workload" classname="snowstorm\.counter">[\s\S]*<failure message="The run is INVALID\. A read/,
    );
    expect(xml).toContain('Replay:  snowstorm test -w counter --time-limit 5 ');
  });

  it.each([
    ['test', ['test', ...FAILING]],
    ['fuzz', ['fuzz', '-w', 'counter', '--seeds', '1']],
    ['explore', ['explore', '-w', 'counter']],
  ])('that cannot be written is refused before anything runs: %s', async (name, args) => {
    const store = `${name}-never`;
    const { status, stdout, stderr } = await snowstorm(...args, '--store', store, '--junit', `${program}/x.xml`);
    expect(stderr).toMatch(new RegExp(`^snowstorm: --junit ${program}/x.xml: .*\nTry snowstorm ${name} --help\n$`));
    expect({ status, stdout }).toEqual({ status: 254, stdout: '' });
    expect(existsSync(join(folder, store))).toBe(false);
  });

  it('that cannot be written any more is a crash, but the record and the verdict are kept', async () => {
    const store = join(folder, 'junit-gone');
    const file = join(folder, 'gone.xml');
    const running = start(
      'test',
      '-w',
      'slow',
      ...FAILING.slice(2),
      '--time-limit',
      '10',
      '--time-limit',
      '10',
      '--shrink',
      '0',
      '--store',
      store,
      '--junit',
      file,
    );
    await until(
      () => existsSync(file),
      () => running.stderr,
    );
    rmSync(file);
    mkdirSync(file);
    const ended = new EndedTest(await running.ended, store);
    expect(ended.stderr).toContain(`--junit ${file}: EISDIR`);
    expect(ended.verdict).toMatch(VERDICT);
    expect(readdirSync(ended.folder)).toContain('report.html');
    expect(ended.status).toBe(255);
  });
});

describe('the command that makes a run again', () => {
  it('is quoted for a shell, with any words', async () => {
    const store = join(folder, 'quoted');
    const node = join(folder, "a node's folder");
    mkdirSync(node);
    const bin = join(node, 'node $HOME');
    writeFileSync(bin, `#!/bin/sh\nprintf '%s\\n' "$@" >&2\nexec '${fixture('echo.mjs')}'\n`, {
      mode: 0o755,
    });
    const rest = ['--', "it's", '', '$(false)', '--seed', 'a b'];
    const args = [
      '-w',
      'echo',
      '--bin',
      bin,
      '--node-count',
      '1',
      '--rate',
      '50',
      '--time-limit',
      '0.2',
      '--seed=-it\'s "1"',
    ];
    const first = new EndedTest(await snowstorm('test', ...args, '--store', store, ...rest), store);
    expect(first.status, first.stdout).toBe(0);
    const { again, options } = first.results;
    const ended = await new Running('sh', ['-c', again.replace('snowstorm', program)], { cwd: folder }).ended;
    expect(ended.status, ended.stderr).toBe(0);
    const second = readJson(join(folder, 'store/latest/results.json'));
    expect(second.options).toEqual(options);
    expect(second.again).toBe(again);
    expect(options).toMatchObject({ seed: '-it\'s "1"', args: rest.slice(1), program: bin });
    expect(first.read('node-logs/n0.log')).toContain("it's\n\n$(false)\n--seed\na b\n");
  });
});
