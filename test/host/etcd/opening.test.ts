/** What `open` says when there is no etcd that can be used. `etcd-opening.slow.test.ts` does it with real members. */

import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { freePorts } from '../../../src/host/deployment/ports.ts';
import { EtcdEngine, type EtcdOptions } from '../../../src/host/etcd/engine.ts';
import { openEngine, SHORT_TIMEOUT_MS, startGateway } from '../../support/etcd-engine.ts';
import { gatewayError, NO_LEADER, NO_SPACE, TIMED_OUT } from '../../support/scripted-gateway.ts';

/** Why it could not be opened. */
async function reasonOf(endpoints: readonly string[], options: Partial<EtcdOptions> = {}): Promise<string> {
  const all = { endpoints, prefix: 'shop/', timeoutMs: 20_000, openTimeoutMs: 1, compactEveryMs: 0, ...options };
  const error = await EtcdEngine.open(all).then(
    async (engine) => {
      await engine.close();
      throw new Error('it could be opened');
    },
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(Error);
  return (error as Error).message;
}

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('opening', () => {
  it('proves that a value can be created, read and removed', async () => {
    const gateway = await startGateway();
    await openEngine([gateway.url]);
    expect(gateway.paths).toEqual(['/v3/kv/txn', '/v3/kv/range', '/v3/kv/txn']);
    expect(gateway.store.revision).toBe(3);
    expect(gateway.store.entries.size).toBe(0);
  });

  it('waits for members that are not ready yet', async () => {
    const gateway = await startGateway();
    for (const fate of [NO_LEADER, TIMED_OUT, 'lose', { status: 503, body: 'no healthy upstream' }] as const)
      gateway.next(fate);
    await openEngine([gateway.url]);
    expect(gateway.requests.length).toBeGreaterThanOrEqual(7);
  });

  it('waits for a member that does not listen yet', async () => {
    const gateway = await startGateway();
    await gateway.close();
    const opened = openEngine([gateway.url]);
    setTimeout(() => void gateway.listen(), 300);
    expect(await (await opened).read('k')).toEqual({ kind: 'absent' });
  });

  it('names every member and its reason if none can be reached', async () => {
    const [port] = await freePorts(1);
    const silent = await serve(() => {});
    const reason = await reasonOf([`http://127.0.0.1:${port}`, silent], { timeoutMs: SHORT_TIMEOUT_MS });
    expect(reason).toMatch(/^etcd cannot be used: no answer within 250 ms\. Members: /);
    expect(reason).toContain(`http://127.0.0.1:${port}: connect ECONNREFUSED`);
    expect(reason).toContain(`${silent}: no answer within 1000 ms`);
    expect(reason).toMatch(/Check that a majority of them runs and can be reached$/);
  });

  it('names a host that is not known', async () => {
    expect(await reasonOf(['http://no-such-host.invalid:2379'])).toMatch(
      /etcd cannot be used: getaddrinfo \w+ no-such-host\.invalid/,
    );
  });

  it('tells of a cluster without a leader', async () => {
    const gateway = await startGateway();
    gateway.decide = () => NO_LEADER;
    expect(await reasonOf([gateway.url])).toMatch(/etcd cannot be used: etcdserver: no leader .*a majority/);
  });

  it.each<readonly [string, Parameters<typeof gatewayError> | typeof NO_SPACE, RegExp]>([
    ['a full database', NO_SPACE, /database space exceeded.*Compact the history, defragment every member and disarm/],
    [
      'a missing permission',
      [403, 7, 'etcdserver: permission denied'],
      /permission denied.*a user may not read and write the keys below "shop\/".*grant-permission ROLE/,
    ],
    ['a missing user', [400, 3, 'etcdserver: user name is empty'], /the cluster asks for a user and a password/],
  ])('says at once what to do about %s', async (_, failure, text) => {
    const gateway = await startGateway();
    gateway.decide = () => (Array.isArray(failure) ? gatewayError(...failure) : (failure as typeof NO_SPACE));
    expect(await reasonOf([gateway.url], { openTimeoutMs: 60_000 })).toMatch(text);
  });

  it('tells another server from etcd', async () => {
    const url = await serve((_, response) => response.writeHead(404).end('<html>Nothing here</html>'));
    expect(await reasonOf([url], { openTimeoutMs: 60_000 })).toBe(
      `etcd: there is no etcd at ${url}: the answer was HTTP 404, "<html>Nothing here</html>". Check the URL`,
    );
    const always = await serve((_, response) => response.end('{"hello":"world"}'));
    expect(await reasonOf([always], { openTimeoutMs: 60_000 })).toMatch(/there is no etcd at/);
  });

  it.each([
    ['3.3.27', /is etcd 3\.3\.27, whose gateway is too old: etcd 3\.4 or newer is needed/],
    ['3.5.9', /is etcd 3\.5\.9, but answers HTTP 404 to \/v3\/kv\/txn\. Is it the port for its peers/],
  ])('tells an etcd %s whose gateway is not there', async (version, text) => {
    const url = await serve(({ url: path }, response) => {
      if (path === '/version') response.end(JSON.stringify({ etcdserver: version, etcdcluster: version }));
      else response.writeHead(404).end('404 page not found\n');
    });
    expect(await reasonOf([url], { openTimeoutMs: 60_000 })).toMatch(text);
  });

  it('tells that https is spoken to an http port', async () => {
    const { url } = await startGateway();
    const reason = await reasonOf([url.replace('http:', 'https:')], { openTimeoutMs: 60_000 });
    expect(reason).toMatch(/^etcd: wrong version number: https:.* is no TLS port\. Use http in the URL$/);
  });

  it.each([
    [{ endpoints: [] }, /needs the URL of a member/],
    [{ prefix: '' }, /needs a key prefix/],
    [{ group: 0 }, /group of an etcd store must be from 1 to 127, not 0/],
    [{ group: 128 }, /group of an etcd store must be from 1 to 127, not 128/],
    [{ groupsInFlight: 0 }, /groupsInFlight of an etcd store must be from 1/],
    [{ timeoutMs: Number.NaN }, /timeoutMs of an etcd store must be from 1 to 60000, not NaN/],
  ])('refuses the settings %j', async (options, text) => {
    expect(await reasonOf(['http://127.0.0.1:1'], options)).toMatch(text);
  });
});
