/**
 * Hostile HTTP requests, drawn from a seed: a table of kinds, each with the statuses that it may get. A kind is a
 * function that draws one request.
 */

import { createHmac } from 'node:crypto';
import type { SeededRandom } from '../../src/protocol/random.ts';

export interface HostileRequest {
  /** Written one after the other, with a pause between them. */
  readonly parts: readonly (string | Buffer)[];
  readonly pauseMs?: number;
  /** One of these must be the answer. */
  readonly statuses: readonly number[];
}

export interface Tokens {
  /** The secret of HS256. */
  readonly secret: string;
  readonly nowS: number;
}

export interface HostileKind {
  readonly name: string;
  /** Of all weights together. */
  readonly weight: number;
  readonly draw: (random: SeededRandom, tokens: Tokens) => HostileRequest;
}

export const BODY_BYTES_MAX = 16_384;

const POSTS = [
  '/generate',
  '/guid/assign',
  '/api/vouchers',
  '/api/vouchers/redeem',
  '/api/v1/transfers',
  '/api/v1/accounts',
  '/api/profiles',
  '/api/transactions',
];
const GETS = ['/api/vouchers', '/api/vouchers/report', '/guid/status/1', '/api/wallets/1', '/api/v1/accounts/a'];

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A token with that header and those claims. */
function sign(secret: string, header: unknown, claims: unknown): string {
  const signed = `${encode(header)}.${encode(claims)}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}

const SCOPES = 'ids vouchers wallets transfers';

/** A token that allows everything. */
export function validToken({ secret, nowS }: Tokens): string {
  return sign(secret, { alg: 'HS256', typ: 'JWT' }, { sub: 'hostile', scope: SCOPES, exp: nowS + 86_400 });
}

interface Wire {
  readonly method?: string;
  readonly path: string;
  readonly headers?: readonly (readonly [string, string])[];
  readonly body?: string | Buffer;
  readonly token?: string | null;
}

/** A request with a valid token, unless there is another one or none. */
function write(tokens: Tokens, { method = 'POST', path, headers = [], body, token }: Wire): Buffer {
  const all: (readonly [string, string])[] = [
    ['Host', 'x'],
    ['Connection', 'close'],
  ];
  const bearer = token === undefined ? validToken(tokens) : token;
  if (bearer !== null) all.push(['Authorization', `Bearer ${bearer}`]);
  all.push(...headers);
  const has = (name: string) => all.some(([given]) => given.toLowerCase() === name);
  if (body !== undefined && !has('content-type')) all.push(['Content-Type', 'application/json']);
  if (body !== undefined && !has('content-length') && !has('transfer-encoding'))
    all.push(['Content-Length', String(Buffer.byteLength(body))]);
  const head = `${method} ${path} HTTP/1.1\r\n${all.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
  return Buffer.concat([Buffer.from(head, 'latin1'), Buffer.from(body ?? '')]);
}

function letters(random: SeededRandom, length: number): string {
  return Array.from({ length }, () => 'abcdefghijklmnopqrstuvwxyz'[random.integer(26)]).join('');
}

function bytes(random: SeededRandom, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => random.integer(256)));
}

const one = (parts: HostileRequest['parts'][number], ...statuses: number[]): HostileRequest => ({
  parts: [parts],
  statuses,
});

/** Values of every wrong type for a text. */
const NO_TEXTS: readonly unknown[] = [null, true, 0, -1, 1.5, [], {}, ['a'], { a: 1 }, '', 'x'.repeat(300), [[[]]]];
const NO_AMOUNTS: readonly unknown[] = [
  ...[null, true, [], {}, '', ' 1', '1 ', '+1', '0x1', '1e3', '1,5', '.5', '5.', '0.001', 'NaN', 'Infinity', '-0', '0'],
  ...['9'.repeat(400), '1'.repeat(20), '٥', '1_000', 0, -1, 1e300, 0.1234],
];

const LINES: readonly ((random: SeededRandom) => string)[] = [
  (random) => `${letters(random, 1 + random.integer(200))}\r\n\r\n`,
  (random) => `GET /${letters(random, 5)} HTTP/${random.integer(9)}.${2 + random.integer(7)}\r\nHost: x\r\n\r\n`,
  (random) => `GET /${letters(random, 5)}\r\n\r\n`,
  (random) => `${letters(random, 6)} / HTTP/1.1\r\nHost: x\r\n\r\n`,
  () => 'GET / HTTP/1.1\r\nHost : x\r\n\r\n',
  () => 'GET / HTTP/1.1\r\n: x\r\n\r\n',
  (random) => `GET / HTTP/1.1\r\nHost: x\r\nA: b${String.fromCharCode(random.integer(9))}c\r\n\r\n`,
  () => 'GET / HTTP/1.1\nHost: x\r\n A: b\r\n\r\n',
  () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  () => 'GET / HTTP/1.1\r\nConnection: close\r\n\r\n',
  () => 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n',
  () => 'CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n',
];

const SMUGGLED = 'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n';
const LENGTHS: readonly string[] = [
  'Content-Length: 2\r\nContent-Length: 3',
  'Content-Length: 2\r\nTransfer-Encoding: chunked',
  'Transfer-Encoding: chunked\r\nContent-Length: 2',
  'Content-Length: 2, 3',
  'Content-Length: +2',
  'Content-Length: 0x2',
  'Content-Length: -1',
  'Content-Length: 99999999999999999999999',
  'Transfer-Encoding: xchunked',
  'Transfer-Encoding: chunked, identity',
  'Transfer-Encoding : chunked',
  'Transfer-Encoding: \tchunked\r\nTransfer-Encoding: identity',
];

const PATHS: readonly ((random: SeededRandom) => string)[] = [
  () => '/../../etc/passwd',
  () => '/%2e%2e/%2e%2e/etc/passwd',
  () => '/..%2f..%2fetc/passwd',
  () => '/guid/status/../../metrics',
  () => '//metrics',
  () => '/metrics/',
  () => '/metrics%00',
  () => '/guid/status/%00',
  () => '/guid/status/%0d%0aSet-Cookie:x',
  () => '/guid/status/%',
  () => '/guid/status/%c0%af',
  () => '/guid/status/%u0041',
  () => '/api/v1/accounts/',
  () => '/api/v1/accounts//',
  () => '/api/v1/accounts/a;b/c',
  () => '/METRICS',
  () => '/\\..\\',
  () => '/.git/config',
  () => '/api/wallets/__proto__',
  () => '/api/wallets/..',
  () => '/generate?../..',
  () => '/healthz/..;/metrics',
  (random) => `/${letters(random, 1 + random.integer(60))}`,
  (random) => `/api/v1/transfers/${letters(random, 256 + random.integer(500))}`,
  (random) => `/api/v1/transfers/${letters(random, 20)}`,
];

const TOKENS: readonly ((random: SeededRandom, tokens: Tokens) => string)[] = [
  (random) => letters(random, 1 + random.integer(2000)),
  (random) => `${letters(random, 20)}.${letters(random, 20)}.${letters(random, 20)}`,
  (_, { nowS }) => `${encode({ alg: 'none' })}.${encode({ scope: SCOPES, exp: nowS + 60 })}.`,
  (_, { nowS }) => `${encode({ alg: 'nOnE' })}.${encode({ scope: SCOPES, exp: nowS + 60 })}.AAAA`,
  (_, { secret, nowS }) => sign(secret, { alg: 'none' }, { scope: SCOPES, exp: nowS + 60 }),
  (_, { secret, nowS }) => sign(secret, { alg: 'HS512' }, { scope: SCOPES, exp: nowS + 60 }),
  (_, { secret, nowS }) => sign(secret, { alg: 'RS256' }, { scope: SCOPES, exp: nowS + 60 }),
  (_, { secret, nowS }) => sign(secret, { alg: 'HS256', crit: ['x'] }, { scope: SCOPES, exp: nowS + 60 }),
  (random, { nowS }) => sign(letters(random, 40), { alg: 'HS256' }, { scope: SCOPES, exp: nowS + 60 }),
  (_, { nowS }) => sign('', { alg: 'HS256' }, { scope: SCOPES, exp: nowS + 60 }),
  (_, { secret, nowS }) => sign(secret, { alg: 'HS256' }, { scope: SCOPES, exp: nowS - 3600 }),
  (_, { secret }) => sign(secret, { alg: 'HS256' }, { scope: SCOPES }),
  (_, { secret, nowS }) => sign(secret, { alg: 'HS256' }, { scope: SCOPES, exp: String(nowS + 60) }),
  (_, { secret, nowS }) => sign(secret, { alg: 'HS256' }, { scope: SCOPES, exp: nowS + 60, nbf: nowS + 3600 }),
  (_, { secret, nowS }) => sign(secret, { alg: 'HS256' }, { scope: SCOPES, exp: nowS + 60, aud: 'other' }),
  (_, { secret, nowS }) => sign(secret, { alg: 'HS256' }, { scope: { ids: true }, exp: nowS + 60 }),
  (_, { secret }) => sign(secret, { alg: 'HS256' }, null),
  (_, tokens) => validToken(tokens).slice(0, -3),
  (_, tokens) => `${validToken(tokens)}.x`,
];

/** Fields of a good transfer, one of which is replaced. */
const TRANSFER = { from: 'a', to: 'b', amount: '1.00', request_id: 'r' };

export const HOSTILE_KINDS: readonly HostileKind[] = [
  {
    name: 'a line that is not HTTP',
    weight: 12,
    draw: (random) => one(random.pick(LINES)(random), 400, 404, 405),
  },
  {
    name: 'bytes',
    weight: 6,
    // The first byte begins no method, so it is refused at once.
    draw: (random) =>
      one(Buffer.concat([Buffer.from([random.integer(32)]), bytes(random, 1 + random.integer(500))]), 400),
  },
  {
    name: 'two lengths, and requests hidden in a body',
    weight: 10,
    draw: (random, tokens) =>
      one(
        `POST /generate HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer ${validToken(tokens)}\r\n` +
          `Content-Type: application/json\r\n${random.pick(LENGTHS)}\r\n\r\n{}${SMUGGLED}`,
        400,
        413,
      ),
  },
  {
    name: 'chunks that are none',
    weight: 4,
    draw: (random, tokens) => {
      const headers = [['Transfer-Encoding', 'chunked']] as const;
      const chunk = random.pick([
        'zz\r\n{}\r\n0\r\n\r\n',
        '-1\r\n{}\r\n',
        '2\r\n{}x\r\n',
        '2;\0\r\n{}\r\n',
        'ffffffffffffffffff\r\n',
      ]);
      return one(write(tokens, { path: '/generate', headers, body: chunk }), 400);
    },
  },
  {
    name: 'large headers',
    weight: 3,
    draw: (random, tokens) => {
      const many = Array.from({ length: 101 + random.integer(200) }, (_, index) => [`X-${index}`, 'x'] as const);
      const large = [['X-Large', 'x'.repeat(17_000 + random.integer(20_000))]] as const;
      return one(write(tokens, { path: '/generate', headers: random.integer(2) === 0 ? many : large }), 431);
    },
  },
  {
    name: 'a long path or query',
    weight: 4,
    draw: (random, tokens) => {
      const long = letters(random, 4200 + random.integer(4000));
      const path = random.integer(2) === 0 ? `/${long}` : `/api/vouchers?code=${long}`;
      return one(write(tokens, { method: 'GET', path }), 414);
    },
  },
  {
    name: 'a large body',
    weight: 3,
    draw: (random, tokens) => {
      const body = `{"name":"${'x'.repeat(BODY_BYTES_MAX + random.integer(200_000))}"}`;
      const path = random.pick(POSTS);
      if (random.integer(2) === 0) return one(write(tokens, { path, body }), 413);
      const chunked = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
      return one(write(tokens, { path, headers: [['Transfer-Encoding', 'chunked']], body: chunked }), 413);
    },
  },
  {
    name: 'a request that comes too slowly',
    weight: 1,
    draw: (random, tokens) => {
      const whole = write(tokens, { path: '/generate', body: '{}' });
      const sent = random.pick([0, 1, 20, whole.length - 2, whole.length - 1]);
      const drops = Array.from({ length: 60 }, (_, index) =>
        whole.subarray(sent + index, Math.min(sent + index + 1, whole.length - 1)),
      );
      return { parts: [whole.subarray(0, sent), ...drops], pauseMs: 250, statuses: [408] };
    },
  },
  {
    name: 'a path that leads elsewhere',
    weight: 10,
    draw: (random, tokens) => one(write(tokens, { method: 'GET', path: random.pick(PATHS)(random) }), 400, 404, 405),
  },
  {
    name: 'a method that a path has not',
    weight: 4,
    draw: (random, tokens) => {
      const method = random.pick(['PUT', 'DELETE', 'PATCH', 'TRACE', 'PROPFIND', 'LINK']);
      return one(write(tokens, { method, path: random.pick([...POSTS, ...GETS, '/', '/metrics']) }), 405);
    },
  },
  {
    name: 'a token that is not valid',
    weight: 14,
    draw: (random, tokens) => {
      const token = random.integer(10) === 0 ? null : random.pick(TOKENS)(random, tokens);
      return one(write(tokens, { path: random.pick([...POSTS, '/rpc']), body: '{}', token }), 401);
    },
  },
  {
    name: 'a token without the scope',
    weight: 3,
    draw: (random, tokens) => {
      const claims = { exp: tokens.nowS + 3600, scope: random.pick(['', 'ids2', 'admin', '*', 'IDS']) };
      const token = sign(tokens.secret, { alg: 'HS256' }, claims);
      return one(write(tokens, { path: random.pick(POSTS), body: '{}', token }), 403);
    },
  },
  {
    name: 'an authorization that is none',
    weight: 3,
    draw: (random, tokens) => {
      const value = random.pick([
        '',
        'Bearer',
        'Bearer  ',
        'Basic YTpi',
        'Digest x',
        'Bearer a b',
        'bearer;x',
        letters(random, 50),
      ]);
      const headers = [['Authorization', value]] as const;
      return one(write(tokens, { path: random.pick(POSTS), headers, body: '{}', token: null }), 401);
    },
  },
  {
    name: 'a header that occurs twice',
    weight: 3,
    draw: (random, tokens) => {
      const name = random.pick(['Authorization', 'Content-Type', 'Idempotency-Key', 'Content-Encoding']);
      const headers = [
        [name, 'identity'],
        [name.toLowerCase(), 'application/json'],
      ] as const;
      return one(write(tokens, { path: random.pick(POSTS), headers, body: '{}' }), 400);
    },
  },
  {
    name: 'a body of another type',
    weight: 4,
    draw: (random, tokens) => {
      const type = random.pick([
        'text/plain',
        'text/xml',
        'multipart/form-data; boundary=x',
        'application/json; charset=utf-16',
        'json',
        '',
        'application/jsonx',
      ]);
      const headers =
        random.integer(4) === 0 ? ([['Content-Encoding', 'gzip']] as const) : ([['Content-Type', type]] as const);
      return one(write(tokens, { path: random.pick(POSTS), headers, body: '{}' }), 415);
    },
  },
  {
    name: 'a body that is not JSON',
    weight: 8,
    draw: (random, tokens) => {
      const good = JSON.stringify(TRANSFER);
      const body = random.pick([
        good.slice(0, random.integer(good.length - 1) + 1),
        `${good}${random.pick(['}', 'x', ',', '{}', '\0'])}`,
        good.replaceAll('"', "'"),
        good.replace('{', '{"from":"x",'),
        `\ufeff${good}`,
        'null',
        '[]',
        '"text"',
        '12',
        'NaN',
        '<x/>',
        '{"__proto__":1,"__proto__":2}',
      ]);
      return one(write(tokens, { path: random.pick([...POSTS, '/rpc']), body }), 400);
    },
  },
  {
    name: 'a body that is not UTF-8',
    weight: 3,
    draw: (random, tokens) => {
      const wrong = random.pick([[0xff], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xe4]]);
      const body = Buffer.concat([Buffer.from('{"name":"'), Buffer.from(wrong), Buffer.from('"}')]);
      return one(write(tokens, { path: random.pick([...POSTS, '/rpc']), body }), 400);
    },
  },
  {
    name: 'JSON that nests deep',
    weight: 3,
    draw: (random, tokens) => {
      const depth = 1001 + random.integer(1000);
      const body = random.pick(['[', '{"a":', '[{"a":']).repeat(depth);
      return one(write(tokens, { path: random.pick([...POSTS, '/rpc']), body }), 400);
    },
  },
  {
    name: 'a field of a wrong type',
    weight: 14,
    draw: (random, tokens) => {
      const field = random.pick(Object.keys(TRANSFER));
      const value = random.pick(field === 'amount' ? NO_AMOUNTS : NO_TEXTS);
      return one(
        write(tokens, { path: '/api/v1/transfers', body: JSON.stringify({ ...TRANSFER, [field]: value }) }),
        400,
      );
    },
  },
  {
    name: 'a number that is huge',
    weight: 3,
    draw: (random, tokens) => {
      const digits = '9'.repeat(1 + random.integer(5000));
      const number = random.pick([
        `${digits}.1`,
        `1e${digits}`,
        `-${digits}`,
        `0.${digits}1`,
        `1${digits}00000000000000000000`,
      ]);
      const body = random.pick([
        `{"code":"c","limit":${number},"amount":"1"}`,
        `{"code":"c","limit":1,"amount":${number}}`,
      ]);
      const isAmount = /^\{"code":"c","limit":1,/.test(body);
      // A limit of 1e9 at most; an amount has two places and has a maximum.
      return isAmount && /^0\.9{1}1$/.test(number)
        ? one(write(tokens, { path: '/api/vouchers', body: '{"code":"c","limit":1,"amount":1e5}' }), 400)
        : one(write(tokens, { path: '/api/vouchers', body: isAmount ? body.replace(/\.1\}$/, '.123}') : body }), 400);
    },
  },
  {
    name: 'an unknown field',
    weight: 4,
    draw: (random, tokens) => {
      const name = random.pick(['__proto__', 'constructor', 'toString', 'is_admin', letters(random, 500), '']);
      const body = `{${JSON.stringify(name)}:1}`;
      return one(write(tokens, { path: random.pick(POSTS), body }), 400);
    },
  },
  {
    name: 'a query that is wrong',
    weight: 5,
    draw: (random, tokens) => {
      const query = random.pick([
        'code=a&code=b',
        'code=%zz',
        'code=a&limit=1e3',
        '__proto__=1',
        'code',
        'x=1&'.repeat(100),
        `code=${'a'.repeat(129)}`,
        'code=a&offset=-5',
        'code=a&limit=99999999999999999999',
        'code[]=a',
      ]);
      return one(write(tokens, { method: 'GET', path: `/api/vouchers/report?${query}` }), 400);
    },
  },
  {
    name: 'a message that a node does not know',
    weight: 5,
    draw: (random, tokens) => {
      const body = random.pick<object>([
        { type: letters(random, 1 + random.integer(300)) },
        { type: 'init', node_id: 'x', node_ids: ['x'] },
        { type: 'generate', count: 1e9 },
        { type: 'generate', count: -1 },
        { type: 'echo', echo: 1, in_reply_to: random.integer(100) },
        { type: 'transfer', request_id: 'r', legs: [] },
        { type: 'audit', accounts: Array.from({ length: 101 }, () => 'a') },
        { type: ['generate'] },
        { type: '__proto__' },
        { type: 'redeem', code: '\ud800', user: 'u', request_id: 'r' },
        {},
      ]);
      return one(write(tokens, { path: '/rpc', body: JSON.stringify(body) }), 400, 404);
    },
  },
  {
    name: 'a request id that is none',
    weight: 3,
    draw: (random, tokens) => {
      const key = random.pick(['', '""', 'k'.repeat(256), 'other', `"${'k'.repeat(300)}"`]);
      const headers = [['Idempotency-Key', key]] as const;
      return one(write(tokens, { path: '/api/v1/transfers', headers, body: JSON.stringify(TRANSFER) }), 400);
    },
  },
];
