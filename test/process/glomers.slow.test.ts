/** `snowstorm glomers` with real nodes, right and wrong ones, for shorter times than the challenges ask. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Ended, fixture, hasPython, Running, SNOWSTORM, until } from '../support/snowstorm-process.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const TIMEOUT_MS = 240_000;

const folder = temporaryFolder();
const python = hasPython('the challenges of Gossip Glomers with a node in Python');

function startGlomers(name: string, args: readonly string[]): Running {
  const [options, node] = [args.slice(0, args.indexOf('--')), args.slice(args.indexOf('--'))];
  const settings = ['--store', join(folder, name), '--seed', '1'];
  return new Running(SNOWSTORM, ['glomers', ...options, ...settings, ...node]);
}

async function glomers(name: string, args: readonly string[]): Promise<Ended> {
  const running = startGlomers(name, args);
  const ended = await running.ended;
  await running.nothingLeft();
  return ended;
}

const reportsIn = (text: string) => [...text.matchAll(/^Report: (.*)$/gm)].map(([, path]) => path as string);

describe.concurrent('a challenge', () => {
  it('is passed by a right node, with the verdict and nothing else', { timeout: TIMEOUT_MS }, async () => {
    const { status, stdout, stderr } = await glomers('echo', [
      ...['1', '--bin', fixture('echo.mjs'), '--time-limit', '1'],
      '--',
    ]);
    expect(stdout).toBe(`Challenge 1: Echo, for 1 s
Everything looks good! The run is valid.
1: pass

`);
    expect(stderr).toMatch(/^echo: 1 × .*echo\.mjs, 1 client, 5\/s for 1 s, no faults, seed 1$/m);
    expect(status).toBe(0);
  });

  it('is failed by a wrong node, and its report is named', { timeout: TIMEOUT_MS }, async () => {
    const { status, stdout } = await glomers('wrong-echo', [
      ...['1', '--bin', fixture('echoes-wrongly.mjs'), '--time-limit', '1'],
      '--',
    ]);
    expect(stdout).toMatch(
      /^Challenge 1: Echo, for 1 s\nThe run is INVALID\. .*\nReport: .*report\.html\n1: FAIL\n\n$/,
    );
    expect(reportsIn(stdout).map((path) => existsSync(path))).toEqual([true]);
    expect(status).toBe(1);
  });

  it('is not passed when a signal stops it, and the next is not begun', { timeout: TIMEOUT_MS }, async () => {
    const running = startGlomers('signal', ['1', '2', '--bin', fixture('echo.mjs'), '--time-limit', '600', '--']);
    await until(
      () => running.stderr.includes('echo: 1 ×'),
      () => running.stderr,
    );
    running.signal('SIGINT');
    const { status, stdout } = await running.ended;
    await running.nothingLeft();
    expect(stdout).toMatch(/^The run was stopped by a signal before its end\.\nReport: .*\n1: unknown$/m);
    expect(stdout).not.toContain('Challenge 2');
    expect(stdout).toMatch(
      /^ {2}1 {3}unknown {2}Echo.*\n {2}2 {3}not run {2}Unique ID generation\n\n0 of 2 passed\.$/m,
    );
    expect(status).toBe(2);
  });
});

describe.skipIf(!python).concurrent('a node in Python', () => {
  const bin = fixture('node.py');

  it('passes the first broadcasts, and the figures of 3d are measured', { timeout: TIMEOUT_MS }, async () => {
    const { status, stdout } = await glomers('broadcast', [
      ...['3d', '3a', '3b', '--bin', bin, '--time-limit', '2'],
      ...['--', '{workload}'],
    ]);
    expect(stdout).toContain('3a: pass\n');
    expect(stdout).toContain('3b: pass\n');
    // It sends everything to all others, again and again.
    expect(stdout).toMatch(/^ {2}FAIL {5}messages per operation {2}\d+(\.\d+)? +below 30 +best known 1\.72$/m);
    expect(stdout).toMatch(/^ {2}(pass|FAIL) {5}median latency {10}\d+(\.\d+)? ms +below 400 ms +best known 231 ms$/m);
    expect(stdout).toMatch(/^ {2}(pass|FAIL) {5}maximum latency {9}\d+(\.\d+)? ms +below 600 ms +best known 347 ms$/m);
    expect(stdout.split('\n').slice(-8)).toEqual([
      'Scorecard',
      '',
      '  3a  pass     Single-node broadcast',
      '  3b  pass     Multi-node broadcast',
      expect.stringMatching(
        /^ {2}3d {2}FAIL {5}Efficient broadcast, part I: .*messages per operation .*, wanted below 30/,
      ),
      '',
      '2 of 3 passed.',
      '',
    ]);
    expect(status).toBe(1);
  });

  it('that forgets fails 3a, and one that aborts what it does all of 6', { timeout: TIMEOUT_MS }, async () => {
    const args = (wrong: string) => ['--bin', bin, '--time-limit', '4', '--', '{workload}', '--wrong', wrong];
    const forgetting = await glomers('forgets', ['3a', ...args('forgets')]);
    expect(forgetting.stdout).toMatch(/^The run is INVALID\. .*elements were lost.*\nReport: .*\n3a: FAIL$/m);
    expect(forgetting.status).toBe(1);
    const refusing = await glomers('aborts', ['6', ...args('aborts-what-it-does')]);
    // Read uncommitted allows what was aborted to be read. Total availability allows no abort.
    const [, uncommitted, committed] = refusing.stdout.split(/^Challenge 6[bc]: .*\n/m);
    expect(uncommitted).toMatch(/^Everything looks good!.*\nThe run is INVALID\. .*\nReport: .*\n6b: FAIL\n/);
    expect(committed).toMatch(/^The run is INVALID\. .*G1a.*\nReport: .*\n6c: FAIL\n/);
    expect(reportsIn(refusing.stdout)).toHaveLength(3);
    expect(refusing.status).toBe(1);
  });
});
