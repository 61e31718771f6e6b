/** Every route of the table, asked over HTTP of a real instance on a store in memory. */

import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { namesIn, type Route, SCOPES } from '../../src/api/route.ts';
import { ROUTES } from '../../src/api/routes/routes.ts';
import { SYSTEM_ROUTES } from '../../src/api/system-routes.ts';
import { type Answer, HttpInstance } from '../support/http-instance.ts';

const served = await HttpInstance.start();

/** The route of the table that a request is for. */
function routeOf(method: string, path: string): Route {
  const found = ROUTES.find(
    (route) =>
      route.method === method &&
      new RegExp(`^${route.path.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(path.split('?')[0] as string),
  );
  if (found === undefined) throw new Error(`no route for ${method} ${path}`);
  return found;
}

const tried = new Set<Route>();
const openApi = (await served.get('/openapi.json')).json;

/** An answer is one of those that /openapi.json tells of. */
function requireDocumented(method: string, path: string, { status, headers, json }: Answer): void {
  const { responses } = openApi.paths[path][method.toLowerCase()];
  const { content } = responses[status] ?? expect.fail(`${method} ${path} does not tell of ${status}`);
  const type = String(headers['content-type']).split(';')[0] as string;
  const { schema } = content[type] ?? expect.fail(`${method} ${path} does not tell of ${type} with ${status}`);
  const { $ref: place } = schema;
  const whole = place === undefined ? schema : openApi.components.schemas[place.split('/').at(-1)];
  expect(z.fromJSONSchema(whole).safeParse(json).error).toBeUndefined();
}

/** Asks, and checks a success against the declaration of the route. */
async function ask(method: string, path: string, body?: object, headers = {}): Promise<Answer> {
  const route = routeOf(method, path);
  const answer = await served.ask(method, path, { headers, ...(body && { body }) });
  requireDocumented(method, route.path, answer);
  if (answer.status < 300) {
    expect(answer.status).toBe(route.status);
    expect(answer.headers['content-type']).toBe('application/json');
    expect(z.strictObject(route.reply.shape).safeParse(answer.json).error).toBeUndefined();
    tried.add(route);
  } else {
    expect(answer.headers['content-type']).toBe('application/problem+json');
    const { status, detail, message, code, type, instance } = answer.json;
    expect({ status, message, type }).toEqual({
      status: answer.status,
      message: detail,
      type: `urn:snowstorm:problem:${code}`,
    });
    expect(instance).toBe(path.split('?')[0]);
  }
  return answer;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describe('ids', () => {
  it('are UUIDs from /generate, with or without a body', async () => {
    expect((await ask('POST', '/generate')).json.id).toMatch(UUID);
    expect((await ask('POST', '/generate', {})).json.id).toMatch(UUID);
    const { ids } = (await ask('POST', '/generate', { count: 3, kind: 'snowflake' })).json;
    expect(ids).toHaveLength(3);
    expect(new Set(ids).size).toBe(3);
    for (const id of ids) expect(id).toMatch(/^\d{18,20}$/);
  });

  it('are of the type asked for from /guid/generate, by the query or the body', async () => {
    expect((await ask('POST', '/guid/generate')).json.id).toMatch(/^\d+$/);
    expect((await ask('POST', '/guid/generate?type=uuid')).json.id).toMatch(UUID);
    expect((await ask('POST', '/guid/generate', { type: 'uuid' })).json.id).toMatch(UUID);
    expect((await ask('POST', '/guid/generate?type=uuid&count=2')).json.ids).toHaveLength(2);
    expect((await ask('POST', '/guid/generate?count=10000')).json.ids).toHaveLength(10_000);
    expect((await ask('POST', '/guid/generate?type=uuid', { type: 'uuid' })).status).toBe(200);
    expect((await ask('POST', '/guid/generate?type=uuid', { type: 'snowflake' })).json).toMatchObject({
      status: 400,
      code: 'type_invalid',
    });
  });

  it('that are assigned are told in one order, behind a cursor or that of a group', async () => {
    const service = 'ledger';
    const ids: string[] = [];
    for (const key of ['a', 'b', 'c']) ids.push((await ask('POST', '/guid/assign', { service, key })).json.id);
    const path = `/guid/assignments?service=${service}`;
    const first = (await ask('GET', `${path}&limit=2`)).json;
    expect(first.assignments).toEqual([
      { id: ids[0], key: 'a' },
      { id: ids[1], key: 'b' },
    ]);
    expect((await ask('GET', `${path}&after=${first.cursor}`)).json.assignments).toEqual([{ id: ids[2], key: 'c' }]);
    const { cursor } = first;
    const commit = { service, group: 'g', cursor };
    expect((await ask('POST', '/guid/assignments/commit', commit)).json).toEqual({ cursor });
    const rest = (await ask('GET', `${path}&group=g`)).json;
    expect(rest.assignments).toEqual([{ id: ids[2], key: 'c' }]);
    const waiting = ask('GET', `${path}&after=${rest.cursor}&wait=20`);
    const { id } = (await ask('POST', '/guid/assign', { service, key: 'd' })).json;
    expect((await waiting).json.assignments).toEqual([{ id, key: 'd' }]);
    expect((await ask('GET', `${path}&after=${rest.cursor}&group=g`)).status).toBe(400);
    expect((await ask('GET', `/guid/assignments?service=other&after=${rest.cursor}`)).json).toMatchObject({
      status: 400,
    });
  });

  it('tell when they were made, and what they are assigned to', async () => {
    const beforeMs = Date.now() - 10_000;
    const { id } = (await ask('POST', '/guid/assign', { service: 'payment', key: 'order-17' })).json;
    expect((await ask('POST', '/guid/assign', { service: 'payment', key: 'order-17' })).json).toEqual({ id });
    const { json } = await ask('GET', `/guid/status/${id}`);
    expect(json).toMatchObject({ id, kind: 'snowflake', assignment: { service: 'payment', key: 'order-17' } });
    expect(Date.parse(json.created_at)).toBeGreaterThan(beforeMs);
    expect((await ask('GET', '/guid/status/none')).json).toMatchObject({
      status: 400,
      code: 'malformed_request',
      error: { code: 12 },
    });
  });
});

describe('vouchers', () => {
  const redeem = (code: string, phone_number: string, more = {}, headers = {}) =>
    ask('POST', '/api/vouchers/redeem', { code, phone_number, ...more }, headers);

  it('are redeemed once by a phone number, until they are sold out', async () => {
    const terms = { code: 'launch', amount: '2.5', limit: 2 };
    expect((await ask('POST', '/api/vouchers', terms)).json).toEqual({ ...terms, amount: '2.50' });
    expect((await ask('POST', '/api/vouchers', terms)).status).toBe(201);
    expect((await ask('POST', '/api/vouchers', { ...terms, limit: 3 })).json).toMatchObject({
      status: 409,
      code: 'key_already_exists',
      error: { code: 21 },
    });
    const first = (await redeem('launch', '0912', { request_id: 'r1' })).json;
    expect(first).toEqual({ code: 'launch', phone_number: '0912', request_id: 'r1', redemption: 1, amount: '2.50' });
    expect((await redeem('launch', '0912', { request_id: 'r1' })).json).toEqual(first);
    expect((await redeem('launch', '0912', {}, { 'Idempotency-Key': 'r1' })).json).toEqual(first);
    expect((await redeem('launch', '0912')).json).toMatchObject({ status: 409, code: 'already_redeemed' });
    const second = (await redeem('launch', '+98912')).json;
    expect(second).toMatchObject({ redemption: 2 });
    expect(second.request_id).toMatch(UUID);
    expect((await redeem('launch', '0914')).json).toMatchObject({ status: 410, code: 'sold_out' });
    expect((await redeem('lunch', '0914')).json).toMatchObject({ status: 404, error: { code: 20 } });
    expect((await ask('GET', '/api/vouchers?code=launch')).json).toMatchObject({
      amount: '2.50',
      limit: 2,
      used: 2,
      left: 0,
    });
    expect((await ask('GET', '/api/wallets/0912')).json).toMatchObject({
      balance: '2.50',
      entries: [{ code: 'launch', request_id: 'r1', redemption: 1, amount: '2.50' }],
    });
  });

  it('list who redeemed them, by a query or by a body of the GET', async () => {
    await ask('POST', '/api/vouchers', { code: 'listed', amount: '1', limit: 9 });
    for (const phone of ['1', '2', '3']) await redeem('listed', phone, { request_id: `r${phone}` });
    const whole = (await ask('GET', '/api/vouchers/report?code=listed')).json;
    expect(whole).toMatchObject({ code: 'listed', length: 3 });
    expect(whole.redemptions[0]).toEqual({ redemption: 1, phone_number: '1', request_id: 'r1' });
    const page = (await ask('GET', '/api/vouchers/report?code=listed&limit=1&offset=1')).json;
    expect(page.redemptions).toEqual([whole.redemptions[1]]);
    expect((await ask('GET', '/api/vouchers/report', { code: 'listed', limit: 1, offset: 1 })).json).toEqual(page);
    expect((await ask('GET', '/api/vouchers/report?code=none')).status).toBe(404);
  });
});

describe('transfers', () => {
  const transfer = (body: object, headers = {}) => ask('POST', '/api/v1/transfers', body, headers);

  it('move money once, however often they are asked for', async () => {
    expect((await ask('POST', '/api/v1/accounts', { name: 'ada', balance: '10' })).json).toEqual({
      name: 'ada',
      balance: '10.00',
    });
    await ask('POST', '/api/v1/accounts', { name: 'bob', balance: 0 });
    const body = { from: 'ada', to: 'bob', amount: '0.5', request_id: 'e58ed763-928c-4155-bee9-fdbaaadc15f3' };
    const done = { request_id: body.request_id, from: 'ada', amount: '0.50', to: 'bob' };
    for (let round = 0; round < 3; round++) expect((await transfer(body)).json).toEqual(done);
    expect((await ask('GET', '/api/v1/accounts/ada')).json).toEqual({ name: 'ada', balance: '9.50' });
    expect((await ask('GET', '/api/v1/accounts/bob')).json).toEqual({ name: 'bob', balance: '0.50' });
    expect((await ask('GET', `/api/v1/transfers/${body.request_id}`)).json).toMatchObject({ state: 'committed' });
    expect((await transfer({ ...body, amount: '0.6' })).json).toMatchObject({
      status: 409,
      code: 'precondition_failed',
      error: { code: 22 },
    });
  });

  it('are told to be aborted if there is not enough money', async () => {
    await ask('POST', '/api/v1/accounts', { name: 'poor', balance: '1' });
    await ask('POST', '/api/v1/accounts', { name: 'rich', balance: '0' });
    const body = { from: 'poor', to: 'rich', amount: '1.01', request_id: 'too much' };
    expect((await transfer(body)).json).toMatchObject({
      status: 422,
      code: 'insufficient_funds',
      reason: 'insufficient funds',
      request_id: 'too much',
    });
    expect((await ask('GET', '/api/v1/transfers/too%20much')).json).toMatchObject({
      request_id: 'too much',
      state: 'aborted',
      reason: 'insufficient funds',
    });
    expect((await ask('GET', '/api/v1/transfers/none')).json).toMatchObject({ status: 404, error: { code: 20 } });
    expect((await transfer({ ...body, from: 'nobody', request_id: 'x' })).status).toBe(404);
  });

  it('take a request id of up to 255 characters, and find it again', async () => {
    await ask('POST', '/api/v1/accounts', { name: 'long', balance: '5' });
    await ask('POST', '/api/v1/accounts', { name: 'short', balance: '0' });
    const body = { from: 'long', to: 'short', amount: '1' };
    const key = 'k'.repeat(255);
    expect((await transfer(body, { 'Idempotency-Key': key })).json.request_id).toBe(key);
    expect((await transfer({ ...body, request_id: key })).status).toBe(201);
    expect((await ask('GET', `/api/v1/transfers/${key}`)).json).toMatchObject({ request_id: key, state: 'committed' });
    expect((await ask('GET', `/api/v1/transfers/${'k'.repeat(254)}`)).status).toBe(404);
    // Only the first character differs: it is another request.
    expect((await transfer({ ...body, request_id: `j${key.slice(1)}` })).status).toBe(201);
    expect((await ask('GET', '/api/v1/accounts/short')).json.balance).toBe('2.00');
    expect((await transfer(body, { 'Idempotency-Key': `${key}k` })).json).toMatchObject({ code: 'request_id_invalid' });
  });

  it('take a key in quotes as the text in them, and refuse one that is not ASCII', async () => {
    const body = { from: 'long', to: 'short', amount: '1' };
    expect((await transfer(body, { 'Idempotency-Key': '"quoted"' })).json.request_id).toBe('quoted');
    // What UTF-8 sends for an umlaut. Read as Latin-1, it would be another request id than the same text in the body.
    const { status, json } = await transfer(body, { 'Idempotency-Key': Buffer.from('ä').toString('latin1') });
    expect({ status, code: json.code, detail: json.detail }).toEqual({
      status: 400,
      code: 'request_id_invalid',
      detail: 'Idempotency-Key: expected ASCII characters only; the field request_id takes any text',
    });
  });

  it('refuse as the seed system does', async () => {
    const good = { from: 'ada', to: 'bob', amount: '0.5', request_id: 'r' };
    const { from: _from, ...noFrom } = good;
    const { to: _to, ...noTo } = good;
    const { request_id: _id, ...noId } = good;
    const { amount: _amount, ...noAmount } = good;
    for (const [body, code] of [
      [noId, 'request_id_invalid'],
      [{ ...good, request_id: '' }, 'request_id_invalid'],
      [{ ...good, request_id: 7 }, 'request_id_invalid'],
      [noFrom, 'from_required'],
      [{ ...good, from: '' }, 'from_required'],
      [{ ...good, from: null }, 'from_invalid'],
      [noTo, 'to_required'],
      [noAmount, 'amount_required'],
      [{ ...good, amount: '0' }, 'amount_lt_min'],
      [{ ...good, amount: '-1' }, 'amount_lt_min'],
      [{ ...good, amount: '0.001' }, 'amount_invalid'],
      [{ ...good, amount: '1e3' }, 'amount_invalid'],
      [{ ...good, amount: 'lots' }, 'amount_invalid'],
      [{ ...good, amount: '99999999999999999999' }, 'amount_invalid'],
      [{ ...good, currency: 'EUR' }, 'unknown_field'],
      [{ ...good, to: 'ada' }, 'malformed_request'],
    ] as const) {
      const { status, json } = await transfer(body);
      expect({ status, code: json.code }, JSON.stringify(body)).toEqual({ status: 400, code });
    }
    expect((await transfer({ ...good, currency: 'EUR' })).json.detail).toBe(
      'currency: is no field of this request; known: request_id, from, to, amount',
    );
    expect((await transfer(good, { 'Idempotency-Key': 'other' })).json).toMatchObject({
      status: 400,
      code: 'request_id_invalid',
      detail: 'request_id: is given twice with different values, in the body and in the header Idempotency-Key',
    });
  });
});

describe('profiles', () => {
  it('are accounts that transactions change, against the house', async () => {
    const profile = '/api/profiles/09120001';
    expect((await ask('GET', profile)).status).toBe(404);
    const opened = await ask('POST', '/api/profiles', { phone_number: '09120001', balance: '10.00' });
    expect(opened.json).toEqual({ phone_number: '09120001', balance: '10.00' });
    await ask('POST', '/api/v1/accounts', { name: 'counter', balance: '0' });
    const transact = (amount: unknown, request_id?: string) =>
      ask('POST', '/api/transactions', { phone_number: '09120001', amount, ...(request_id && { request_id }) });
    expect((await transact('2.5', 't1')).json).toEqual({
      request_id: 't1',
      phone_number: '09120001',
      amount: '2.50',
    });
    expect((await transact('2.5', 't1')).status).toBe(200);
    expect((await transact(-4, 't2')).json.amount).toBe('-4.00');
    expect((await ask('GET', profile)).json).toEqual({ phone_number: '09120001', balance: '8.50' });
    expect((await ask('GET', '/api/v1/accounts/house')).json.balance).toBe('100000000001.50');
    expect((await transact('-8.51', 't3')).json).toMatchObject({ status: 422, code: 'insufficient_funds' });
    expect((await transact('0', 't4')).json).toMatchObject({ status: 400, code: 'amount_lt_min' });
    expect((await transact('1')).json).toMatchObject({ status: 400, code: 'request_id_invalid' });
    expect((await ask('POST', '/api/transactions', { phone_number: '777', amount: 1, request_id: 't5' })).status).toBe(
      404,
    );
  });

  it('can spend what a voucher has credited', async () => {
    await ask('POST', '/api/vouchers', { code: 'gift', amount: '5.00', limit: 1 });
    await ask('POST', '/api/vouchers/redeem', { code: 'gift', phone_number: '0555', request_id: 'g1' });
    await expect
      .poll(async () => (await ask('GET', '/api/profiles/0555')).json.balance, { timeout: 30_000 })
      .toBe('5.00');
    expect((await ask('POST', '/api/profiles', { phone_number: '0555' })).status).toBe(200);
    await ask('POST', '/api/v1/accounts', { name: 'shop', balance: '0' });
    const body = { from: '0555', to: 'shop', amount: '4.99', request_id: 'g2' };
    expect((await ask('POST', '/api/v1/transfers', body)).status).toBe(201);
    expect((await ask('GET', '/api/profiles/0555')).json.balance).toBe('0.01');
    expect((await ask('GET', '/api/wallets/0555')).json).toMatchObject({
      balance: '0.01',
      entries: [{ code: 'gift' }],
    });
  });

  it('are deleted when they are empty, and another one needs a request id', async () => {
    const profile = '/api/profiles/0777';
    const erase = (request_id: string) => ask('DELETE', `${profile}?request_id=${request_id}`);
    expect((await erase('d1')).json).toMatchObject({ status: 404, request_id: 'd1' });
    await ask('POST', '/api/profiles', { phone_number: '0777', balance: '1.00', request_id: 'o1' });
    const full = { status: 409, code: 'precondition_failed', detail: expect.stringMatching(/not empty/) };
    expect((await erase('d1')).json).toMatchObject(full);
    await ask('POST', '/api/v1/transfers', { from: '0777', to: 'house', amount: '1', request_id: 'd0' });
    expect((await erase('d1')).json).toEqual({ request_id: 'd1' });
    expect((await erase('d1')).json).toEqual({ request_id: 'd1' });
    expect((await ask('DELETE', profile, undefined, { 'Idempotency-Key': 'd1' })).json).toEqual({ request_id: 'd1' });
    expect((await ask('DELETE', profile)).json).toMatchObject({ status: 404, request_id: expect.stringMatching(UUID) });
    expect((await ask('GET', profile)).status).toBe(404);
    expect((await ask('POST', '/api/profiles', { phone_number: '0777', balance: '1.00' })).status).toBe(409);
    const late = await ask('POST', '/api/profiles', { phone_number: '0777', balance: '1.00', request_id: 'o1' });
    expect(late.status).toBe(409);
    const opened = await ask('POST', '/api/profiles', { phone_number: '0777', request_id: 'o2' });
    expect(opened.json).toEqual({ phone_number: '0777', balance: '0.00' });
  });

  it.each(['house', '', '0912 3', '++1', '١٢٣', '1'.repeat(33), '0912\u0000'])(
    'have no phone number %j',
    async (text) => {
      const { json } = await ask('POST', '/api/profiles', { phone_number: text });
      expect(json).toMatchObject({ status: 400, code: expect.stringMatching(/^phone_number_(?:invalid|required)$/) });
    },
  );
});

describe('the service itself', () => {
  it.each(SYSTEM_ROUTES.filter(({ method }) => method === 'GET').map(({ path }) => path))(
    'answers %s as documented',
    async (path) => {
      const { status, headers } = await served.get(path);
      expect(status).toBe(200);
      const documented = openApi.paths[path].get.responses[200].content;
      expect(Object.keys(documented)).toEqual([String(headers['content-type']).split(';')[0]]);
    },
  );

  it.each([
    [{ type: 'generate' }, 200],
    [{ type: 'generate', count: 0 }, 400],
    [{ type: 'unknown' }, 404],
    [{ type: 'voucher_read', code: 'none' }, 404],
  ])('answers %j at /rpc as documented', async (body, status) => {
    const answer = await served.post('/rpc', body);
    expect(answer.status).toBe(status);
    requireDocumented('POST', '/rpc', answer);
  });
});

describe('the table of routes', () => {
  it('was tried as a whole', () => {
    expect(ROUTES.filter((route) => !tried.has(route)).map(({ path }) => path)).toEqual([]);
  });

  it('has each route once, with a scope, and fields for all names in its path', () => {
    expect(new Set(ROUTES.map(({ method, path }) => `${method} ${path}`)).size).toBe(ROUTES.length);
    for (const { path, fields, scope, query } of ROUTES) {
      expect(SCOPES).toContain(scope);
      expect(Object.keys(fields)).toEqual(expect.arrayContaining([...namesIn(path), ...query]));
    }
  });
});

describe('a query', () => {
  it.each([
    ['/api/vouchers', 'code_required'],
    ['/api/vouchers?code=', 'code_required'],
    ['/api/vouchers?code=a&code=a', 'code_invalid'],
    ['/api/vouchers?code=a&limit=1', 'unknown_field'],
    ['/api/vouchers?code=%zz', 'query_invalid'],
    ['/api/vouchers?__proto__=1', 'unknown_field'],
    ['/api/vouchers/report?code=a&limit=x', 'limit_invalid'],
    ['/api/vouchers/report?code=a&limit=1e1', 'limit_invalid'],
    ['/api/vouchers/report?code=a&limit=0', 'limit_invalid'],
    ['/api/vouchers/report?code=a&limit=1001', 'limit_invalid'],
    ['/api/vouchers/report?code=a&offset=-1', 'offset_invalid'],
    [`/api/vouchers?${'x=1&'.repeat(40)}`, 'query_invalid'],
    ['/guid/status/1?guid=2', 'unknown_field'],
  ])('%s gets 400 with the name of what is wrong', async (path, code) => {
    const { status, json } = await ask('GET', path);
    expect({ status, code: json.code }).toEqual({ status: 400, code });
  });

  it('with a field of the body is told where the field belongs', async () => {
    expect((await ask('POST', '/generate?count=3')).json.detail).toBe(
      'count: is no query parameter of this request; it belongs into the body',
    );
  });
});

describe('a number', () => {
  const send = (path: string, body: string) =>
    served.ask('POST', path, { body, headers: { 'Content-Type': 'application/json' } });

  it.each([
    ['/generate', '{"count":1.5}', 'count: expected an integer, without a point or an exponent'],
    ['/generate', '{"count":1e2}', 'count: expected an integer, without a point or an exponent'],
    ['/guid/assign', '{"service":"a","key":1.5}', 'key: expected string, received number'],
    ['/rpc', '{"type":"generate","count":1.5}', undefined],
  ])('%s %s is refused in words that a client knows', async (path, body, detail) => {
    const { status, json, text } = await send(path, body);
    expect(status).toBe(400);
    expect(json.detail).toBe(detail);
    expect(text).not.toContain('DecimalNumber');
  });
});

describe('a body', () => {
  const send = (body: string | Buffer) =>
    served.ask('POST', '/api/v1/accounts', { body, headers: { 'Content-Type': 'application/json; charset=UTF-8' } });

  it.each([
    ['[]', 'the body must be a JSON object'],
    ['null', 'the body must be a JSON object'],
    ['{', 'the body is not accepted as JSON: expected a key in quotes at the end'],
    ['{"name":"a","name":"b","balance":1}', 'the key "name" occurs twice'],
    ['{"a":'.repeat(2000), 'nests deeper than'],
  ])('%.20s gets 400', async (body, says) => {
    const { status, json } = await send(body);
    expect({ status, code: json.code }).toEqual({ status: 400, code: 'body_invalid' });
    expect(json.detail).toContain(says);
  });

  it('that is not UTF-8 gets 400', async () => {
    const { json } = await send(Buffer.from('{"name":"\xe4","balance":1}', 'latin1'));
    expect(json).toMatchObject({ status: 400, detail: 'the body is not UTF-8' });
  });

  it('with a name that is not well-formed gets 400', async () => {
    expect((await send('{"name":"\\ud800","balance":1}')).json).toMatchObject({ status: 400, error: { code: 12 } });
  });
});
