/** `snowstorm serve`, the real program: the session of its README, signals, TLS, tokens, mistakes. */

import { execFileSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { request as requestTls } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openDataFolder } from '../../src/host/data-folder.ts';
import { HORIZON_KEY } from '../../src/kv/horizon.ts';
import { documentAt } from '../support/documents.ts';
import { commandsOf, findDifference, runCommand } from '../support/readme-commands.ts';
import { Running, SNOWSTORM, snowstorm, until } from '../support/snowstorm-process.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const COMMAND_MS_MAX = 30_000;
const folder = temporaryFolder();

/** Starts it on a free port, and waits for the address that it prints. */
async function serve(args: readonly string[] = []): Promise<{ running: Running; url: string }> {
  const running = new Running(SNOWSTORM, ['serve', '--listen', '127.0.0.1:0', '--store', 'memory', ...args]);
  const address = () => /^snowstorm serve: listening on (https?:\/\/\S+), store memory$/m.exec(running.stderr)?.[1];
  await until(
    () => address() !== undefined || running.child.exitCode !== null,
    () => running.stdout + running.stderr,
  );
  return { running, url: address() ?? running.stderr };
}

const post = (url: string, body: object, headers = {}) =>
  fetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });

describe.concurrent('serve', () => {
  it('does what its README shows', async () => {
    const { running, url } = await serve();
    const [first, ...commands] = commandsOf(documentAt('src/api/README.md').text);
    expect(first).toMatchObject({
      command: 'bin/snowstorm serve --store memory',
      output: ['snowstorm serve: listening on http://127.0.0.1:8080, store memory'],
    });
    expect(commands.length).toBeGreaterThan(4);
    for (const { command, output } of commands) {
      const asked = command.replaceAll('http://127.0.0.1:8080', url);
      const result = await runCommand(asked, { cwd: folder, timeoutMs: COMMAND_MS_MAX });
      expect(findDifference(output, result.output), command).toBeUndefined();
    }
    running.signal('SIGTERM');
    expect(await running.ended).toMatchObject({ status: 0, signal: null, stdout: '' });
  });

  it('finishes what is in flight at SIGTERM, accepts nothing more, and ends with 0', async () => {
    const { running, url } = await serve();
    const { hostname, port } = new URL(url);
    // A request whose body is not complete yet, and a connection that sends nothing.
    const silent = connect(Number(port), hostname);
    const slow = connect(Number(port), hostname);
    let answer = '';
    slow.setEncoding('utf8').on('data', (text) => (answer += text));
    slow.write('POST /generate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{');
    const inFlight = async () => /requests_in_flight (\d+)/.exec(await (await fetch(`${url}/metrics`)).text())?.[1];
    // The request for the figures counts, too.
    while ((await inFlight()) !== '2') await new Promise((resolve) => setTimeout(resolve, 20));
    running.signal('SIGTERM');
    await until(
      () => running.stderr.includes('ending at SIGTERM'),
      () => running.stderr,
    );
    const refused = await new Promise((resolve) => {
      connect(Number(port), hostname).on('error', resolve).on('connect', resolve);
    });
    expect(refused).toMatchObject({ code: 'ECONNREFUSED' });
    slow.write('}');
    expect((await running.ended).status).toBe(0);
    expect(answer).toContain('HTTP/1.1 200 OK');
    expect(answer).toMatch(/^connection: close\r$/im);
    expect(answer).toContain('{"id":"');
    silent.destroy();
    slow.destroy();
  });

  it('does not wait longer than --drain for a client that never finishes', async () => {
    const { running, url } = await serve(['--drain', '100ms']);
    const { hostname, port } = new URL(url);
    const slow = connect(Number(port), hostname).on('error', () => {});
    slow.write('POST /generate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{');
    await post(`${url}/generate`, {});
    running.signal('SIGINT');
    expect((await running.ended).status).toBe(0);
    slow.destroy();
  });

  it('ends at once at a second signal', async () => {
    const { running, url } = await serve(['--drain', '1h']);
    const { hostname, port } = new URL(url);
    const slow = connect(Number(port), hostname).on('error', () => {});
    slow.write('POST /generate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{');
    const inFlight = async () => /requests_in_flight (\d+)/.exec(await (await fetch(`${url}/metrics`)).text())?.[1];
    while ((await inFlight()) !== '2') await new Promise((resolve) => setTimeout(resolve, 20));
    running.signal('SIGTERM');
    await until(
      () => running.stderr.includes('again to end at once'),
      () => running.stderr,
    );
    running.signal('SIGTERM');
    expect((await running.ended).status).toBe(0);
    slow.destroy();
  });

  it('asks for tokens with --jwt-key, and for the scope of a route', async () => {
    const secret = join(folder, 'secret');
    const key = '0123456789abcdef0123456789abcdef';
    writeFileSync(secret, `${key}\n`);
    const { running, url } = await serve(['--jwt-key', secret, '--jwt-audience', 'snowstorm', '--rate-limit', '2']);
    const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const signed = `${encode({ alg: 'HS256' })}.${encode({
      sub: 'shop',
      aud: 'snowstorm',
      scope: 'ids',
      exp: Math.floor(Date.now() / 1000) + 600,
    })}`;
    const token = `${signed}.${createHmac('sha256', key).update(signed).digest('base64url')}`;
    const without = await post(`${url}/generate`, {});
    expect(without.status).toBe(401);
    expect(without.headers.get('www-authenticate')).toBe('Bearer realm="snowstorm"');
    const Authorization = `Bearer ${token}`;
    expect((await post(`${url}/generate`, {}, { Authorization })).status).toBe(200);
    const lacking = await post(`${url}/rpc`, { type: 'audit', accounts: ['a'] }, { Authorization });
    expect(lacking.status).toBe(403);
    expect(await lacking.json()).toMatchObject({ detail: 'the token lacks the scope transfers' });
    const statuses = new Set<number>();
    let limited: Response | undefined;
    for (let round = 0; round < 50 && limited === undefined; round++) {
      const answer = await post(`${url}/generate`, {}, { Authorization });
      statuses.add(answer.status);
      if (answer.status === 429) limited = answer;
    }
    expect([...statuses]).toContain(429);
    expect(limited?.headers.get('retry-after')).toBe('1');
    expect(limited?.headers.get('ratelimit-policy')).toBe('"client";q=2;w=1');
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    running.signal('SIGTERM');
    expect((await running.ended).status).toBe(0);
  });

  it('logs a line for every request at the level info, and continues its trace', async () => {
    const { running, url } = await serve(['--log-level', 'info']);
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const answer = await post(`${url}/generate`, {}, { traceparent, 'X-Request-Id': 'mine-1' });
    expect(answer.headers.get('x-request-id')).toBe('mine-1');
    running.signal('SIGTERM');
    const { stderr } = await running.ended;
    const lines = stderr.split('\n').filter((line) => line.includes('"message":"request"'));
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      {
        level: 'info',
        time: expect.any(String),
        node: 'i-only',
        message: 'request',
        method: 'POST',
        route: '/generate',
        status: 200,
        ms: expect.any(Number),
        client: '127.0.0.1',
        traceparent: expect.stringMatching(/^00-0af7651916cd43dd8448eb211c80319c-(?!b7ad6b7169203331)[0-9a-f]{16}-01$/),
        request_name: 'mine-1',
      },
    ]);
  });
});

describe.concurrent('serve with TLS', () => {
  const hasOpenssl = (() => {
    try {
      execFileSync('openssl', ['version'], { stdio: 'ignore' });
      return true;
    } catch {
      process.stderr.write('\n*** SKIPPED: HTTPS, because there is no openssl on this machine ***\n\n');
      return false;
    }
  })();

  it.skipIf(!hasOpenssl)('speaks HTTPS only', async () => {
    const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1'];
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    execFileSync('openssl', ['req', '-x509', ...curve, '-keyout', key, '-out', cert, '-days', '2', ...subject], {
      stdio: 'ignore',
    });
    const { running, url } = await serve(['--tls-cert', cert, '--tls-key', key]);
    expect(url).toMatch(/^https:/);
    const { hostname, port } = new URL(url);
    const ca = execFileSync('cat', [cert]);
    const answer = await new Promise<string>((resolve, reject) => {
      requestTls({ hostname, port, path: '/healthz', ca, agent: false }, (response) => {
        let text = '';
        response.on('data', (part) => (text += part)).on('end', () => resolve(text));
      })
        .on('error', reject)
        .end();
    });
    expect(answer).toBe('{"status":"ok"}');
    await expect(fetch(`http://${hostname}:${port}/healthz`)).rejects.toThrow();
    running.signal('SIGTERM');
    expect((await running.ended).status).toBe(0);
    // The key of another certificate.
    const other = join(folder, 'other.pem');
    execFileSync('openssl', ['genpkey', '-algorithm', 'ed25519', '-out', other], { stdio: 'ignore' });
    const wrong = await snowstorm(['serve', '--store', 'memory', '--tls-cert', cert, '--tls-key', other]);
    expect(wrong).toMatchObject({ status: 254, stderr: expect.stringContaining('--tls-cert') });
    const isPrivate = await snowstorm(['serve', '--store', 'memory', '--jwt-key', other]);
    expect(isPrivate.stderr).toContain('this is a private key; the server needs the public key only');
  });
});

describe.concurrent('serve refuses', () => {
  it('a port that is in use', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as AddressInfo;
    const { status, stdout, stderr } = await snowstorm(['serve', '--store', 'memory', '--listen', `127.0.0.1:${port}`]);
    other.close();
    expect(stderr).toBe(
      `snowstorm: --listen 127.0.0.1:${port}: the port ${port} of 127.0.0.1 is in use\nTry snowstorm serve --help\n`,
    );
    expect({ status, stdout }).toEqual({ status: 254, stdout: '' });
  });

  it('a password in an address, without repeating it', async () => {
    const { status, stderr } = await snowstorm([
      'serve',
      '--store',
      'etcd=http://root:s3cret@a:1,http://root:s3cret@b:1',
    ]);
    expect(stderr).toContain('--store "etcd=http://…@a:1,http://…@b:1": an etcd URL holds no user and no password');
    expect(status).toBe(254);
  });

  it('to serve without --retain what was served with it', async () => {
    const data = join(folder, 'retained');
    const engine = await openDataFolder(data, { onFailure: () => {}, warn: () => {} });
    const record = { ver: 1, horizon: 1_790_000_000_000, begun: {} };
    expect(await engine.replace(HORIZON_KEY, null, JSON.stringify(record))).toMatchObject({ kind: 'ok' });
    await engine.close();
    const { status, stderr } = await snowstorm(['serve', '--listen', '127.0.0.1:0', '--store', data]);
    expect(stderr).toContain(
      `--store ${data}: it was served with --retain, so finished requests may have been removed, and without that ` +
        'option a late repeat of one would be carried out again. Give --retain with the time that was used, or a longer one',
    );
    expect(status).toBe(254);
    const running = new Running(SNOWSTORM, ['serve', '--listen', '127.0.0.1:0', '--store', data, '--retain', '30d']);
    await until(
      () => running.stderr.includes('listening on'),
      () => running.stderr,
    );
    running.signal('SIGTERM');
    expect((await running.ended).status).toBe(0);
  });

  const short = join(folder, 'short-secret');
  writeFileSync(short, 'too short');

  it.each([
    [['--listen', '203.0.113.1:0'], '--listen 203.0.113.1:0: '],
    [['--listen', '8080'], '--listen "8080": expected HOST:PORT'],
    [['--listen', 'localhost:65536'], '--listen "localhost:65536": expected HOST:PORT'],
    [['--listen', '::1:80'], '--listen "::1:80": expected HOST:PORT'],
    [['--store', ''], '--store "": expected a folder, memory or etcd=URL'],
    [['--store', 'etcd'], '--store "etcd": an etcd is given as etcd=URL'],
    [['--etcd-ca', 'ca.pem'], '--etcd-ca needs --store etcd=URL'],
    [['--store', 'etcd=http://127.0.0.1:1', '--etcd-ca', short], '--etcd-ca needs https in the URLs of --store'],
    [['--store', 'etcd=http://a:1', '--etcd-cert', short, '--etcd-key', short], '--etcd-cert needs https in the URLs'],
    [['--store', 'etcd=https://a:1', '--etcd-ca', short], `--etcd-ca ${short}: there is no certificate in PEM in it`],
    [['--tls-cert', 'cert.pem'], '--tls-cert needs --tls-key'],
    [['--tls-key', 'key.pem'], '--tls-key needs --tls-cert'],
    [['--jwt-key', join(folder, 'missing')], 'there is no such file'],
    [['--jwt-key', short], 'a secret for HS256 has at least 32 bytes, this one has 9'],
    [['--jwt-audience', 'a'], '--jwt-audience needs --jwt-key'],
    [['--jwt-issuer', 'a'], '--jwt-issuer needs --jwt-key'],
    [['--header-timeout', '30s'], '--request-timeout must be at least as long as --header-timeout'],
    [['--max-skew', '1s'], '--max-skew must be longer than'],
    [['--rate-limit', '0'], '--rate-limit "0": expected a number from 0.001'],
    [['--workload', 'ids,unique'], 'there is no workload "unique"'],
    [['now'], 'unexpected argument "now"'],
  ])('%j', async (args, says) => {
    const { status, stdout, stderr } = await snowstorm(['serve', '--store', 'memory', ...args], { cwd: folder });
    expect(stderr).toContain(says);
    expect(stderr).toMatch(/\nTry snowstorm serve --help\n$/);
    expect({ status, stdout }).toEqual({ status: 254, stdout: '' });
  });
});
