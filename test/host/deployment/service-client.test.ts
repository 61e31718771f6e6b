/** The client of services against servers that answer, refuse, break and hang in every way. */

import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { resolve } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { HTTP_RULES, type HttpRule, type Seen } from '../../../src/host/deployment/http-rules.ts';
import { ServiceClient, type ServiceClientOptions } from '../../../src/host/deployment/service-client.ts';
import { HTTP_LIMITS } from '../../../src/host/http/limits.ts';
import { isDefinite } from '../../../src/protocol/errors.ts';
import { Authority, hasOpenssl } from '../../support/certificates.ts';
import { HttpInstance } from '../../support/http-instance.ts';
import { until } from '../../support/snowstorm-process.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

/** No answer comes in this time from a server that hangs. Others have as long as the machine needs. */
const HANG_MS = 1000;
const CLIENT_FILE = resolve('src/host/deployment/service-client.ts');
const REQUEST = { type: 'redeem', code: 'v', user: 'u', request_id: 'r' };

const folder = temporaryFolder();
const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

/** What a server does with a request that has arrived whole, and whether it carries it out. */
interface Case {
  readonly what: string;
  readonly happens: boolean;
  readonly act: (socket: Socket) => void;
  /** The code of the error given, or the body; undefined: nothing. */
  readonly gives: number | string | undefined;
}

const answer = (status: number, type: string, body: string, fields = '') =>
  `HTTP/1.1 ${status} Some words\r\nContent-Type: ${type}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${fields}\r\n${body}`;
const json = (status: number, body: string) => (socket: Socket) =>
  void socket.write(answer(status, 'application/json', body));
const html = (status: number) => (socket: Socket) =>
  void socket.write(answer(status, 'text/html', `<html><h1>${status}</h1></html>`));
const problem = (status: number, code: string, type = `urn:snowstorm:problem:${code}`) =>
  JSON.stringify({ type, title: 'Some words', status, detail: 'some detail', code });
const problems = (status: number, code: string, type?: string) => (socket: Socket) =>
  void socket.write(answer(status, 'application/problem+json', problem(status, code, type)));

const UNAVAILABLE = 11;
const NOT_SUPPORTED = 10;
const CRASH = 13;
const OK = '{"type":"redeem_ok","redemption":1}';
const error = (code: number) => `{"type":"error","code":${code},"text":"of the node"}`;

const CASES: readonly Case[] = [
  { what: 'resets the connection', happens: true, act: (socket) => socket.resetAndDestroy(), gives: CRASH },
  { what: 'closes the connection', happens: true, act: (socket) => socket.end(), gives: CRASH },
  {
    what: 'resets it before it does anything',
    happens: false,
    act: (socket) => socket.resetAndDestroy(),
    gives: CRASH,
  },
  {
    what: 'sends half a body and resets',
    happens: true,
    act: (socket) => {
      const whole = answer(200, 'application/json', OK);
      socket.write(whole.slice(0, -9), () => socket.resetAndDestroy());
    },
    gives: CRASH,
  },
  {
    what: 'sends half a body and closes',
    happens: true,
    act: (socket) => void socket.end(answer(200, 'application/json', OK).slice(0, -9)),
    gives: CRASH,
  },
  { what: 'hangs', happens: true, act: () => {}, gives: undefined },
  {
    what: 'hangs in the middle of its answer',
    happens: true,
    act: (socket) => void socket.write(answer(200, 'application/json', OK).slice(0, -9)),
    gives: undefined,
  },

  { what: 'answers', happens: true, act: json(200, OK), gives: OK },
  {
    what: 'answers with numbers that JavaScript cannot hold, and with white space',
    happens: true,
    act: json(200, '\n {"type": "x_ok", "id": 9007199254740993, "a": 1.0}\r\n'),
    gives: '{"type": "x_ok", "id": 9007199254740993, "a": 1.0}',
  },
  { what: 'answers an error with 200', happens: false, act: json(200, error(22)), gives: error(22) },
  { what: "answers the node's 409", happens: false, act: json(409, error(22)), gives: error(22) },
  { what: "answers the node's 404", happens: false, act: json(404, error(20)), gives: error(20) },
  { what: "answers the node's 503", happens: false, act: json(503, error(11)), gives: error(11) },
  { what: "answers the node's 504", happens: true, act: json(504, error(0)), gives: error(0) },
  { what: "answers the node's 500", happens: true, act: json(500, error(1234)), gives: error(1234) },

  { what: 'is starting', happens: false, act: problems(503, 'temporarily_unavailable'), gives: UNAVAILABLE },
  { what: 'limits the rate', happens: false, act: problems(429, 'rate_limited'), gives: UNAVAILABLE },
  { what: 'asks for a token', happens: false, act: problems(401, 'unauthorized'), gives: NOT_SUPPORTED },
  { what: 'misses a scope', happens: false, act: problems(403, 'scope_missing'), gives: NOT_SUPPORTED },
  { what: 'has no such route', happens: false, act: problems(404, 'no_route'), gives: NOT_SUPPORTED },
  { what: 'has another method', happens: false, act: problems(405, 'method_not_allowed'), gives: NOT_SUPPORTED },
  { what: 'takes no such body', happens: false, act: problems(413, 'body_too_large'), gives: NOT_SUPPORTED },
  { what: 'takes no such type', happens: false, act: problems(415, 'media_type'), gives: NOT_SUPPORTED },
  { what: 'failed for an unknown reason', happens: true, act: problems(500, 'outcome_unknown'), gives: CRASH },
  { what: 'does not know the outcome, with 503', happens: true, act: problems(503, 'outcome_unknown'), gives: CRASH },

  ...[500, 502, 503, 504, 429, 401, 403, 404].map((status) => ({
    what: `is behind a proxy that answers ${status} after it`,
    happens: true,
    act: html(status),
    gives: CRASH,
  })),
  ...[503, 404, 429].map((status) => ({
    what: `is behind a proxy that answers ${status} after it, as a problem`,
    happens: true,
    act: problems(status, 'temporarily_unavailable', 'about:blank'),
    gives: CRASH,
  })),
  {
    what: 'is behind a proxy that passes a problem of ours on with another status',
    happens: true,
    act: (socket) =>
      void socket.write(answer(503, 'application/problem+json', problem(429, 'temporarily_unavailable'))),
    gives: CRASH,
  },
  {
    what: 'is behind a proxy that answers JSON of its own',
    happens: true,
    act: json(503, '{"type":"error","message":"upstream"}'),
    gives: CRASH,
  },
  {
    what: 'is behind a proxy that answers what would be a problem of ours, by its content',
    happens: true,
    act: json(503, problem(503, 'temporarily_unavailable')),
    gives: CRASH,
  },
  {
    what: 'redirects',
    happens: true,
    act: (socket) => void socket.write(answer(307, 'text/html', '', 'Location: /elsewhere\r\n')),
    gives: CRASH,
  },
  { what: 'answers a page with 200', happens: true, act: html(200), gives: CRASH },
  { what: 'answers nothing with 200', happens: true, act: json(200, ''), gives: CRASH },
  { what: 'answers half an object with 200', happens: true, act: json(200, '{"type":"redeem_ok"'), gives: CRASH },
  { what: 'answers a list', happens: true, act: json(200, `[${OK}]`), gives: CRASH },
  { what: 'answers an object without a type', happens: true, act: json(200, '{"ok":true}'), gives: CRASH },
  { what: 'answers an envelope', happens: true, act: json(200, '{"type":"redeem_ok","in_reply_to":1}'), gives: CRASH },
  {
    what: 'answers bytes that are not UTF-8',
    happens: true,
    // The length that was declared is that of the bytes that come.
    act: (socket) =>
      void socket.write(Buffer.from(answer(200, 'application/json', '{"type":"x??"}').replace('??', 'é '), 'latin1')),
    gives: CRASH,
  },
  { what: 'speaks another protocol', happens: true, act: (socket) => void socket.write('220 mail\r\n'), gives: CRASH },
  {
    what: 'changes the protocol',
    happens: true,
    act: (socket) => void socket.write('HTTP/1.1 101 Some words\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n'),
    gives: CRASH,
  },
];

/** A server that does the same with every request. */
class CaseServer {
  readonly url: string;
  /** The texts of the requests that it has read whole. */
  readonly requests: string[] = [];
  connections = 0;
  readonly #server: Server;

  static async listen(act: (socket: Socket, number: number) => void): Promise<CaseServer> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new CaseServer(server, act);
  }

  private constructor(server: Server, act: (socket: Socket, number: number) => void) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on('connection', (socket) => {
      this.connections++;
      let text = '';
      socket.on('error', () => {});
      socket.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
        const [head = '', body] = text.split('\r\n\r\n');
        const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
        if (body === undefined || Buffer.byteLength(body) < length) return;
        this.requests.push(text);
        text = '';
        act(socket, this.requests.length);
      });
      ends.push(() => socket.destroy());
    });
    ends.push(() => server.close());
  }

  openConnections(): Promise<number> {
    return new Promise((resolve) => this.#server.getConnections((_error, count) => resolve(count)));
  }
}

function newClient(options: ServiceClientOptions = {}): ServiceClient {
  const client = new ServiceClient(options);
  ends.push(() => client.close());
  return client;
}

/** The body of the reply. */
function ask(client: ServiceClient, url: string | undefined, body = REQUEST): Promise<string> {
  return new Promise((resolve) => client.ask(url, body, resolve));
}

/** The reply, or undefined if there is none for a while. */
async function replyIn({ act, gives }: Case, rules?: readonly HttpRule[]): Promise<string | undefined> {
  const server = await CaseServer.listen(act);
  const client = newClient({ ...(rules && { rules }), ...(gives === undefined && { answerMsMax: HANG_MS }) });
  let reply: string | undefined;
  client.ask(server.url, REQUEST, (body) => {
    if (reply !== undefined) throw new Error('there are two replies');
    reply = body;
  });
  if (gives === undefined) await new Promise((resolve) => setTimeout(resolve, 2 * HANG_MS));
  else
    await until(
      () => reply !== undefined,
      () => 'there is no reply',
    );
  expect(server.requests).toHaveLength(1);
  return reply;
}

describe('a server that has read the request and', () => {
  it.each(CASES)('$what', async (tried) => {
    const reply = await replyIn(tried);
    if (typeof tried.gives !== 'number') expect(reply).toBe(tried.gives);
    else expect(JSON.parse(reply as string)).toEqual({ type: 'error', code: tried.gives, text: expect.any(String) });
  });
});

describe('a rule that', () => {
  /** The servers that carried a request out of which the client is told that it never happens. */
  async function lies(rules: readonly HttpRule[]): Promise<string[]> {
    const replies = await Promise.all(
      CASES.filter(({ happens }) => happens).map(async (tried) => {
        const body = JSON.parse((await replyIn(tried, rules)) ?? '{}');
        return body.type === 'error' && isDefinite(body.code) ? [tried.what] : [];
      }),
    );
    return replies.flat();
  }

  const first = (fits: (seen: Seen) => boolean, gives: HttpRule['gives'] = 'temporarily-unavailable') => [
    { fits, gives },
    ...HTTP_RULES,
  ];
  const hasStatus = (seen: Seen, ...statuses: number[]) => seen.kind === 'answered' && statuses.includes(seen.status);

  it('is true is never caught', async () => {
    expect(await lies(HTTP_RULES)).toEqual([]);
  });

  it.each([
    ['takes a reset for definite', first(({ kind }) => kind === 'broken'), 'resets the connection'],
    ['takes silence for definite', first(({ kind }) => kind === 'silent'), 'hangs'],
    [
      'takes every 503 for definite',
      first((seen) => hasStatus(seen, 503)),
      'is behind a proxy that answers 503 after it',
    ],
    [
      'takes every problem with 503 for definite',
      first((seen) => hasStatus(seen, 503) && seen.kind === 'answered' && seen.json?.title !== undefined),
      'is behind a proxy that answers 503 after it, as a problem',
    ],
    [
      'takes each of our problems for definite',
      first((seen) => seen.kind === 'answered' && seen.problem !== undefined),
      'failed for an unknown reason',
    ],
    [
      'takes every 404 for definite',
      first((seen) => hasStatus(seen, 404), 'not-supported'),
      'is behind a proxy that answers 404 after it',
    ],
    [
      'takes a bad gateway for definite',
      first((seen) => hasStatus(seen, 502)),
      'is behind a proxy that answers 502 after it',
    ],
    [
      'takes for definite what is no reply',
      first((seen) => seen.kind === 'answered' && seen.json === undefined),
      'answers a page with 200',
    ],
  ])('%s is caught', async (_what, rules, by) => {
    expect(await lies(rules)).toContain(by);
  });
});

describe('where no connection comes about', () => {
  it('a refused one is told as unavailable', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    const text = 'no connection: ECONNREFUSED';
    const reply = await ask(newClient(), `http://127.0.0.1:${port}`);
    expect(JSON.parse(reply)).toEqual({ type: 'error', code: UNAVAILABLE, text });
  });

  it('a name that nothing has is unavailable, and an instance that has never listened', async () => {
    expect(JSON.parse(await ask(newClient(), 'http://name.invalid')).code).toBe(UNAVAILABLE);
    expect(JSON.parse(await ask(newClient(), undefined))).toMatchObject({
      text: 'no connection: it does not listen yet',
    });
  });

  it('one that the system refuses before it tries is unavailable', async () => {
    // An address for all machines is for datagrams only.
    expect(JSON.parse(await ask(newClient(), 'http://255.255.255.255:1')).code).toBe(UNAVAILABLE);
  });

  it('one that takes too long is given up, and is unavailable', async () => {
    const { child, port } = await fullServer();
    try {
      // The system completes some connections by itself, although the process accepts none.
      const fillers = Array.from({ length: 8 }, () => connect(port, '127.0.0.1').on('error', () => {}));
      ends.push(() => fillers.map((socket) => socket.destroy()));
      await new Promise((resolve) => setTimeout(resolve, HANG_MS));
      expect(fillers.some(({ connecting }) => connecting)).toBe(true);
      const reply = await ask(newClient({ connectMsMax: HANG_MS }), `http://127.0.0.1:${port}`);
      expect(JSON.parse(reply)).toMatchObject({
        code: UNAVAILABLE,
        text: `no connection: it took more than ${HANG_MS} ms`,
      });
    } finally {
      child.kill('SIGKILL');
    }
  });
});

/** A process that runs a program which uses the sources. */
function runProgram(program: string, env: Readonly<Record<string, string>> = {}) {
  const child = spawn(process.execPath, ['-r', 'tsx/cjs', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
  let text = '';
  child.stdout?.setEncoding('utf8').on('data', (chunk) => (text += chunk));
  return { child, output: () => text };
}

/** Resolves when all its output has come, too. */
function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => child.once('close', resolve));
}

/** A process that listens and accepts no connection. */
async function fullServer(): Promise<{ child: ChildProcess; port: number }> {
  const program = `
    const server = require('node:net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
      require('node:fs').writeSync(1, String(server.address().port) + '\\n');
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    });`;
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  const port = await new Promise<number>((resolve) => child.stdout?.once('data', (text) => resolve(Number(text))));
  return { child, port };
}

describe('an instance of ours', () => {
  it('is asked, and its replies and errors come as they are', async () => {
    const { url } = await HttpInstance.start();
    const client = newClient();
    expect(JSON.parse(await ask(client, url, { type: 'generate' } as never))).toMatchObject({ type: 'generate_ok' });
    expect(JSON.parse(await ask(client, url))).toMatchObject({ type: 'error', code: 20 });
    expect(JSON.parse(await ask(client, url, { type: 'redeem' } as never))).toMatchObject({ type: 'error', code: 12 });
    expect(JSON.parse(await ask(client, `${url}/api/`))).toMatchObject({ code: NOT_SUPPORTED });
  });

  it('refuses for sure what is too much, too large or without a token', async () => {
    const refused = async (options: Parameters<typeof HttpInstance.start>[0], body: object = { type: 'generate' }) => {
      const client = newClient();
      const { url } = await HttpInstance.start(options);
      await ask(client, url, body as never);
      return JSON.parse(await ask(client, url, body as never));
    };
    expect(await refused({ ratePerSecond: 0.001 })).toMatchObject({ code: UNAVAILABLE });
    expect(await refused({ limits: { ...HTTP_LIMITS, inFlightMax: 0 } })).toMatchObject({ code: UNAVAILABLE });
    const large = { type: 'generate', padding: 'x'.repeat(2000) };
    expect(await refused({ limits: { ...HTTP_LIMITS, bodyBytesMax: 1000 } }, large)).toMatchObject({
      code: NOT_SUPPORTED,
      text: expect.stringContaining('HTTP 413 body_too_large'),
    });
    const keys = [{ algorithm: 'HS256', secret: Buffer.alloc(32) }] as never;
    expect(await refused({ tokens: { keys, audience: undefined, issuer: undefined } })).toMatchObject({
      code: NOT_SUPPORTED,
      text: 'HTTP 401 unauthorized: a bearer token is needed',
    });
  });

  it('is ready, or tells why it is not', async () => {
    const client = newClient();
    expect(await client.findTrouble((await HttpInstance.start()).url)).toBeUndefined();
    const starting = await CaseServer.listen(problems(503, 'not_ready'));
    expect(await client.findTrouble(starting.url)).toBe(`${starting.url}/readyz answers 503: some detail`);
    const keys = [{ algorithm: 'HS256', secret: Buffer.alloc(32) }] as never;
    const guarded = await HttpInstance.start({ tokens: { keys, audience: undefined, issuer: undefined } });
    expect(await client.findTrouble(guarded.url)).toBe(
      `${guarded.url}/rpc answers 401: a bearer token is needed (--token FILE sends one to --url)`,
    );
    const foreign = await CaseServer.listen((socket) => void socket.write(answer(200, 'text/html', '<p>Hello</p>')));
    expect(await client.findTrouble(foreign.url)).toBe(
      `${foreign.url}/readyz answers 200, not as snowstorm serve does: is this the address of an instance?`,
    );
    const broken = await CaseServer.listen((socket) => socket.destroy());
    expect(await client.findTrouble(broken.url)).toBe(`${broken.url}/readyz cannot be reached: ECONNRESET`);
  });
});

describe('connections', () => {
  it('carry any number of requests at once, and are used again', async () => {
    const { url } = await HttpInstance.start();
    let connections = 0;
    const proxy = createServer((socket) => {
      connections++;
      const onward = connect(Number(new URL(url).port), '127.0.0.1');
      socket.pipe(onward).pipe(socket);
      for (const end of [socket, onward]) end.on('error', () => {});
      ends.push(() => [socket, onward].map((end) => end.destroy()));
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    ends.push(() => proxy.close());
    const client = newClient();
    const here = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    for (let count = 0; count < 20; count++) await ask(client, here, { type: 'generate' } as never);
    expect(connections).toBe(1);
    const replies = await Promise.all(
      Array.from({ length: 300 }, () => ask(client, here, { type: 'generate' } as never)),
    );
    expect(new Set(replies).size).toBe(300);
    expect(connections).toBeLessThanOrEqual(300);
  });

  it('that break when they are used again are not replaced: the request may have been taken', async () => {
    const server = await CaseServer.listen((socket, number) => {
      if (number === 1) json(200, OK)(socket);
      else socket.resetAndDestroy();
    });
    const client = newClient();
    expect(await ask(client, server.url)).toBe(OK);
    expect(JSON.parse(await ask(client, server.url))).toMatchObject({
      code: CRASH,
      text: 'the connection broke: ECONNRESET',
    });
    expect(server.requests).toHaveLength(2);
    expect(server.connections).toBe(1);
  });

  it('of requests without an answer are dropped', async () => {
    const server = await CaseServer.listen(() => {});
    newClient({ answerMsMax: HANG_MS }).ask(server.url, REQUEST, () => {});
    await until(
      async () => server.requests.length === 1 && (await server.openConnections()) === 0,
      () => 'it is still open',
    );
  });

  it('end with the client, in use or not, and nothing is answered then', async () => {
    const server = await CaseServer.listen((socket, number) => {
      if (number <= 2) json(200, OK)(socket);
    });
    const client = newClient();
    expect(await Promise.all([ask(client, server.url), ask(client, server.url)])).toEqual([OK, OK]);
    const replies: string[] = [];
    const askInVain = () => client.ask(server.url, REQUEST, (body) => replies.push(body));
    askInVain();
    await until(
      () => server.requests.length === 3,
      () => 'it does not arrive',
    );
    expect(await server.openConnections()).toBe(2);
    askInVain();
    client.close();
    askInVain();
    await until(
      async () => (await server.openConnections()) === 0,
      () => 'some are open',
    );
    expect(replies).toEqual([]);
  });

  it('do not keep a process that has closed its client', async () => {
    const server = await CaseServer.listen(() => {});
    const program = `
      const { ServiceClient } = require(${JSON.stringify(CLIENT_FILE)});
      const client = new ServiceClient();
      client.ask(${JSON.stringify(server.url)}, {}, () => {});
      setTimeout(() => client.close(), 200);`;
    const { child } = runProgram(program);
    const beganMs = performance.now();
    expect(await exitOf(child)).toBe(0);
    // A timer of the request would keep it for 30 s.
    expect(performance.now() - beganMs).toBeLessThan(25_000);
  });
});

describe.runIf(hasOpenssl('requests over TLS'))('a request over TLS', () => {
  it('is answered by an instance whose certificate is known, and is no proof otherwise', async () => {
    const authority = new Authority(folder, 'deployment');
    const files = authority.sign('server', 'IP:127.0.0.1');
    const tls = { cert: readFileSync(files.cert), key: readFileSync(files.key) };
    const { url } = await HttpInstance.start({ tls });
    const reply = await ask(newClient(), url);
    expect(JSON.parse(reply)).toMatchObject({
      code: CRASH,
      text: expect.stringMatching(/^the connection broke: .*VERIFY/),
    });

    const program = `
      const { ServiceClient } = require(${JSON.stringify(CLIENT_FILE)});
      const client = new ServiceClient();
      client.ask(${JSON.stringify(url)}, { type: 'generate' }, (body) => {
        process.stdout.write(body);
        client.close();
      });`;
    const { child, output } = runProgram(program, { NODE_EXTRA_CA_CERTS: authority.file });
    expect(await exitOf(child)).toBe(0);
    expect(JSON.parse(output())).toMatchObject({ type: 'generate_ok' });
  });
});

describe('a request', () => {
  it('has the token, and its body without loss', async () => {
    const server = await CaseServer.listen(json(200, OK));
    await ask(newClient({ token: 'abc.def' }), `${server.url}/base/`);
    const [request = ''] = server.requests;
    expect(request).toMatch(/^POST \/base\/rpc HTTP\/1\.1\r\n/);
    expect(request).toContain('\r\nauthorization: Bearer abc.def\r\n');
    expect(request).toContain('\r\ncontent-type: application/json\r\n');
    expect(request.split('\r\n\r\n')[1]).toBe(JSON.stringify(REQUEST));
  });

  it('is given up when the answer is too large', async () => {
    const server = await CaseServer.listen(json(200, `{"type":"x","y":"${'y'.repeat(1000)}"}`));
    const reply = await ask(newClient({ bodyBytesMax: 1000 }), server.url);
    expect(JSON.parse(reply)).toMatchObject({ code: CRASH, text: expect.stringContaining('more than 1000 bytes') });
  });
});
