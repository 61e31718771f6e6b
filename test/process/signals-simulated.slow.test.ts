/** Signals to commands on virtual time: a stopped command says so, and never looks complete. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Running, SNOWSTORM, snowstorm, until } from '../support/snowstorm-process.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const folder = temporaryFolder();
const STOPPED = 'error the run was stopped before it could be made twice';
/** A few seconds of work. */
const LONG = ['test', '-w', 'echo', '--rate', '500', '--time-limit', '300', '--seed', '1', '--store', 'none'];

/** Runs code after the first of two runs: its cost is read then, once. */
function afterFirstRun(name: string, code: string): Readonly<Record<string, string>> {
  const file = join(folder, `${name}.cjs`);
  const hook = 'const ask = process.resourceUsage;\nprocess.resourceUsage = () => { process.resourceUsage = ask;';
  writeFileSync(file, `${hook} ${code}; return ask.call(process); };\n`);
  return { NODE_OPTIONS: `--require ${file}` };
}

function untilStderrHas(running: Running, text: string): Promise<void> {
  return until(
    () => running.stderr.includes(text),
    () => `${JSON.stringify(text)} is not in ${running.stderr}`,
  );
}

function untilStdoutHas(running: Running, text: string): Promise<void> {
  return until(
    () => running.stdout.includes(text),
    () => `${JSON.stringify(text)} is not in ${running.stdout}`,
  );
}

describe('a signal to a test that is made twice', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)(
    '%s in the first run leaves the second one out: undecided',
    async (signal) => {
      const running = new Running(SNOWSTORM, [...LONG, '--check-determinism']);
      await untilStderrHas(running, '5 simulated nodes');
      running.signal(signal);
      const { status, stdout } = await running.ended;
      expect(stdout).toContain(`valid? unknown, ${STOPPED}`);
      expect(stdout).toContain('The run was stopped before it could be made twice.');
      expect(status).toBe(2);
    },
  );

  it('in the second run stops that one: undecided', async () => {
    const env = afterFirstRun('tells', "process.stderr.write('the first run is over\\n')");
    const running = new Running(SNOWSTORM, [...LONG, '--check-determinism'], { env });
    await untilStderrHas(running, 'the first run is over');
    running.signal('SIGINT');
    const { status, stdout } = await running.ended;
    expect(stdout).toContain(`valid? unknown, ${STOPPED}`);
    expect(status).toBe(2);
  });
});

describe('an unhandled rejection', () => {
  it('in the second of two runs does not end the process', async () => {
    const code = "setTimeout(() => { process.stderr.write('rejecting\\n'); Promise.reject(new Error('late')); }, 1)";
    const { status, stdout, stderr } = await snowstorm([...LONG, '--check-determinism'], {
      env: afterFirstRun('rejects', code),
    });
    expect(stderr).toContain('rejecting');
    expect(stdout).toMatch(/^determinism +valid\? true/m);
    expect(status, stderr).toBe(0);
  });
});

describe('a signal to a fuzz', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)(
    '%s ends it with the number of seeds so far, and not as a success',
    async (signal) => {
      const running = new Running(SNOWSTORM, ['fuzz', '-w', 'echo', '--seeds', '100000']);
      await untilStderrHas(running, 'seeds 1 to 100000');
      running.signal(signal);
      const { status, stdout } = await running.ended;
      expect(stdout).toMatch(/^stopped after \d+ of 100000 seeds$/m);
      expect(status).toBe(2);
    },
  );

  it('while it shrinks a failure: the second one ends it, as a failure', async () => {
    const failing = ['-w', 'unique-ids', '--availability', 'total', '--nemesis', 'kill=2', '--time-limit', '200'];
    const running = new Running(SNOWSTORM, ['fuzz', ...failing, '--seeds', '1', '--store', 'none']);
    await untilStdoutHas(running, 'snowstorm test -w unique-ids');
    running.signal('SIGINT');
    await untilStderrHas(running, 'Ctrl-C again to quit');
    running.signal('SIGINT');
    const { status, stdout } = await running.ended;
    expect(stdout).not.toContain('made small');
    expect(status).toBe(1);
  });
});

describe('a signal to an exploration', () => {
  it('ends it with the coverage so far, and not as a success', async () => {
    const running = new Running(SNOWSTORM, ['explore', '-w', 'unique-ids', '--depth', '3', '--seed', '1']);
    await untilStderrHas(running, 'unique-ids: 2 nodes');
    running.signal('SIGINT');
    const { status, stdout } = await running.ended;
    expect(stdout).toContain('Stopped early: it was told to stop.');
    expect(stdout).toMatch(/^(All [\d,]+ runs so far are|The only run so far is) valid\.$/m);
    expect(stdout).not.toContain('every one of');
    expect(stdout).not.toContain('All of them');
    expect(status).toBe(2);
  });
});
