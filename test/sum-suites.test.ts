/** `test/support/sum-suites`: suites one after the other, and one line for all of them that no failure gets lost in. */

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const SUM_SUITES = fileURLToPath(new URL('support/sum-suites', import.meta.url));

function sum(...suites: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(SUM_SUITES, suites, { encoding: 'utf8' });
  return { status, lines: stdout.trimEnd().split('\n'), stderr };
}

const GREEN = 'echo "3 passed, 0 failed"';

describe('the sum of suites', () => {
  it('ends with one line for all that passed, below everything that they print', () => {
    expect(sum(`echo one; ${GREEN}`, 'echo "40 passed, 0 failed"')).toEqual({
      status: 0,
      lines: ['one', '3 passed, 0 failed', '40 passed, 0 failed', '43 passed, 0 failed'],
      stderr: '',
    });
  });

  it('tells of what was skipped in any of them', () => {
    expect(sum(GREEN, 'echo "1 passed, 0 failed, 8 skipped"').lines.at(-1)).toBe('4 passed, 0 failed, 8 skipped');
    expect(sum('echo "1 passed, 0 failed, 8 skipped"', GREEN).lines.at(-1)).toBe('4 passed, 0 failed, 8 skipped');
  });

  it('counts failures, whichever suite they are in, and runs the others all the same', () => {
    const red = 'echo "5 passed, 2 failed"; exit 1';
    for (const suites of [
      [red, GREEN],
      [GREEN, red],
    ])
      expect(sum(...suites)).toMatchObject({
        status: 1,
        lines: expect.arrayContaining(['3 passed, 0 failed', '8 passed, 2 failed']),
        stderr: '',
      });
    expect(sum(red, red)).toMatchObject({ status: 1, lines: expect.arrayContaining(['10 passed, 4 failed']) });
  });

  it('fails by a failure that is told but not in the exit status', () => {
    expect(sum('echo "5 passed, 2 failed"')).toMatchObject({
      status: 1,
      lines: expect.arrayContaining(['5 passed, 2 failed']),
    });
  });

  it('counts a suite that is ended before its line as a failure', () => {
    const crashing = 'echo "9 passed, 0 failed"; echo out of memory; kill -9 $$';
    const { status, lines, stderr } = sum(crashing, GREEN);
    expect({ status, last: lines.at(-1) }).toEqual({ status: 1, last: '3 passed, 1 failed' });
    expect(stderr).toContain(
      `*** "${crashing}" ended with status 137 and without the line "N passed, N failed": one failure ***\n`,
    );
  });

  it.each([
    ['prints nothing', 'true', 0],
    ['cannot be run', 'no-such-program-anywhere 2> /dev/null', 127],
    ['ends with a line that only looks like it', 'echo "3 passed, 0 failed of 9"', 0],
    ['prints its line on stderr', 'echo "3 passed, 0 failed" >&2', 0],
  ])('counts a suite that %s as a failure', (_, suite, status) => {
    const ended = sum(GREEN, suite);
    expect({ status: ended.status, last: ended.lines.at(-1) }).toEqual({ status: 1, last: '3 passed, 1 failed' });
    expect(ended.stderr).toContain(
      `*** "${suite}" ended with status ${status} and without the line "N passed, N failed": one failure ***\n`,
    );
  });

  it('counts a suite that fails after a line without failures', () => {
    const suite = `${GREEN}; exit 7`;
    expect(sum(GREEN, suite)).toEqual({
      status: 1,
      lines: ['3 passed, 0 failed', '3 passed, 0 failed', '6 passed, 1 failed'],
      stderr: `*** "${suite}" ended with status 7, but its line tells of no failure: one failure ***\n`,
    });
  });

  it('is refused where there is nothing to run', () => {
    expect(sum()).toEqual({ status: 2, lines: [''], stderr: 'usage: sum-suites COMMAND…\n' });
  });
});
