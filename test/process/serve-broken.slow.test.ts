/** What a test of services cannot work with: it ends soon, says what is wrong and what to do, and leaves nothing. */

import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { freePorts } from '../../src/host/deployment/ports.ts';
import { EtcdCluster, findEtcd } from '../support/etcd.ts';
import { killServices, ServiceProcess } from '../support/service-process.ts';
import { EndedTest, Running, SNOWSTORM, until } from '../support/snowstorm-process.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const EXIT_INVALID = 1;
const EXIT_USAGE = 254;

const etcd = findEtcd('tests of services on a broken etcd');
const folder = temporaryFolder();
const started: Running[] = [];

afterAll(() => {
  for (const running of started) running.signal('SIGKILL');
  killServices();
});

/** Runs a test of two seconds to its end. Nothing of it is left. */
async function run(...args: readonly string[]): Promise<EndedTest> {
  const name = `run-${started.length}`;
  const [store, temporary] = [join(folder, name), join(folder, `${name}-tmp`)];
  mkdirSync(temporary);
  const short = ['-w', 'saga', '--time-limit', '2', '--rate', '20', '--init-timeout', '10', '--store', store];
  const running = new Running(SNOWSTORM, ['test', ...short, ...args], { env: { TMPDIR: temporary } });
  started.push(running);
  const ended = await running.ended;
  await running.nothingLeft();
  const left = () => readdirSync(temporary).filter((entry) => entry.startsWith('snowstorm-'));
  await until(
    () => left().length === 0,
    () => `still there: ${left().join(', ')}`,
  );
  return new EndedTest(ended, store);
}

/** A shell script, by its full path. */
function script(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  return path;
}

function expectRefusal({ status, stdout, stderr }: EndedTest, ...texts: readonly string[]): void {
  for (const text of texts) expect(stderr).toContain(text);
  expect(stderr).toContain('Try snowstorm test --help\n');
  expect(stderr).not.toMatch(/^ {4}at /m);
  expect({ status, stdout }).toEqual({ status: EXIT_USAGE, stdout: '' });
}

function expectInvalid({ status, verdict, stderr }: EndedTest, ...texts: readonly string[]): void {
  for (const text of texts) expect(verdict).toContain(text);
  expect({ status, stderr }).toEqual({ status: EXIT_INVALID, stderr: expect.not.stringContaining('snowstorm: ') });
}

describe.concurrent('an etcd', () => {
  const ON_ETCD = ['--serve', '2', '--engine', 'etcd:3'];

  it('that ends at once', async () => {
    const program = script('etcd-ends', 'echo I am no etcd >&2; exit 3');
    const ended = await run(...ON_ETCD, '--etcd', program);
    expectRefusal(
      ended,
      'snowstorm: --engine etcd:3: etcd: e1 has ended by itself: exit status 3; the end of ',
      'e1.log: I am no etcd',
      `Each member is started as ${program}; --etcd FILE names another program`,
    );
  });

  it('that hangs, with a child that left it', async () => {
    const ended = await run(...ON_ETCD, '--etcd', script('etcd-hangs', 'setsid sleep 1000 & sleep 1000'));
    expectRefusal(ended, '--engine etcd:3: etcd, 90 s later: e1 does not answer; e2 does not answer');
  });

  it.skipIf(etcd === undefined)('that is a script whose children leave it', async () => {
    const ended = await run(
      ...ON_ETCD,
      '--init-timeout',
      '60',
      '--etcd',
      script('etcd-left', `setsid sleep 1000 & exec ${etcd} "$@"`),
    );
    expect(ended.verdict).toBe('Everything looks good! The run is valid.');
  });

  it('that runs nowhere', async () => {
    const [port] = await freePorts(1);
    const url = `http://127.0.0.1:${port}`;
    const ended = await run('--serve', '2', '--engine', `etcd=${url}`);
    expectRefusal(ended, `--engine etcd=${url}: etcd, 10 s later: e1 (${url}) does not answer. Every member must run`);
  });

  it.skipIf(etcd === undefined)('that asks for a password', async ({ onTestFinished }) => {
    const cluster = await EtcdCluster.start(etcd as string);
    onTestFinished(() => cluster.end());
    const [member] = cluster.members;
    await member?.ask('/v3/auth/user/add', { name: 'root', password: 'x' });
    await member?.ask('/v3/auth/role/add', { name: 'root' });
    await member?.ask('/v3/auth/user/grant', { user: 'root', role: 'root' });
    expect(await member?.ask('/v3/auth/enable', {})).toBeDefined();
    const ended = await run('--serve', '2', '--engine', `etcd=${member?.url}`);
    expectRefusal(ended, `e1 (${member?.url}) takes no writes`, 'take writes without a password');
  });
});

describe.concurrent('an instance', () => {
  const IN_MEMORY = ['--serve', '1', '--engine', 'memory'];

  it('that ends at once', async () => {
    const ended = await run(...IN_MEMORY, '--bin', script('ends', 'echo I am no service >&2; exit 3'));
    expectInvalid(ended, 'n1 ended by itself: exit status 3; its last words were: I am no service');
  });

  it('that never listens, ignores signals and has children of every kind', async () => {
    const text =
      'trap "" TERM INT HUP\nsetsid sleep 1000 &\nsleep 1000 &\necho I will not >&2\nwhile :; do sleep 1; done';
    const ended = await run(...IN_MEMORY, '--bin', script('hangs', text));
    expectInvalid(
      ended,
      'n1 did not answer init within 10 s: it has not said that it listens, as serve does; the last that it said is: I will not',
    );
  });
});

describe.concurrent('a URL', () => {
  it('where nothing listens', async () => {
    const [port] = await freePorts(1);
    const ended = await run('--url', `http://127.0.0.1:${port}`);
    expectInvalid(
      ended,
      `n1 did not answer init within 10 s: http://127.0.0.1:${port}/readyz cannot be reached: ECONNREFUSED`,
    );
  });

  it('of another server, which answers 200 to everything', async ({ onTestFinished }) => {
    const server = createServer((_, response) => response.end('Hello'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const ended = await run('--url', url);
    expectInvalid(ended, `${url}/readyz answers 200, not as snowstorm serve does: is this the address of an instance?`);
  });

  it('that asks for a token', async ({ onTestFinished }) => {
    const secret = join(folder, 'secret');
    writeFileSync(secret, 'x'.repeat(32));
    const service = await ServiceProcess.start(['--store', 'memory', '--jwt-key', secret]);
    onTestFinished(() => service.kill());
    const ended = await run('--url', service.url);
    expectInvalid(ended, `${service.url}/rpc answers 401: a bearer token is needed (--token FILE sends one to --url)`);
  });
});
