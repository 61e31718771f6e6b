/** `snowstorm serve-store`, the real program: it shows recorded runs, and ends at a signal. */

import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { EndedTest, Running, SNOWSTORM, snowstorm, until } from '../support/snowstorm-process.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const folder = temporaryFolder();

/** Starts it, and waits for the address that it prints. */
async function serve(args: readonly string[]): Promise<{ running: Running; url: string }> {
  const running = new Running(SNOWSTORM, ['serve-store', ...args]);
  const address = () => /^Serving .*\/ at (http:\/\/\S+\/)\n$/.exec(running.stdout)?.[1];
  await until(
    () => address() !== undefined,
    () => running.stdout + running.stderr,
  );
  return { running, url: address() as string };
}

describe.concurrent('serve-store', () => {
  it('shows a recorded run, and ends with 0 at a signal, even with open connections', async () => {
    const store = join(folder, 'recorded');
    const args = ['-w', 'echo', '--time-limit', '1', '--rate', '10', '--seed', '17', '--store', store];
    const recorded = new EndedTest(await snowstorm(['test', ...args]), store);
    expect(recorded.status, recorded.stderr).toBe(0);

    const { running, url } = await serve(['--port', '0', '--store', store]);
    expect(running.stdout).toBe(`Serving ${store}/ at ${url}\n`);
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);
    // fetch keeps its connections.
    const list = await (await fetch(url)).text();
    const path = `echo/${basename(recorded.folder)}/`;
    expect(list).toContain(`href="/${path}"`);
    for (const text of ['✓ </span>valid', '>simulated<', '>17<', '1 run']) expect(list).toContain(text);
    const results = await fetch(`${url}${path}results.json`);
    expect(await results.json()).toEqual(recorded.results);
    expect(await (await fetch(`${url}${path}history.jsonl`)).text()).toBe(recorded.read('history.jsonl'));

    const toldMs = performance.now();
    running.signal('SIGTERM');
    expect(await running.ended).toMatchObject({ status: 0, signal: null, stderr: '' });
    // If open connections were not closed, this would take five seconds.
    expect(performance.now() - toldMs).toBeLessThan(4000);
  });

  it('ends with 0 at SIGINT, too', async () => {
    const store = join(folder, 'interrupted');
    mkdirSync(store);
    const { running } = await serve(['--port', '0', '--host', 'localhost', '--store', `${store}/`]);
    expect(running.stdout).toMatch(`Serving ${store}/ at http://localhost:`);
    running.signal('SIGINT');
    expect((await running.ended).status).toBe(0);
  });

  it('names a port that is in use', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as AddressInfo;
    const { status, stdout, stderr } = await snowstorm(['serve-store', '--port', `${port}`, '--store', folder]);
    other.close();
    expect(stderr).toBe(
      `snowstorm: --port ${port}: this port of 127.0.0.1 is in use\nTry snowstorm serve-store --help\n`,
    );
    expect({ status, stdout }).toEqual({ status: 254, stdout: '' });
  });

  it('refuses a missing store, a foreign address, and extra words', async () => {
    const file = join(folder, 'a-file');
    writeFileSync(file, '');
    const missing = join(folder, 'missing');
    for (const [args, says] of [
      [['--store', missing], `--store ${missing}: there is no such folder`],
      [['--store', file], `--store ${file}: this is not a folder`],
      [['--store', folder, '--host', '203.0.113.1'], '--host 203.0.113.1: '],
      [['--port', '65536'], '--port "65536": expected a whole number from 0 to 65535'],
      [['--host', ''], '--host "": expected an address or a name'],
      [['store'], 'unexpected argument "store"'],
    ] as const) {
      const { status, stderr } = await snowstorm(['serve-store', '--port', '0', ...args]);
      expect(stderr).toContain(`snowstorm: ${says}`);
      expect(status).toBe(254);
    }
  });

  it('has a help text', async () => {
    const { status, stdout } = await snowstorm(['serve-store', '--help']);
    expect(stdout).toMatch(/^Usage: snowstorm serve-store \[options\]\n/);
    expect(stdout).toContain('Exit status: 0 ended by a signal');
    expect(status).toBe(0);
    expect((await snowstorm(['--help'])).stdout).toContain('serve-store');
  });
});
