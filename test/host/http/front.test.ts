/** The server's limits and the order of its checks, over real sockets. */

import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { HTTP_LIMITS } from '../../../src/host/http/limits.ts';
import { HttpInstance } from '../../support/http-instance.ts';

const served = await HttpInstance.start({
  limits: { ...HTTP_LIMITS, bodyBytesMax: 4096 },
  logsRequests: true,
});

/** For requests that are meant to be too slow. */
const hasty = await HttpInstance.start({ limits: { ...HTTP_LIMITS, headersMs: 600, requestMs: 1200 } });

/** A condition that a busy machine may fulfil late. */
const POLLING = { timeout: 30_000 };

const JSON_HEADERS = 'Host: x\r\nContent-Type: application/json\r\n';
const statusesIn = (text: string) => [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));

/** The only answer on a connection that is closed after it, with its problem. */
async function refusal(
  text: string,
  { by = served, more = [] }: { by?: HttpInstance; more?: readonly string[] } = {},
): Promise<{ status: number; problem: { code: string; detail: string } }> {
  const answer = await by.send(text, ...more);
  const [status = 0, ...others] = statusesIn(answer);
  expect(others).toEqual([]);
  expect(answer).toMatch(/^connection: close\r$/im);
  expect(answer).toMatch(/^content-type: application\/problem\+json\r$/im);
  return { status, problem: JSON.parse(answer.slice(answer.indexOf('\r\n\r\n'))) };
}

describe('what is not HTTP', () => {
  it.each([
    ['garbage', 'hello\r\n\r\n', 400],
    ['no method', ' / HTTP/1.1\r\nHost: x\r\n\r\n', 400],
    ['another version', 'GET / HTTP/3.0\r\nHost: x\r\n\r\n', 400],
    ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
    ['a TLS hello', Buffer.from([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]), 400],
    ['two lengths', `POST /generate HTTP/1.1\r\n${JSON_HEADERS}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`, 400],
    [
      'a length and chunks',
      `POST /generate HTTP/1.1\r\n${JSON_HEADERS}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      400,
    ],
    ['a length that is none', `POST /generate HTTP/1.1\r\n${JSON_HEADERS}Content-Length: 2x\r\n\r\n{}`, 400],
    ['a negative length', `POST /generate HTTP/1.1\r\n${JSON_HEADERS}Content-Length: -2\r\n\r\n{}`, 400],
    [
      'an odd transfer encoding',
      `POST /generate HTTP/1.1\r\n${JSON_HEADERS}Transfer-Encoding: chunked, identity\r\n\r\n`,
      400,
    ],
    ['a chunk that is none', `POST /generate HTTP/1.1\r\n${JSON_HEADERS}Transfer-Encoding: chunked\r\n\r\nzz\r\n`, 400],
    ['a space before the colon', 'GET / HTTP/1.1\r\nHost : x\r\n\r\n', 400],
    ['a folded header', 'GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n', 400],
    ['a zero in a header', 'GET / HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n', 400],
    ['large headers', `GET / HTTP/1.1\r\nHost: x\r\nA: ${'a'.repeat(17_000)}\r\n\r\n`, 431],
  ] as const)('is answered and closed: %s', async (_, text, expected) => {
    const answer = await served.send(text);
    expect(statusesIn(answer)).toEqual([expected]);
    expect(answer).toMatch(/^connection: close\r$/im);
  });

  it('is told why', async () => {
    expect(await refusal('hello\r\n\r\n')).toMatchObject({ status: 400, problem: { code: 'not_http' } });
  });
});

describe('what is too slow', () => {
  it('is answered 408 and closed: headers', async () => {
    expect(await refusal('GET / HTTP/1.1\r\nHost: x\r\nA:', { by: hasty })).toMatchObject({
      status: 408,
      problem: { code: 'too_slow' },
    });
  });

  it('is answered 408 and closed: a body', async () => {
    const head = `POST /generate HTTP/1.1\r\n${JSON_HEADERS}Content-Length: 2\r\n\r\n{`;
    expect(await refusal(head, { by: hasty })).toMatchObject({ status: 408, problem: { code: 'too_slow' } });
  });

  it('is not answered twice: a body after its request was refused', async () => {
    const head = `POST /nowhere HTTP/1.1\r\n${JSON_HEADERS}Content-Length: 2\r\n\r\n{`;
    expect(statusesIn(await hasty.send(head))).toEqual([404]);
  });

  it('is closed: a connection that sends nothing', async () => {
    expect(statusesIn(await hasty.send())).toEqual([408]);
  });
});

describe('what is too large', () => {
  it('is refused by its length, before it is sent', async () => {
    const head = `POST /generate HTTP/1.1\r\n${JSON_HEADERS}Content-Length: 4097\r\n\r\n`;
    expect(await refusal(head)).toMatchObject({ status: 413, problem: { code: 'body_too_large' } });
    expect(await refusal(head.replace('\r\n\r\n', '\r\nExpect: 100-continue\r\n\r\n'))).toMatchObject({ status: 413 });
  });

  it('is refused while it is sent, and the answer arrives', async () => {
    const head = `POST /generate HTTP/1.1\r\n${JSON_HEADERS}Transfer-Encoding: chunked\r\n\r\n`;
    const chunk = `1000\r\n${' '.repeat(4096)}\r\n`;
    expect(await refusal(head, { more: Array.from({ length: 200 }, () => chunk) })).toMatchObject({ status: 413 });
  });

  it('is answered although the client goes on sending before it reads', async () => {
    const { hostname, port } = new URL(served.url);
    const socket = connect(Number(port), hostname).on('error', () => {});
    let answer = '';
    socket.pause().setEncoding('utf8');
    socket.write(`POST /generate HTTP/1.1\r\n${JSON_HEADERS}Content-Length: 4194304\r\n\r\n`);
    for (let sent = 0; sent < 64 && !socket.destroyed; sent++)
      await new Promise((resolve) => socket.write(' '.repeat(65_536), resolve));
    socket.on('data', (part) => (answer += part)).resume();
    await new Promise((resolve) => socket.on('close', resolve));
    expect(statusesIn(answer)).toEqual([413]);
  });

  it('is not refused at the limit', async () => {
    const body = `{${' '.repeat(4094)}}`;
    expect(
      (await served.ask('POST', '/generate', { body, headers: { 'Content-Type': 'application/json' } })).status,
    ).toBe(200);
  });

  it.each([
    ['a path', `/${'a'.repeat(2048)}`, 414, 'path_too_long'],
    ['a query', `/api/vouchers?code=${'a'.repeat(4092)}`, 414, 'query_too_long'],
  ])('gets 414: %s', async (_, path, status, code) => {
    expect((await served.get(path)).json).toMatchObject({ status, code });
  });

  it('has too many headers', async () => {
    const headers = Object.fromEntries(Array.from({ length: 120 }, (_, index) => [`X-${index}`, '1']));
    expect((await served.get('/healthz', headers)).json).toMatchObject({ status: 431, code: 'too_many_headers' });
    const few = Object.fromEntries(Array.from({ length: 90 }, (_, index) => [`X-${index}`, '1']));
    expect((await served.get('/healthz', few)).status).toBe(200);
  });
});

describe('an answer that nobody reads', () => {
  const ROUNDS = 200;
  /** All at once, with answers far larger than the buffers of the system. */
  const many = 'POST /guid/generate?count=10000 HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(ROUNDS);

  const openDeaf = (served: HttpInstance) => {
    const deaf = connect(Number(new URL(served.url).port), '127.0.0.1').on('error', () => {});
    deaf.setEncoding('latin1').pause().write(many);
    return deaf;
  };

  it('is given up, so that its request is not in flight for ever', async () => {
    const limits = { ...HTTP_LIMITS, unreadMs: 500, pipelinedMax: ROUNDS };
    const hurried = await HttpInstance.start({ limits });
    const deaf = openDeaf(hurried);
    await expect.poll(async () => (await hurried.get('/state')).json.inFlight, POLLING).toBeGreaterThan(1);
    await expect
      .poll(async () => (await hurried.get('/state')).json, POLLING)
      .toMatchObject({ inFlight: 1, connections: 1 });
    deaf.destroy();
  });

  it('is one of few on its connection: the others get 503', async () => {
    const bounded = await HttpInstance.start({ limits: { ...HTTP_LIMITS, pipelinedMax: 4 } });
    const deaf = openDeaf(bounded);
    let statuses: number[] = [];
    let text = '';
    deaf.on('data', (part: string) => {
      text += part;
      statuses = statusesIn(text);
    });
    deaf.resume();
    await expect.poll(() => statuses.length, POLLING).toBe(ROUNDS);
    expect(new Set(statuses)).toEqual(new Set([200, 503]));
    expect(text).toContain('4 requests of this connection are not answered yet');
    deaf.destroy();
  });
});

describe('a body that waits to be asked for', () => {
  const expecting = `${JSON_HEADERS}Content-Length: 2\r\nExpect: 100-continue\r\n\r\n`;

  it('is asked for', async () => {
    const answer = await served.send(`POST /generate HTTP/1.1\r\nConnection: close\r\n${expecting}`, '{}');
    expect(statusesIn(answer)).toEqual([100, 200]);
  });

  // The client need not send it any more. So nobody knows whether what follows is the body or the next request.
  it('is not, if its request is refused, and the connection is closed', async () => {
    expect(await refusal(`POST /nowhere HTTP/1.1\r\n${expecting}`)).toMatchObject({ status: 404 });
  });
});

describe('a request', () => {
  it.each([
    ['POST', '/generate', { 'Content-Type': 'text/plain' }, 415, 'type_unsupported'],
    ['POST', '/generate', { 'Content-Type': 'application/x-www-form-urlencoded' }, 415, 'type_unsupported'],
    ['POST', '/generate', { 'Content-Type': 'application/json; charset=latin1' }, 415, 'type_unsupported'],
    [
      'POST',
      '/generate',
      { 'Content-Type': 'application/json', 'Content-Encoding': 'gzip' },
      415,
      'encoding_unsupported',
    ],
    ['POST', '/generate', {}, 415, 'type_unsupported'],
    ['POST', '/healthz', {}, 405, 'method_not_allowed'],
    ['BREW', '/healthz', {}, 400, 'not_http'],
    ['TRACE', '/healthz', {}, 405, 'method_not_allowed'],
    ['POST', '/nowhere', {}, 404, 'no_route'],
    ['POST', '/generate/', {}, 404, 'no_route'],
    ['POST', '//generate', {}, 404, 'no_route'],
    ['POST', '/./generate', {}, 404, 'no_route'],
    ['POST', '/a/../generate', {}, 404, 'no_route'],
    ['POST', '/generate#x', { 'Content-Type': 'application/json' }, 400, 'address_invalid'],
    ['GET', '/guid/status/%00', {}, 400, 'address_invalid'],
    ['GET', '/guid/status/%ff', {}, 400, 'address_invalid'],
  ])('%s %s with %j gets %d', async (method, path, headers, status, code) => {
    const lines = Object.entries({ Host: 'x', 'Content-Length': '2', ...headers, Connection: 'close' });
    const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
    const text = await served.send(`${method} ${path} HTTP/1.1\r\n${head}\r\n{}`);
    expect(statusesIn(text)).toEqual([status]);
    expect(JSON.parse(text.slice(text.indexOf('\r\n\r\n')))).toMatchObject({ status, code });
  });

  it.each(['Authorization', 'Content-Type', 'Idempotency-Key', 'Host'])('has %s once', async (name) => {
    const text = await served.send(
      `POST /generate HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${name}: a\r\n${name === 'Host' ? '' : `${name}: b\r\n`}\r\n`,
    );
    expect(statusesIn(text)).toEqual([400]);
    expect(text).toContain(`the header ${name.toLowerCase()} occurs twice`);
  });

  it.each([
    ['no host', 'GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n', 400, 'host_missing'],
    [
      'an odd expectation',
      'GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: tea\r\n\r\n',
      417,
      'expectation_failed',
    ],
  ])('with %s gets a reason, too', async (_, text, status, code) => {
    const answer = await served.send(text);
    expect(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')))).toMatchObject({ status, code });
  });

  it('of HTTP/1.0 needs no host', async () => {
    expect(statusesIn(await served.send('GET /healthz HTTP/1.0\r\n\r\n'))).toEqual([200]);
  });

  it('may have an absolute address, spaces around values, and a HEAD or OPTIONS', async () => {
    expect(
      statusesIn(await served.send('GET http://x/healthz HTTP/1.1\r\nHost:   x  \r\nConnection: close\r\n\r\n')),
    ).toEqual([200]);
    const head = await served.ask('HEAD', '/healthz');
    expect({ status: head.status, text: head.text, length: head.headers['content-length'] }).toEqual({
      status: 200,
      text: '',
      length: '15',
    });
    const options = await served.ask('OPTIONS', '/api/vouchers');
    expect(options).toMatchObject({ status: 204, text: '', headers: { allow: 'POST, GET, HEAD, OPTIONS' } });
    expect((await served.ask('OPTIONS', '*')).status).toBe(204);
    expect((await served.ask('DELETE', '/api/vouchers')).headers.allow).toBe('POST, GET, HEAD, OPTIONS');
  });

  it('gets 405 for CONNECT, and no upgrade', async () => {
    expect(statusesIn(await served.send('CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n'))).toEqual([405]);
    const upgrade = 'GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n';
    expect(statusesIn(await served.send(upgrade))).toEqual([200]);
  });

  it('after another on one connection is answered in its order', async () => {
    const one = 'POST /guid/generate HTTP/1.1\r\nHost: x\r\n\r\n';
    const last = 'GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
    expect(statusesIn(await served.send(one + one + last))).toEqual([200, 200, 404]);
    // What follows is not HTTP: the answers before it are not lost.
    expect(statusesIn(await served.send(`${one}garbage\r\n\r\n`))).toEqual([200, 400]);
  });

  it('that is refused with a short body leaves the connection open', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const { hostname, port } = new URL(served.url);
    const sockets = new Set<unknown>();
    for (let round = 0; round < 3; round++) {
      await new Promise<void>((resolve, reject) => {
        const asked = request(
          { hostname, port, method: 'POST', path: '/nowhere', agent, headers: { 'Content-Length': 4 } },
          (response) => {
            sockets.add(response.socket);
            response.resume().on('end', () => setImmediate(resolve));
          },
        );
        asked.on('error', reject).end('null');
      });
    }
    agent.destroy();
    expect(sockets.size).toBe(1);
  });

  it('is logged by its route, without what it holds', async () => {
    await served.get('/api/profiles/0123456789');
    const line = served.logged.findLast(({ fields }) => fields.route === '/api/profiles/{phone_number}');
    expect(line).toMatchObject({
      level: 'info',
      message: 'request',
      fields: { method: 'GET', status: 404, code: 'key_does_not_exist' },
    });
    await served.ask('POST', '/rpc', { body: '{"type":"none"}', headers: { 'Content-Type': 'application/json' } });
    expect(served.logged.at(-1)).toMatchObject({ fields: { route: '/rpc', status: 404, code: 10 } });
    await served.get('/healthz');
    expect(served.logged.at(-1)?.fields).not.toHaveProperty('code');
    expect(JSON.stringify(served.logged)).not.toContain('0123456789');
  });
});

describe('the client behind proxies', () => {
  const clientsOf = async (trustedProxies: number, headers: readonly Record<string, string | string[]>[]) => {
    const behind = await HttpInstance.start({ trustedProxies, ratePerSecond: 0.001, logsRequests: true });
    const statuses: number[] = [];
    for (const header of headers) statuses.push((await behind.ask('POST', '/generate', { headers: header })).status);
    return { statuses, clients: behind.logged.flatMap(({ fields }) => fields.client ?? []) };
  };

  it('is who the nearest trusted ones say it is', async () => {
    const { statuses, clients } = await clientsOf(1, [
      { 'X-Forwarded-For': '192.0.2.7' },
      { 'X-Forwarded-For': '192.0.2.7, 192.0.2.8' },
      { 'X-Forwarded-For': ['192.0.2.9', '192.0.2.8'] },
      { 'X-Forwarded-For': 'nobody' },
    ]);
    expect(clients).toEqual(['192.0.2.7', '192.0.2.8', '192.0.2.8', '127.0.0.1']);
    expect(statuses).toEqual([200, 200, 429, 200]);
  });

  it('is the other end of the connection, if none is trusted', async () => {
    const { statuses } = await clientsOf(0, [{ 'X-Forwarded-For': '192.0.2.7' }, { 'X-Forwarded-For': '192.0.2.8' }]);
    expect(statuses).toEqual([200, 429]);
  });
});

describe('what is too much at once', () => {
  const head = (length: number) => `POST /generate HTTP/1.1\r\n${JSON_HEADERS}Content-Length: ${length}\r\n\r\n`;

  it('gets 503, and probes do not: requests in flight', async () => {
    const busy = await HttpInstance.start({ limits: { ...HTTP_LIMITS, inFlightMax: 1 } });
    const slow = connect(Number(new URL(busy.url).port), '127.0.0.1').on('error', () => {});
    slow.write(`${head(2)}{`);
    await expect.poll(async () => (await busy.get('/state')).json.inFlight, POLLING).toBe(2);
    expect(await busy.post('/generate', {})).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
    expect((await busy.get('/healthz')).status).toBe(200);
    slow.destroy();
    await expect.poll(async () => (await busy.post('/generate', {})).status, POLLING).toBe(200);
  });

  it('gets 503: bytes of bodies that are being received', async () => {
    const busy = await HttpInstance.start({ limits: { ...HTTP_LIMITS, bodiesBytesMax: 8000 } });
    const slow = connect(Number(new URL(busy.url).port), '127.0.0.1').on('error', () => {});
    slow.write(head(6000) + ' '.repeat(5000));
    await expect.poll(async () => (await busy.get('/state')).json.bodyBytesHeld, POLLING).toBe(5000);
    const large = { 'Content-Type': 'application/json' };
    const refused = await busy.ask('POST', '/generate', { body: ' '.repeat(4000), headers: large });
    expect(refused.json).toMatchObject({ status: 503, detail: 'the server is receiving too many large bodies' });
    slow.destroy();
    await expect.poll(async () => (await busy.get('/state')).json.bodyBytesHeld, POLLING).toBe(0);
    expect((await busy.post('/generate', {})).status).toBe(200);
  });

  it('is closed: connections', async () => {
    const busy = await HttpInstance.start({ limits: { ...HTTP_LIMITS, connectionsMax: 1 } });
    const first = connect(Number(new URL(busy.url).port), '127.0.0.1').on('error', () => {});
    await new Promise((resolve) => first.on('connect', resolve));
    await expect.poll(() => busy.get('/healthz').catch((error) => error.code), POLLING).toBe('ECONNRESET');
    first.destroy();
    await expect
      .poll(
        () =>
          busy.get('/healthz').then(
            ({ status }) => status,
            () => 0,
          ),
        POLLING,
      )
      .toBe(200);
  });
});

describe('every answer', () => {
  it('says that nobody may keep it or guess its type', async () => {
    for (const path of ['/healthz', '/nowhere', '/']) {
      const { headers } = await served.get(path);
      expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' });
    }
    const policy = String((await served.get('/')).headers['content-security-policy']);
    expect(policy).toMatch(
      /^default-src 'none'; script-src 'sha256-[^']+'; style-src 'sha256-[^']+'; connect-src 'self'/,
    );
    expect(policy).not.toContain('unsafe');
  });
});
