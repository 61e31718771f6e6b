/** Requests and answers that are read out of passing bytes, however these are cut into pieces. */

import { describe, expect, it } from 'vitest';
import type { RecordMessage } from '../../../src/harness/bed.ts';
import { HttpRecorder } from '../../../src/host/deployment/http-messages.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');

function request(path: string, body: object | string, method = 'POST'): string {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return `${method} ${path} HTTP/1.1\r\nHost: e1\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`;
}

function answer(body: object | string, status = '200 OK', fields = ''): string {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return `HTTP/1.1 ${status}\r\n${fields}content-length:${Buffer.byteLength(text)}\r\n\r\n${text}`;
}

function chunked(text: string, size: number): string {
  const chunks = [];
  for (let at = 0; at < text.length; at += size) chunks.push(text.slice(at, at + size));
  const lines = chunks.map((chunk) => `${chunk.length.toString(16)};x=1\r\n${chunk}\r\n`);
  return `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${lines.join('')}0\r\nDone: yes\r\n\r\n`;
}

/** A connection of n1 to e1, and what was told of it. */
class Rig {
  readonly told: (readonly [src: string, dest: string, body: unknown])[] = [];
  arrivedCount = 0;
  readonly #recorder: HttpRecorder;

  constructor() {
    let id = 0;
    const record: RecordMessage = (src, dest, body) => {
      this.told.push([src, dest, JSON.parse(JSON.stringify(body))]);
      return () => this.arrivedCount++;
    };
    this.#recorder = new HttpRecorder({ instance: 'n1', member: 'e1', record, nextId: () => ++id });
  }

  pass(direction: 'out' | 'back', bytes: Buffer | string): void {
    for (const tell of this.#recorder.read(direction, Buffer.from(bytes as string, 'latin1'))) tell();
  }
}

/** What was told of these requests and then these answers, both cut into pieces of this size. */
function told(requests: string, answers: string, size: number): Rig['told'] {
  const rig = new Rig();
  for (const [direction, text] of [
    ['out', requests],
    ['back', answers],
  ] as const)
    for (let at = 0; at < text.length; at += size) rig.pass(direction, text.slice(at, at + size));
  expect(rig.arrivedCount).toBe(rig.told.length);
  return rig.told;
}

const PUT = { key: base64('shop/k'), value: base64('one') };
const REQUESTS = [
  request('/v3/kv/put', PUT),
  request('/v3/kv/range', { key: base64('shop/'), range_end: base64('shop0'), limit: '10' }),
  request('/version', '', 'GET').replace('Content-Length: 0\r\n', ''),
  request('/v3/kv/txn', { compare: [{ key: PUT.key, target: 'MOD' }], success: [{ request_put: PUT }] }),
].join('');
const HEADER = { cluster_id: '17', member_id: '4', revision: '5', raft_term: '2' };
const ANSWERS = [
  `HTTP/1.1 100 Continue\r\n\r\n${answer({ header: HEADER })}`,
  chunked(JSON.stringify({ header: HEADER, kvs: [PUT, PUT], count: '2' }), 7),
  answer({ etcdserver: '3.4.23' }),
  answer({ error: 'etcdserver: request timed out', code: 14 }, '503 Service Unavailable', 'X: y\r\n'),
].join('');
const HEADER_TOLD = { revision: '5', raft_term: '2' };
const PUT_TOLD = { key: 'shop/k', value: 'one' };
const TOLD = [
  ['n1', 'e1', { type: '/v3/kv/put', msg_id: 1, ...PUT_TOLD }],
  ['n1', 'e1', { type: '/v3/kv/range', msg_id: 2, key: 'shop/', range_end: 'shop0', limit: '10' }],
  ['n1', 'e1', { type: '/version', msg_id: 3 }],
  [
    'n1',
    'e1',
    {
      type: '/v3/kv/txn',
      msg_id: 4,
      compare: [{ key: 'shop/k', target: 'MOD' }],
      success: [{ request_put: PUT_TOLD }],
    },
  ],
  ['e1', 'n1', { type: '/v3/kv/put_ok', in_reply_to: 1, header: HEADER_TOLD }],
  ['e1', 'n1', { type: '/v3/kv/range_ok', in_reply_to: 2, header: HEADER_TOLD, kvs: [PUT_TOLD, PUT_TOLD], count: '2' }],
  ['e1', 'n1', { type: '/version_ok', in_reply_to: 3, etcdserver: '3.4.23' }],
  ['e1', 'n1', { type: 'error', in_reply_to: 4, status: 503, grpc_code: 14, error: 'etcdserver: request timed out' }],
];

describe('requests and answers', () => {
  it('are told with their keys and values as text, and each answer with its request', () => {
    expect(told(REQUESTS, ANSWERS, Number.POSITIVE_INFINITY)).toEqual(TOLD);
  });

  it('are the same however the bytes are cut', () => {
    for (let size = 1; size < 200; size++) expect(told(REQUESTS, ANSWERS, size), `pieces of ${size}`).toEqual(TOLD);
    for (let at = 1; at < ANSWERS.length; at++) {
      const rig = new Rig();
      rig.pass('out', REQUESTS);
      rig.pass('back', ANSWERS.slice(0, at));
      rig.pass('back', ANSWERS.slice(at));
      expect(rig.told, `cut at ${at}`).toEqual(TOLD);
    }
  });

  it('that come one at a time take turns', () => {
    const rig = new Rig();
    for (let id = 1; id <= 3; id++) {
      rig.pass('out', request('/v3/kv/put', PUT));
      rig.pass('back', answer({}));
      expect(rig.told.slice(-2).map(([, , body]) => body)).toMatchObject([{ msg_id: id }, { in_reply_to: id }]);
    }
  });

  it('have arrived only when they were passed on', () => {
    let arrived = 0;
    const record: RecordMessage = () => () => {
      arrived++;
    };
    const recorder = new HttpRecorder({ instance: 'n1', member: 'e1', record, nextId: () => 1 });
    const tellers = recorder.read('out', Buffer.from(request('/v3/kv/put', PUT) + request('/v3/kv/put', PUT)));
    expect([tellers.length, arrived]).toEqual([2, 0]);
    for (const tell of tellers) tell();
    expect(arrived).toBe(2);
  });

  it('without a body are told by their kind', () => {
    const requests = request('/health', '', 'HEAD') + request('/a', PUT) + request('/b', PUT);
    const answers = `HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n${answer('')}`;
    expect(told(requests, answers, 11).slice(3)).toEqual([
      ['e1', 'n1', { type: '/health_ok', in_reply_to: 1 }],
      ['e1', 'n1', { type: 'error', in_reply_to: 2, status: 204 }],
      ['e1', 'n1', { type: '/b_ok', in_reply_to: 3 }],
    ]);
  });

  it('that are long are told in part', () => {
    const long = { key: base64(`a${'é'.repeat(700)}`), value: base64('x'.repeat(201)), note: 'y'.repeat(300) };
    const bytes = Buffer.from([0xff, 0xfe]).toString('base64');
    const requests =
      request('/a', long) + request('/b', { value: base64('z'.repeat(20_000)) }) + request('/c', { value: bytes });
    expect(told(requests, answer('<html>'.repeat(100)), 1000)).toEqual([
      [
        'n1',
        'e1',
        {
          type: '/a',
          msg_id: 1,
          key: `a${'é'.repeat(199)}…`,
          value: `${'x'.repeat(200)}…`,
          note: `${'y'.repeat(200)}…`,
        },
      ],
      [
        'n1',
        'e1',
        { type: '/b', msg_id: 2, bytes: Buffer.byteLength(JSON.stringify({ value: base64('z'.repeat(20_000)) })) },
      ],
      ['n1', 'e1', { type: '/c', msg_id: 3, value: bytes }],
      ['e1', 'n1', { type: '/a_ok', in_reply_to: 1, text: `${'<html>'.repeat(34).slice(0, 200)}…` }],
    ]);
  });
});

describe('what is no HTTP', () => {
  const tls = Buffer.from([0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0]).toString('latin1').repeat(5000);

  it.each([
    ['TLS', 'out', tls],
    ['a request line without a version', 'out', 'POST /v3/kv/put\r\n\r\n'],
    ['a head without an end', 'out', `POST / HTTP/1.1\r\nX: ${'y'.repeat(20_000)}`],
    ['an answer without a length', 'back', 'HTTP/1.1 200 OK\r\n\r\nabc'],
    ['an answer that was not asked for', 'back', answer('') + answer('') + answer('')],
    ['another protocol after 101', 'back', 'HTTP/1.1 101 Switching Protocols\r\n\r\n'],
    ['a chunk without a size', 'back', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n'],
    ['a chunk longer than its size', 'back', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabcdef\r\n'],
    ['no protocol', 'back', 'hello\r\n\r\n'],
  ] as const)('ends the telling of a connection: %s', (_, direction, text) => {
    const rig = new Rig();
    rig.pass('out', request('/a', PUT) + request('/b', PUT));
    rig.pass(direction, text);
    const count = rig.told.length;
    rig.pass('out', request('/c', PUT));
    rig.pass('back', answer({}));
    expect(rig.told).toHaveLength(count);
    expect(rig.arrivedCount).toBe(count);
  });
});
