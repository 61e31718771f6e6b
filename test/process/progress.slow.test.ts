/** The progress of a run: plain lines without a terminal, one rewritten line on a terminal. */

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { fixture, hasPython, Running, runTest, SNOWSTORM, until } from '../support/snowstorm-process.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const folder = temporaryFolder();
const ON_A_TERMINAL = fileURLToPath(new URL('../fixtures/on-a-terminal.py', import.meta.url));

const HAS_PYTHON = hasPython('what is shown on a terminal');

/** One partition, from the start to the end. */
const PARTITION = ['--node-count', '3', '--nemesis', 'partition', '--nemesis-interval', '100000', '--seed', 'snow'];

describe.concurrent('progress', () => {
  it('is a plain line every five seconds if stderr is not a terminal', async () => {
    const ended = await runTest({
      workload: 'echo',
      bin: fixture('echo.mjs'),
      store: join(folder, 'plain'),
      args: [...PARTITION, '--time-limit', '7'],
    });
    const [start, ...lines] = ended.stderr.trimEnd().split('\n');
    expect(start).toMatch(/^echo: 3 × .*echo\.mjs, 3 clients, 50\/s for 7 s, faults: partition, seed snow$/);
    // A slow machine may report the start of the nodes before.
    expect(lines.at(-1)).toMatch(
      /^\d\/7 s {2}\d+ ok {2}\d+\/s {2}partition (one|majority|majorities-ring) \(n\d ⊘ .*\)$/,
    );
    expect(lines.length).toBeLessThan(4);
    expect(ended.stderr).not.toContain('\x1b');
    expect(ended.stderr).not.toContain('\r');
    expect(ended.status).toBe(0);
  });

  it.skipIf(!HAS_PYTHON).each([
    { columns: 200, shows: /^[012]\/2 s {2}\d+ ok {2}\d+\/s {2}partition \S+ \(n\d ⊘ .*\)$/ },
    { columns: 30, shows: /^[012]\/2 s {2}\d+ ok {2}\d+\/s {2}/ },
  ])('is one line on a terminal of $columns columns, and leaves the screen clean', async ({ columns, shows }) => {
    const store = join(folder, `terminal-${columns}`);
    const args = ['test', '-w', 'echo', '--bin', fixture('echo.mjs'), '--store', store, ...PARTITION];
    const settings = ['--time-limit', '2', '--rate', '50', '--log-stderr'];
    const running = new Running(ON_A_TERMINAL, [String(columns), SNOWSTORM, ...args, ...settings]);
    const { status, stdout } = await running.ended;
    await running.nothingLeft();
    const { screen, rewritten } = showOnTerminal(stdout);

    const progress = rewritten.filter((line) => shows.test(line));
    expect(progress.length, rewritten.join('\n')).toBeGreaterThan(1);
    for (const line of rewritten) expect(line.length).toBeLessThan(columns);

    const [start, ...rest] = screen;
    expect(start).toMatch(/^echo: 3 × /);
    // The lines of --log-stderr are whole, and the result follows at once.
    expect(rest.slice(0, 3).sort()).toEqual(['n0: I am n0', 'n1: I am n1', 'n2: I am n2']);
    expect(rest[3]).toBe('stats');
    expect(screen.at(-2)).toBe('Everything looks good! The run is valid.');
    expect(screen.at(-1)).toBe('');
    expect(status).toBe(0);
  });

  it.skipIf(!HAS_PYTHON)('gives way to the message after Ctrl-C, which does not kill the nodes', async () => {
    const store = join(folder, 'typed');
    const args = ['test', '-w', 'echo', '--bin', fixture('logs-requests.mjs'), '--store', store, '--log-stderr'];
    const running = new Running(ON_A_TERMINAL, ['120', SNOWSTORM, ...args, '--node-count', '1', '--rate', '50']);
    await until(
      () => running.stdout.includes('n0: request 5\r\n'),
      () => running.stdout,
    );
    running.type('\x03');
    const { status, stdout } = await running.ended;
    await running.nothingLeft();
    const { screen } = showOnTerminal(stdout);
    const stopping = screen.findIndex((line) => line.startsWith('stopping: the verdict covers what has run so far'));
    expect(stopping).toBeGreaterThan(0);
    expect(screen.slice(stopping + 1).find((line) => !line.startsWith('n0: request '))).toBe('stats');
    expect(screen.at(-2)).toBe('Everything looks good! The run is valid.');
    expect(status).toBe(0);
  });
});

/** The lines of a wide terminal, and the states of rewritten lines. */
function showOnTerminal(output: string): { screen: string[]; rewritten: string[] } {
  const screen: string[] = [];
  const rewritten: string[] = [];
  let line = '';
  let column = 0;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a terminal is made of them
  for (const [token] of output.replaceAll('\r\n', '\n').matchAll(/\r|\n|\x1b\[K|\x1b.|[^\r\n\x1b]+/g)) {
    if (token === '\r') {
      if (column > 0) rewritten.push(line);
      column = 0;
    } else if (token === '\n') {
      screen.push(line);
      line = '';
      column = 0;
    } else if (token === '\x1b[K') {
      line = line.slice(0, column);
    } else if (token.startsWith('\x1b')) {
      throw new Error(`an escape sequence that this terminal does not know: ${JSON.stringify(token)}`);
    } else {
      line = line.slice(0, column) + token + line.slice(column + token.length);
      column += token.length;
    }
  }
  return { screen: [...screen, line], rewritten };
}
