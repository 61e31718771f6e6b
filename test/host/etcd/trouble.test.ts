/** Members that fail: what a call ends with, who is asked next, and how often a write is sent. */

import { type AddressInfo, createServer } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { EtcdEngine } from '../../../src/host/etcd/engine.ts';
import type { Token } from '../../../src/kv/store.ts';
import { openEngine, openScripted, SHORT_TIMEOUT_MS, startGateway, tokenOf } from '../../support/etcd-engine.ts';
import {
  type Fate,
  gatewayError,
  NO_LEADER,
  NO_SPACE,
  type ScriptedGateway,
  ScriptedStore,
  TIMED_OUT,
} from '../../support/scripted-gateway.ts';

const BROKEN: Fate = { status: 502, body: '<html>Bad Gateway</html>' };

/** Two members of one store. The first is asked first. */
async function openTwo(options: Parameters<typeof openEngine>[1] = {}) {
  const store = new ScriptedStore();
  const [first, second] = [await startGateway(store), await startGateway(store)];
  const warnings: string[] = [];
  const warn = (text: string) => warnings.push(text);
  const engine = await openEngine([first.url, second.url], { warn, ...options });
  first.requests.length = 0;
  return { first, second, engine, warnings, store };
}

const requestCounts = (...gateways: readonly ScriptedGateway[]) => gateways.map(({ requests }) => requests.length);

describe('a write', () => {
  it.each<readonly [string, Fate, string]>([
    ['no leader', NO_LEADER, 'unavailable'],
    ['not permitted', gatewayError(403, 7, 'etcdserver: permission denied'), 'unavailable'],
    ['too large', gatewayError(400, 3, 'etcdserver: request is too large'), 'unavailable'],
    ['bad token', gatewayError(401, 16, 'etcdserver: invalid auth token'), 'unavailable'],
    ['timed out within etcd', TIMED_OUT, 'silent'],
    ['database space exceeded', NO_SPACE, 'silent'],
    ['too many requests', gatewayError(429, 8, 'etcdserver: too many requests'), 'silent'],
    ['deadline exceeded', gatewayError(504, 4, 'context deadline exceeded'), 'silent'],
    ['another server in between', BROKEN, 'silent'],
    ['a connection that breaks', 'lose', 'silent'],
    ['a lost answer', 'lose-answer', 'silent'],
  ])('ends by its failure: %s', async (_, fate, kind) => {
    const { gateway, engine } = await openScripted();
    gateway.next(fate);
    const result = await engine.replace('k', null, 'one');
    expect(result).toMatchObject({ kind, error: { message: expect.stringMatching(/^etcd: ./) } });
    expect(gateway.requests).toHaveLength(1);
    // What the outcome says of the error's code must agree: documents pass the text on, others the code.
    if (result.kind !== 'ok') expect(result.error.definite).toBe(kind === 'unavailable');
  });

  it.each<readonly [string, Fate]>([
    ['no answer', 'hang'],
    ['a broken connection', 'lose'],
    ['a lost answer', 'lose-answer'],
    ['a timeout within etcd', TIMED_OUT],
    ['another server in between', BROKEN],
  ])('is never sent to a second member after %s', async (_, fate) => {
    const { first, second, engine } = await openTwo({ timeoutMs: SHORT_TIMEOUT_MS });
    first.decide = () => fate;
    expect(await engine.replace('k', null, 'one')).toMatchObject({ kind: 'silent' });
    expect(requestCounts(first, second)).toEqual([1, 0]);
  });

  it('goes to the next member where the first refuses connections', async () => {
    const { first, second, engine, warnings } = await openTwo();
    await first.close();
    await connectionsAreGone();
    expect(await engine.replace('k', null, 'one')).toMatchObject({ kind: 'ok' });
    expect(second.requests).toHaveLength(1);
    expect(engine.figures()).toMatchObject({ failovers: 1, timeouts: 0 });
    expect(warnings).toEqual([expect.stringMatching(new RegExp(`^etcd member ${first.url} failed: .*ECONNREFUSED`))]);
    await first.listen();
  });

  it('goes to the next member where the first has no leader', async () => {
    const { first, second, engine } = await openTwo();
    first.decide = () => NO_LEADER;
    expect(await engine.replace('k', null, 'one')).toMatchObject({ kind: 'ok' });
    expect(requestCounts(first, second)).toEqual([1, 1]);
    for (const { headers } of first.requests) expect(headers['grpc-metadata-hasleader']).toBe('true');
  });

  it('goes to the next member where the first is a learner, which has no vote yet', async () => {
    const { first, second, engine } = await openTwo();
    first.decide = () => gatewayError(400, 9, 'etcdserver: rpc not supported for learner');
    expect(await engine.replace('k', null, 'one')).toMatchObject({ kind: 'ok' });
    expect(requestCounts(first, second)).toEqual([1, 1]);
  });

  it('goes to the next member where the first takes connections and never gets one ready', async () => {
    const silent = createServer();
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void silent.close());
    const gateway = await startGateway();
    // It never greets, so TLS is never ready.
    const { port } = silent.address() as AddressInfo;
    const endpoints = [`https://127.0.0.1:${port}`, gateway.url];
    const engine = await openEngine(endpoints, { timeoutMs: 4 * SHORT_TIMEOUT_MS });
    expect(await engine.replace('k', null, 'one')).toMatchObject({ kind: 'ok' });
    expect(engine.figures()).toMatchObject({ failovers: 1, timeouts: 0 });
  });

  it('is certainly not done if no member takes a connection', async () => {
    const { first, second, engine } = await openTwo();
    await Promise.all([first.close(), second.close()]);
    await connectionsAreGone();
    const result = await engine.replace('k', null, 'one');
    expect(result).toMatchObject({ kind: 'unavailable', error: { message: expect.stringMatching(/ECONNREFUSED/) } });
    expect(await engine.read('k')).toMatchObject({ kind: 'failed' });
    await Promise.all([first.listen(), second.listen()]);
  });

  it('that is not answered in time is silent, and may be carried out later', async () => {
    const { gateway, engine } = await openScripted({ timeoutMs: SHORT_TIMEOUT_MS });
    let release = () => {};
    gateway.next(new Promise<void>((resolve) => (release = resolve)));
    const result = await engine.replace('k', null, 'one');
    expect(result).toMatchObject({
      kind: 'silent',
      error: { message: expect.stringMatching(/no answer within 250 ms/) },
    });
    expect(engine.figures()).toMatchObject({ timeouts: 1, 'replaces-silent': 1 });
    release();
    await expect.poll(() => engine.read('k')).toMatchObject({ text: 'one' });
  });

  it.each(['', '0', 'abc', '-1', '1.5', '99999999999999999999'])('from the token "%s" is refused', async (token) => {
    const { gateway, engine } = await openScripted();
    expect(await engine.replace('k', token as Token, 'one')).toMatchObject({ kind: 'refused' });
    expect(await engine.remove('k', token as Token)).toMatchObject({ kind: 'refused' });
    expect(gateway.requests).toEqual([]);
  });

  it('of what is no text is not sent', async () => {
    const { gateway, engine } = await openScripted();
    expect(await engine.replace('k', null, '\ud800')).toMatchObject({ kind: 'unavailable' });
    expect(await engine.replace('\udfff', null, 'x')).toMatchObject({ kind: 'unavailable' });
    expect(await engine.read('\udfff')).toMatchObject({ kind: 'failed' });
    expect(gateway.requests).toEqual([]);
  });
});

describe('a read', () => {
  it.each<readonly [string, Fate]>([
    ['no answer', 'hang'],
    ['a broken connection', 'lose'],
    ['a timeout within etcd', TIMED_OUT],
    ['no leader', NO_LEADER],
    ['another server in between', BROKEN],
  ])('goes to the next member after %s', async (_, fate) => {
    const { first, second, engine } = await openTwo({ timeoutMs: 4 * SHORT_TIMEOUT_MS });
    await engine.replace('k', null, 'one');
    first.decide = () => fate;
    expect(await engine.read('k')).toMatchObject({ kind: 'found', text: 'one' });
    expect(second.requests).toHaveLength(1);
    expect(engine.figures()).toMatchObject({ failovers: 1, 'reads-ok': 1 });
  });

  it('fails if no member can tell, after each was asked once', async () => {
    const { first, second, engine } = await openTwo();
    for (const member of [first, second]) member.decide = () => TIMED_OUT;
    const read = await engine.read('k');
    expect(read).toMatchObject({ kind: 'failed', error: { message: expect.stringMatching(/request timed out/) } });
    expect(requestCounts(first, second)).toEqual([1, 1]);
  });

  it('is not repeated where every member would say the same', async () => {
    const { first, second, engine } = await openTwo();
    first.decide = () => gatewayError(403, 7, 'etcdserver: permission denied');
    expect(await engine.read('k')).toMatchObject({ kind: 'failed' });
    expect(requestCounts(first, second)).toEqual([1, 0]);
  });
});

describe('a member that failed', () => {
  it('is left, and asked again when the other fails', async () => {
    const { first, second, engine, warnings } = await openTwo();
    first.decide = () => NO_LEADER;
    await engine.replace('a', null, 'x');
    for (const key of ['b', 'c']) await engine.replace(key, null, 'x');
    expect(requestCounts(first, second)).toEqual([1, 3]);
    first.decide = () => 'serve';
    second.decide = () => NO_LEADER;
    expect(await engine.replace('d', null, 'x')).toMatchObject({ kind: 'ok' });
    expect(warnings).toEqual([
      `etcd member ${first.url} failed: etcdserver: no leader (HTTP 503, code 14)`,
      `etcd member ${second.url} failed: etcdserver: no leader (HTTP 503, code 14)`,
      `etcd member ${first.url} answers again`,
    ]);
  });
});

describe('users', () => {
  /** A gateway that knows one user, and an engine of it. */
  async function openWithUser() {
    const gateway = await startGateway();
    gateway.store.tokens.add('of another');
    const engine = await openEngine([gateway.url], { user: 'root', password: 'secret' });
    gateway.requests.length = 0;
    return { gateway, engine };
  }

  it('have a token, which is asked for once and sent as it is', async () => {
    const gateway = await startGateway();
    gateway.store.tokens.add('of another');
    const engine = await openEngine([gateway.url], { user: 'root', password: 'secret' });
    await Promise.all(['a', 'b'].map((key) => engine.replace(key, null, 'x')));
    const [login, ...others] = gateway.requests;
    expect(login).toMatchObject({ path: '/v3/auth/authenticate', body: { name: 'root', password: 'secret' } });
    expect(new Set(others.map(({ headers }) => headers.authorization))).toEqual(new Set(['token.2']));
    expect(engine.figures()).toMatchObject({ logins: 1 });
  });

  it('whose token has ended get one new token, for all calls together', async () => {
    const { gateway, engine } = await openWithUser();
    gateway.store.tokens.delete('token.2');
    const results = await Promise.all([
      engine.replace('a', null, 'x'),
      engine.read('a'),
      engine.list('', undefined, 10),
    ]);
    expect(results.map(({ kind }) => kind)).not.toContain('failed');
    expect(results[0]).toMatchObject({ kind: 'ok' });
    expect(gateway.paths.filter((path) => path === '/v3/auth/authenticate')).toHaveLength(1);
  });

  it('are not asked again and again where a new token does not help', async () => {
    const { gateway, engine } = await openWithUser();
    gateway.decide = ({ path }) =>
      path === '/v3/auth/authenticate' ? 'serve' : gatewayError(401, 16, 'etcdserver: invalid auth token');
    expect(await engine.replace('a', null, 'x')).toMatchObject({ kind: 'unavailable' });
    expect(gateway.paths).toEqual(['/v3/kv/txn', '/v3/auth/authenticate', '/v3/kv/txn']);
  });

  it('who get no token have certainly done nothing, and try again with the next call', async () => {
    const { gateway, engine } = await openWithUser();
    gateway.store.tokens.delete('token.2');
    const refuse = gatewayError(400, 3, 'etcdserver: authentication failed, invalid user ID or password');
    gateway.decide = ({ path }) => (path === '/v3/auth/authenticate' ? refuse : 'serve');
    expect(await engine.replace('a', null, 'x')).toMatchObject({
      kind: 'unavailable',
      error: { message: expect.stringMatching(/user root has no token: .*invalid user ID or password/) },
    });
    gateway.decide = () => 'serve';
    expect(await engine.replace('a', null, 'x')).toMatchObject({ kind: 'ok' });
  });

  it('whose login is not answered have certainly done nothing', async () => {
    const gateway = await startGateway();
    gateway.store.tokens.add('of another');
    const user = { user: 'root', password: 'secret', timeoutMs: 4 * SHORT_TIMEOUT_MS };
    const engine = await openEngine([gateway.url], user);
    gateway.store.tokens.delete('token.2');
    gateway.decide = ({ path }) => (path === '/v3/auth/authenticate' ? 'hang' : 'serve');
    expect(await engine.replace('a', null, 'x')).toMatchObject({
      kind: 'unavailable',
      error: { message: expect.stringMatching(/user root has no token: no answer within 1000 ms/) },
    });
  });

  it('whose requests with a token are not answered get a new one after a few', async () => {
    const gateway = await startGateway();
    gateway.store.tokens.add('of another');
    const options = { user: 'root', password: 'secret', timeoutMs: SHORT_TIMEOUT_MS };
    const engine = await openEngine([gateway.url], options);
    // As a member does that was restored from a backup: it waits to hear of the token.
    gateway.decide = ({ headers }) => (headers.authorization === 'token.2' ? 'hang' : 'serve');
    await expect.poll(() => engine.read('k'), { timeout: 30_000 }).toEqual({ kind: 'absent' });
    expect(engine.figures()).toMatchObject({ timeouts: 3, logins: 2 });
  });
});

describe('a list', () => {
  it('has the keys of a prefix in their order, page by page, without what is not of the store', async () => {
    const { gateway, engine } = await openScripted();
    const keys = ['a/1', 'a/2', 'a/\u{10FFFF}', 'a', 'b', 'a/\uFFFD'];
    for (const key of keys) await engine.replace(key, null, 'x');
    gateway.store.entries.set(Buffer.from('shoq').toString('base64'), { value: '', createRevision: 1, modRevision: 1 });
    expect(await engine.list('a/', undefined, 10)).toEqual({
      kind: 'ok',
      keys: ['a/1', 'a/2', 'a/\uFFFD', 'a/\u{10FFFF}'],
      more: false,
    });
    expect(await engine.list('a/', undefined, 2)).toEqual({ kind: 'ok', keys: ['a/1', 'a/2'], more: true });
    expect(await engine.list('a/', 'a/2', 10)).toMatchObject({ keys: ['a/\uFFFD', 'a/\u{10FFFF}'], more: false });
    expect(await engine.list('a/', 'a', 1)).toMatchObject({ keys: ['a/1'], more: true });
    expect(await engine.list('a/', 'b', 1)).toEqual({ kind: 'ok', keys: [], more: false });
    expect(await engine.list('', undefined, 10)).toMatchObject({ keys: [...keys].sort(byBytes), more: false });
  });

  it('fails if it cannot be had', async () => {
    const { gateway, engine } = await openScripted();
    gateway.next(TIMED_OUT);
    expect(await engine.list('', undefined, 1)).toMatchObject({ kind: 'failed' });
    expect(engine.figures()).toMatchObject({ 'lists-failed': 1 });
  });
});

describe('a closed engine', () => {
  it('has ended its calls, and begins none', async () => {
    const { gateway, engine } = await openScripted();
    const write = engine.replace('k', null, 'one');
    const list = engine.list('', undefined, 1);
    await engine.close();
    expect(await Promise.all([write, list])).toMatchObject([{ kind: 'ok' }, { kind: 'ok' }]);
    gateway.requests.length = 0;
    const token = tokenOf(await write);
    // Nothing is sent, which is certain.
    expect(await engine.replace('k', token, 'two')).toMatchObject({ kind: 'unavailable' });
    expect(await engine.remove('k', token)).toMatchObject({ kind: 'unavailable' });
    expect(await engine.read('k')).toMatchObject({ kind: 'failed' });
    expect(await engine.list('', undefined, 1)).toMatchObject({ kind: 'failed' });
    expect(gateway.requests).toEqual([]);
    await engine.close();
  });
});

describe('history', () => {
  const compactions = ({ requests }: ScriptedGateway) =>
    requests.flatMap(({ path, body }) => (path === '/v3/kv/compaction' ? [Number(body.revision)] : []));

  it('is compacted up to what was newest one interval ago', async () => {
    const { gateway, engine } = await openScripted({ compactEveryMs: 50 });
    await writeUntil(engine, () => compactions(gateway).length >= 3);
    const revisions = compactions(gateway);
    expect(revisions).toEqual([...new Set(revisions)].sort((one, other) => one - other));
    expect(revisions.at(-1)).toBeLessThan(gateway.store.revision);
    expect(engine.figures().compactions).toBeGreaterThan(0);
  });

  it('that another instance has compacted is no trouble, and any other failure is told', async () => {
    const warnings: string[] = [];
    const { gateway, engine } = await openScripted({ compactEveryMs: 30, warn: (text) => warnings.push(text) });
    const done = gatewayError(400, 11, 'etcdserver: mvcc: required revision has been compacted');
    gateway.decide = ({ path }) => (path === '/v3/kv/compaction' ? done : 'serve');
    await writeUntil(engine, () => compactions(gateway).length >= 2);
    expect(warnings).toEqual([]);
    gateway.decide = ({ path }) => (path === '/v3/kv/compaction' ? gatewayError(403, 7, 'permission denied') : 'serve');
    await writeUntil(engine, () => warnings.length > 0);
    expect(warnings[0]).toMatch(/^etcd's history could not be compacted to revision \d+: permission denied/);
  });
});

/** Until the engine has noticed that its idle connections were closed; a write on one of them may have been done. */
async function connectionsAreGone(): Promise<void> {
  for (let turns = 0; turns < 20; turns++) await new Promise(setImmediate);
}

async function writeUntil(engine: EtcdEngine, isEnough: () => boolean): Promise<void> {
  for (let count = 0; !isEnough(); count++) {
    await engine.replace(`k${count}`, null, 'x');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function byBytes(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other));
}
