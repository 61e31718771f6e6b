/** What requests leave in the audit, and what `GET /audit` tells of it; and that neither names a person. */

import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { isAudited } from '../../src/api/audited.ts';
import { keyedChainHash } from '../../src/host/audit-hash.ts';
import { readTokenKey } from '../../src/host/http/jwt.ts';
import { MemoryEngine } from '../../src/kv/memory-engine.ts';
import type { StoreReplace, Token } from '../../src/kv/store.ts';
import { RpcError } from '../../src/protocol/errors.ts';
import { SERVED_WORKLOADS } from '../../src/workloads/nodes.ts';
import { AUDIT_SECRET } from '../support/audit-rig.ts';
import { HttpInstance } from '../support/http-instance.ts';

const SECRET = 'a secret of at least 32 bytes, for tests';
const audit = { hash: keyedChainHash(Buffer.from(AUDIT_SECRET)), retainMs: undefined };

function bearer(subject: string, scope = 'ids vouchers wallets transfers audit'): Record<string, string> {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { sub: subject, scope, exp: Math.floor(Date.now() / 1000) + 60 };
  const signed = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(claims)}`;
  return { Authorization: `Bearer ${signed}.${createHmac('sha256', SECRET).update(signed).digest('base64url')}` };
}

const tokens = { keys: [readTokenKey(Buffer.from(SECRET))], audience: undefined, issuer: undefined };

/** What the store holds of the audit, as one text. */
async function auditOf(engine: MemoryEngine): Promise<string> {
  const list = await engine.list('audit', undefined, 1000);
  const keys = list.kind === 'ok' ? list.keys : [];
  const reads = await Promise.all(keys.map((key) => engine.read(key)));
  return reads.map((read) => (read.kind === 'found' ? read.text : '')).join('\n');
}

describe('a change', () => {
  it('is told with who, what, parameters, outcome, request id and trace, by every route', async () => {
    const served = await HttpInstance.start({ audit, tokens });
    const shop = bearer('shop');
    const trace = '0af7651916cd43dd8448eb211c80319c';
    const all = { ...shop, traceparent: `00-${trace}-b7ad6b7169203331-01` };
    await served.post('/api/v1/accounts', { name: 'ada', balance: '10' }, all);
    await served.post('/api/v1/accounts', { name: 'bob', balance: '0' }, all);
    await served.post('/api/v1/transfers', { from: 'ada', to: 'bob', amount: '2.5', request_id: 't-1' }, all);
    await served.post('/api/v1/transfers', { from: 'ada', to: 'bob', amount: '99', request_id: 't-2' }, all);
    await served.post('/api/vouchers', { code: 'launch', amount: '1', limit: 1 }, all);
    await served.post('/api/vouchers/redeem', { phone_number: '+491', code: 'launch', request_id: 'v-1' }, all);
    await served.post('/api/vouchers/redeem', { phone_number: '+492', code: 'launch', request_id: 'v-2' }, all);
    await served.post('/api/profiles', { phone_number: '+493' }, all);
    await served.post('/api/transactions', { phone_number: '+493', amount: '5', request_id: 'x-1' }, all);
    await served.post('/guid/assign', { service: 'orders', key: 'k' }, all);
    const legs = [
      { account: 'ada', amount: -1 },
      { account: 'bob', amount: 1 },
    ];
    await served.post('/rpc', { type: 'transfer', request_id: 't-3', legs }, all);
    await served.post('/rpc', { type: 'account_close', account: 'nobody' }, all);
    // These change nothing.
    await served.post('/generate', {}, all);
    await served.get('/api/v1/accounts/ada', all);
    await served.post('/api/v1/transfers', { from: 'ada', to: 'bob', amount: '-1', request_id: 't-4' }, all);
    await expect
      .poll(async () => (await served.get('/audit', shop)).json.changes.every((one: object) => 'ended' in one))
      .toBe(true);
    const { status, json } = await served.get('/audit', shop);
    expect(status).toBe(200);
    const told = json.changes.map((change: Record<string, unknown>) => [
      change.route,
      change.what,
      change.outcome,
      change.request_id,
    ]);
    expect(told).toEqual([
      ['POST /api/v1/accounts', 'account_open', 'ok', undefined],
      ['POST /api/v1/accounts', 'account_open', 'ok', undefined],
      ['POST /api/v1/transfers', 'transfer', 'committed', 't-1'],
      ['POST /api/v1/transfers', 'transfer', 'aborted', 't-2'],
      ['POST /api/vouchers', 'voucher_create', 'ok', undefined],
      ['POST /api/vouchers/redeem', 'redeem', 'redeemed', 'v-1'],
      ['POST /api/vouchers/redeem', 'redeem', 'sold_out', 'v-2'],
      ['POST /api/profiles', 'account_open', 'ok', undefined],
      ['POST /api/transactions', 'account_open', 'ok', undefined],
      ['POST /api/transactions', 'transfer', 'committed', 'x-1'],
      ['POST /guid/assign', 'guid_assign', 'ok', undefined],
      ['POST /rpc', 'transfer', 'committed', 't-3'],
      ['POST /rpc', 'account_close', 'refused', undefined],
    ]);
    const hash = expect.stringMatching(/^p-[\w-]{22}$/);
    expect(json.changes[2]).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}\/\d+$/),
      time: expect.stringMatching(/^2\d{3}-/),
      ended: expect.any(String),
      who: 'sub:shop',
      what: 'transfer',
      route: 'POST /api/v1/transfers',
      with: { from: hash, to: hash, amount: 250 },
      request_id: 't-1',
      trace,
      outcome: 'committed',
    });
    expect(json.changes[3].result).toEqual({ reason: 'insufficient funds' });
    expect(json.changes[5]).toMatchObject({
      with: { code: 'launch', user: hash },
      result: { redemption: 1, credited: 100 },
    });
    expect(json.changes[11].with).toEqual({ legs: legs.map(({ amount }) => ({ account: hash, amount })) });
    // One name has one hash.
    expect(json.changes[2].with.from).toBe(json.changes[0].with.account);
    const one = await served.get('/audit?about=ada&what=transfer&limit=1', shop);
    expect(one.json.changes.length).toBe(1);
    const rest = await served.get(`/audit?about=ada&what=transfer&after=${one.json.next}`, shop);
    expect(rest.json.changes.map(({ request_id }: { request_id: string }) => request_id)).toEqual(['t-2', 't-3']);
    for (const [query, count] of [
      ['who=sub:shop', 13],
      ['who=sub:other', 0],
      ['request_id=v-2', 1],
      ['from=2020-01-01&to=2021-01-01', 0],
      ['from=2020-01-01T00:00Z', 13],
      ['about=%2B493', 2],
    ] as const)
      expect((await served.get(`/audit?${query}`, shop)).json.changes.length, query).toBe(count);
  });

  it('is audited for every message that changes money, vouchers or ids, and for no other', () => {
    const rpcs = SERVED_WORKLOADS.filter(({ name }) => ['ids', 'voucher', 'saga'].includes(name)).flatMap(
      (w) => w.rpcs,
    );
    const types = [...new Set(rpcs.map(({ type }) => type))];
    expect(types.filter(isAudited).sort()).toEqual([
      'account_close',
      'account_erase',
      'account_open',
      'guid_assign',
      'redeem',
      'transfer',
      'voucher_create',
    ]);
    // They read. A new id that is not assigned to anything changes nothing in the store.
    expect(types.filter((type) => !isAudited(type)).sort()).toEqual([
      'audit',
      'generate',
      'guid_assignments',
      'guid_commit',
      'guid_status',
      'transfer_status',
      'voucher_read',
      'voucher_report',
      'wallet_read',
    ]);
  });
});

describe('GET /audit', () => {
  it('needs a scope of its own', async () => {
    const served = await HttpInstance.start({ audit, tokens });
    expect((await served.get('/audit')).status).toBe(401);
    const other = await served.get('/audit', bearer('shop', 'ids vouchers wallets transfers'));
    expect(other.json).toMatchObject({ status: 403, detail: 'the token lacks the scope audit' });
    expect((await served.get('/audit', bearer('shop', 'audit'))).json).toEqual({ changes: [] });
  });

  it('refuses what it does not understand', async () => {
    const served = await HttpInstance.start({ audit });
    for (const [query, text] of [
      ['from=yesterday', 'from: expected a day such as 2026-01-31'],
      ['from=2026-02-30', 'from: expected a day'],
      ['what=generate', 'what: expected the type of a message that is audited'],
      ['after=x', 'after: expected `next` of an earlier answer'],
      ['limit=1001', 'limit: '],
      ['whom=x', 'whom: is no query parameter'],
    ] as const)
      expect((await served.get(`/audit?${query}`)).json).toMatchObject({
        status: 400,
        detail: expect.stringContaining(text),
      });
  });

  it('is not there without --audit', async () => {
    const served = await HttpInstance.start();
    expect((await served.get('/audit')).status).toBe(404);
    expect((await served.get('/openapi.json')).text).not.toContain('/audit');
  });
});

describe('a store that takes no audit', () => {
  it('gets no change: nothing is done that is not recorded', async () => {
    class NoPages extends MemoryEngine {
      isAway = false;
      override async replace(key: string, from: Token | null, text: string): Promise<StoreReplace> {
        if (!this.isAway || !key.startsWith('audit/')) return super.replace(key, from, text);
        return { kind: 'unavailable', error: RpcError.of('temporarily-unavailable', 'the store is away') };
      }
    }
    const engine = new NoPages();
    const served = await HttpInstance.start({ audit, engine });
    await served.post('/api/v1/accounts', { name: 'ada', balance: '10' });
    engine.isAway = true;
    const refused = await served.post('/api/v1/accounts', { name: 'bob', balance: '10' });
    expect(refused.json).toMatchObject({
      status: 503,
      detail: expect.stringContaining('it could not be audited, so it was not done'),
    });
    expect((await served.get('/api/v1/accounts/ada')).status).toBe(200);
    engine.isAway = false;
    expect((await served.get('/api/v1/accounts/bob')).status).toBe(404);
  });
});

describe('personal data', () => {
  const names = ['Ada Lovelace', 'grace@example.org', 'Ümläut Straße'];
  const phones = ['+493012345678', '15551234567', '+4915112345'];

  it('in the subject of a token is hashed if the request is about it', async () => {
    const engine = new MemoryEngine();
    const served = await HttpInstance.start({ audit, tokens, engine });
    const till = bearer('the till of Ada');
    await served.post('/api/v1/accounts', { name: 'Ada', balance: '10' }, till);
    await served.post('/api/v1/accounts', { name: 'Bob', balance: '10' }, till);
    const whose = async (query: string) =>
      (await served.get(`/audit?${query}`, till)).json.changes.map(({ who }: { who: string }) => who);
    const all = [expect.stringMatching(/^sub:p-[\w-]{22}$/), 'sub:the till of Ada'];
    expect(await whose('')).toEqual(all);
    expect(await whose('who=sub:the%20till%20of%20Ada')).toEqual(all);
  });

  it('is neither in the log nor in the audit, however requests name it', { timeout: 60_000 }, async () => {
    const engine = new MemoryEngine();
    const served = await HttpInstance.start({ audit, tokens, engine, logsRequests: true, hashesSubjects: true });
    const [ada = '', grace = '', third = ''] = names;
    const [phone = '', other = '', last = ''] = phones;
    const subjects = [phone, 'the till of Ada Lovelace', grace, 'shop'].map((subject) => bearer(subject));
    await Promise.all(
      subjects.map(async (token, index) => {
        const id = (text: string) => `${text}-${index}`;
        const odd = { ...token, 'X-Request-Id': phone };
        for (const name of names) await served.post('/api/v1/accounts', { name, balance: '10' }, odd);
        await served.post('/api/v1/transfers', { from: ada, to: grace, amount: '1', request_id: id(`${ada}→`) }, odd);
        await served.post('/api/v1/transfers', { from: ada, to: third, amount: '99', request_id: phone }, odd);
        await served.post(
          '/api/v1/transfers',
          { from: ada, to: 'Mallory Missing', amount: '1', request_id: id('t') },
          odd,
        );
        await served.post('/api/vouchers', { code: 'launch', amount: '1', limit: 2 }, odd);
        for (const phone_number of phones) {
          await served.post('/api/profiles', { phone_number }, odd);
          await served.post(
            '/api/vouchers/redeem',
            { phone_number, code: 'launch', request_id: id(phone_number) },
            odd,
          );
          await served.post('/api/transactions', { phone_number, amount: '-1', request_id: id(`x${last}`) }, odd);
          await served.get(`/api/profiles/${phone_number}`, odd);
        }
        await served.post('/rpc', { type: 'redeem', code: other, user: other, request_id: id('c') }, odd);
        await served.post('/rpc', { type: 'account_close', account: grace }, odd);
        await served.post('/guid/assign', { service: 'mail', key: grace }, odd);
        await served.post('/rpc', { type: 'transfer', request_id: 7, from: ada }, odd);
      }),
    );
    const auditor = bearer('auditor');
    const answers = [
      (await served.get('/audit?limit=1000', auditor)).text,
      (await served.get(`/audit?about=${encodeURIComponent(ada)}`, auditor)).text,
    ];
    expect(JSON.parse(answers[0] as string).changes.length).toBeGreaterThan(60);
    expect(JSON.parse(answers[1] as string).changes.length).toBeGreaterThan(4);
    const state = (await served.get('/state', auditor)).text + (await served.get('/metrics', auditor)).text;
    const texts = { log: JSON.stringify(served.logged), audit: await auditOf(engine), answers: answers.join(), state };
    expect(texts.log).toContain('POST');
    expect(texts.audit).toContain('voucher_create');
    for (const [place, text] of Object.entries(texts)) {
      for (const secret of [...names, ...phones, 'Mallory', 'Lovelace', 'example.org', '3012345678', '5551234567'])
        for (const form of [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)])
          expect(text.includes(form), `${form} in ${place}`).toBe(false);
    }
  });
});
