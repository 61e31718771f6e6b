/** An instance whose store does not do what it should: what clients are told. */

import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { HTTP_LIMITS } from '../../../src/host/http/limits.ts';
import { newInstanceId, newUuid } from '../../../src/host/http/names.ts';
import { MemoryEngine } from '../../../src/kv/memory-engine.ts';
import type { StoreEngine, StoreRead, StoreReplace, Token } from '../../../src/kv/store.ts';
import { RpcError } from '../../../src/protocol/errors.ts';
import { HttpInstance } from '../../support/http-instance.ts';

/** A store that can be taken away, whose writes can be left without an answer, and which may lose accounts only. */
class UnreliableEngine extends MemoryEngine implements StoreEngine {
  mode: 'well' | 'away' | 'silent' | 'hangs' | 'no-accounts' = 'well';
  closed = false;

  override async read(key: string): Promise<StoreRead> {
    if (this.mode === 'hangs') return new Promise(() => {});
    if (this.mode === 'well' || this.mode === 'no-accounts') return super.read(key);
    return { kind: 'failed', error: RpcError.of('timeout', 'no answer from the store') };
  }

  override async replace(key: string, from: Token | null, text: string): Promise<StoreReplace> {
    if (this.mode === 'well' || (this.mode === 'no-accounts' && !key.startsWith('a/')))
      return super.replace(key, from, text);
    if (this.mode === 'silent') return { kind: 'silent', error: RpcError.of('timeout', 'no answer from the store') };
    return { kind: 'unavailable', error: RpcError.of('temporarily-unavailable', 'the store is away') };
  }

  override async close(): Promise<void> {
    this.closed = true;
  }
}

describe('an instance whose store is away', () => {
  it('says that nothing happened, and is not ready', async () => {
    const engine = new UnreliableEngine();
    const served = await HttpInstance.start({ engine });
    await served.post('/api/v1/accounts', { name: 'a', balance: '5' });
    await served.post('/api/v1/accounts', { name: 'b', balance: '0' });
    expect((await served.get('/readyz')).json).toEqual({ status: 'ready' });
    engine.mode = 'away';
    const answer = await served.get('/api/v1/accounts/a');
    expect(answer).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
    expect(answer.json).toMatchObject({ code: 'temporarily_unavailable', error: { code: 11 } });
    const transfer = await served.post('/api/v1/transfers', { from: 'a', to: 'b', amount: '1', request_id: 'r' });
    // An earlier copy of the request may have begun it.
    expect(transfer.json).toMatchObject({
      status: 500,
      code: 'outcome_unknown',
      detail: expect.stringContaining('It may have happened: ask again with the same request id'),
    });
    expect((await served.get('/healthz')).status).toBe(200);
    await expect
      .poll(async () => (await served.get('/readyz')).json, { timeout: 30_000 })
      .toMatchObject({
        status: 503,
        code: 'not_ready',
        detail: expect.stringContaining('the store memory does not answer'),
      });
    expect((await served.get('/state')).json.trouble).toContain('does not answer');
    engine.mode = 'well';
    await expect.poll(async () => (await served.get('/readyz')).status, { timeout: 30_000 }).toBe(200);
    const again = await served.post('/api/v1/transfers', { from: 'a', to: 'b', amount: '1', request_id: 'r' });
    expect(again.status).toBe(201);
  });

  it('says that it may have happened, if it may', async () => {
    const engine = new UnreliableEngine();
    const served = await HttpInstance.start({ engine });
    engine.mode = 'silent';
    const answer = await served.post('/api/vouchers', { code: 'launch', amount: '1', limit: 1 });
    expect([500, 504]).toContain(answer.status);
    expect(answer.json.detail).toContain('It may have happened: ask again with the same request');
    expect(served.logged).toContainEqual(expect.objectContaining({ level: 'warn', message: 'a request failed' }));
  });

  it('says by which request id to ask again, if it made that itself', async () => {
    const engine = new UnreliableEngine();
    const served = await HttpInstance.start({ engine });
    await served.post('/api/vouchers', { code: 'launch', amount: '1', limit: 1 });
    engine.mode = 'no-accounts';
    const body = { code: 'launch', phone_number: '0912' };
    const { status, json } = await served.post('/api/vouchers/redeem', body);
    expect({ status, code: json.code }).toEqual({ status: 500, code: 'outcome_unknown' });
    engine.mode = 'well';
    const again = await served.post('/api/vouchers/redeem', { ...body, request_id: json.request_id });
    expect(again.json).toMatchObject({ request_id: json.request_id, redemption: 1 });
  });

  it('is not ready when the store does not answer at all', async () => {
    const engine = new UnreliableEngine();
    const served = await HttpInstance.start({ engine });
    engine.mode = 'hangs';
    await expect
      .poll(async () => (await served.get('/readyz')).json.detail, { timeout: 30_000 })
      .toBe('the store memory did not answer within 900 ms');
  });
});

describe('a connection whose request waits for the store', () => {
  const asked = 'GET /api/v1/accounts/a HTTP/1.1\r\nHost: x\r\n\r\n';
  const head = 'POST /generate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n';

  // An answer now would be taken for that of the request.
  it.each([
    ['is not HTTP', 'garbage\r\n\r\n'],
    ['asks for a tunnel', 'CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['has a broken body', `${head}Transfer-Encoding: chunked\r\n\r\nzz\r\n`],
    ['has a body that does not arrive', `${head}Content-Length: 2\r\n\r\n{`],
    ['is refused, and its body does not arrive', `${head.replace('generate', 'nowhere')}Content-Length: 2\r\n\r\n{`],
  ])('is closed without a word when what follows %s', async (_, next) => {
    const engine = new UnreliableEngine();
    const served = await HttpInstance.start({ engine, limits: { ...HTTP_LIMITS, headersMs: 600, requestMs: 1200 } });
    engine.mode = 'hangs';
    expect(await served.send(asked, next)).toBe('');
  });
});

describe('requests of a connection that is gone', () => {
  it('are not in flight any more, also those that waited for the answer before theirs', async () => {
    const engine = new UnreliableEngine();
    const served = await HttpInstance.start({ engine });
    engine.mode = 'hangs';
    const socket = connect(Number(new URL(served.url).port), '127.0.0.1').on('error', () => {});
    socket.write('GET /api/v1/accounts/a HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(5));
    const inFlight = async () => (await served.get('/state')).json.inFlight;
    await expect.poll(inFlight, { timeout: 30_000 }).toBe(6);
    socket.destroy();
    await expect.poll(inFlight, { timeout: 30_000 }).toBe(1);
  });
});

describe('requests that wait for new assignments', () => {
  it('leave half of the places to others', async () => {
    const served = await HttpInstance.start({ limits: { ...HTTP_LIMITS, inFlightMax: 4 } });
    const wait = () => served.get('/guid/assignments?service=s&wait=20');
    const waiting = [wait(), wait()];
    await expect.poll(async () => (await served.get('/state')).json.inFlight, { timeout: 30_000 }).toBe(3);
    expect(await wait()).toMatchObject({
      status: 503,
      json: { detail: expect.stringContaining('2 requests wait for new assignments already') },
    });
    expect((await served.post('/generate', {})).status).toBe(200);
    await served.instance.stop('the test wants it', 10_000);
    for (const { status } of await Promise.all(waiting)) expect(status).toBe(200);
  });
});

describe('an instance that ends', () => {
  it('leaves what it gives up without an answer: an error would say that nothing happened', async () => {
    const engine = new UnreliableEngine();
    const served = await HttpInstance.start({ engine });
    engine.mode = 'hangs';
    const body = '{"from":"a","to":"b","amount":"1","request_id":"r"}';
    const head = `POST /api/v1/transfers HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n`;
    const answer = served.send(`${head}Content-Length: ${body.length}\r\n\r\n${body}`);
    await expect.poll(async () => (await served.get('/state')).json.inFlight, { timeout: 30_000 }).toBe(2);
    await served.instance.stop('the test wants it', 50);
    expect(await answer).toBe('');
  });

  it('answers at once what waits for new assignments', async () => {
    const served = await HttpInstance.start();
    const waiting = served.get('/guid/assignments?service=s&wait=20');
    await expect.poll(async () => (await served.get('/state')).json.inFlight, { timeout: 30_000 }).toBe(2);
    // A request that still waits then is cut off.
    await served.instance.stop('the test wants it', 10_000);
    expect(await waiting).toMatchObject({ status: 200, json: { assignments: [] } });
  });

  it('gives its node number back, and closes the store', async () => {
    const engine = new UnreliableEngine();
    const served = await HttpInstance.start({ engine });
    const numbers = async () => {
      const list = await engine.list('', undefined, 100);
      const keys = list.kind === 'ok' ? list.keys : [];
      const texts = await Promise.all(keys.map((key) => engine.read(key)));
      return texts.flatMap((read) =>
        read.kind === 'found' && read.text.includes('"holder"') ? [JSON.parse(read.text).holder] : [],
      );
    };
    expect(await numbers()).toEqual([expect.stringContaining('i-')]);
    await served.instance.stop('the test wants it', 1000);
    expect(await numbers()).toEqual([null]);
    expect(engine.closed).toBe(true);
    await expect(served.get('/healthz')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});

describe('names', () => {
  it('of instances have 64 random bits', () => {
    const names = new Set(Array.from({ length: 1000 }, newInstanceId));
    expect(names.size).toBe(1000);
    for (const name of names) expect(name).toMatch(/^i-[a-z2-7]{13}$/);
  });

  it('of requests are UUIDs that tell their time', () => {
    const nowMs = Date.UTC(2026, 6, 1);
    const uuid = newUuid(nowMs);
    expect(uuid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(Number.parseInt(uuid.replaceAll('-', '').slice(0, 12), 16)).toBe(nowMs);
  });
});
