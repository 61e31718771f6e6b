/** Opening real members: over TLS, with users, with a full database, at the wrong port. */

import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EtcdMember } from '../../../src/host/deployment/etcd-member.ts';
import { EtcdEngine, type EtcdOptions } from '../../../src/host/etcd/engine.ts';
import { Authority, hasOpenssl } from '../../support/certificates.ts';
import { EtcdCluster, findEtcd } from '../../support/etcd.ts';
import { openEngine, tokenOf } from '../../support/etcd-engine.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const program = findEtcd('opening a store on a real etcd');
const whenThere = describe.skipIf(program === undefined);

async function reasonOf(endpoints: readonly string[], options: Partial<EtcdOptions> = {}): Promise<string> {
  const all = { endpoints, prefix: 'shop/', timeoutMs: 20_000, openTimeoutMs: 1, compactEveryMs: 0, ...options };
  try {
    await (await EtcdEngine.open(all)).close();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('it could be opened');
}

/** A cluster for the tests of one group. */
function useCluster(
  start: () => Promise<EtcdCluster>,
): () => { cluster: EtcdCluster; url: string; member: EtcdMember } {
  let cluster: EtcdCluster | undefined;
  beforeAll(async () => {
    cluster = await start();
  });
  afterAll(() => cluster?.end());
  return () => {
    const member = cluster?.members[0] as EtcdMember;
    return { cluster: cluster as EtcdCluster, url: member.url, member };
  };
}

whenThere('an etcd with users', () => {
  const use = useCluster(async () => {
    const cluster = await EtcdCluster.start(program as string);
    const [member] = cluster.members;
    const bytes = (text: string) => Buffer.from(text).toString('base64');
    const shop = { permType: 'READWRITE', key: bytes('shop/'), range_end: bytes('shop0') };
    for (const [path, body] of [
      ['user/add', { name: 'root', password: 'of root' }],
      ['role/add', { name: 'root' }],
      ['user/grant', { user: 'root', role: 'root' }],
      ['user/add', { name: 'clerk', password: 'of clerk' }],
      ['role/add', { name: 'shop' }],
      ['role/grant', { name: 'shop', perm: shop }],
      ['user/grant', { user: 'clerk', role: 'shop' }],
    ] as const)
      expect(await member?.ask(`/v3/auth/${path}`, body), path).toBeDefined();
    expect(await member?.ask('/v3/auth/enable', {})).toBeDefined();
    return cluster;
  });

  it('serves one who may read and write the prefix, and gives a new token when it has forgotten the old one', async () => {
    const { url, member } = use();
    const engine = await openEngine([url], { user: 'clerk', password: 'of clerk' });
    const token = tokenOf(await engine.replace('k', null, 'one'));
    const root = { name: 'root', password: 'of root' };
    const authorization = (await member.ask('/v3/auth/authenticate', root))?.token as string;
    expect(await member.ask('/v3/auth/disable', {}, { headers: { authorization } })).toBeDefined();
    expect(await engine.replace('k', token, 'two')).toMatchObject({
      kind: 'unavailable',
      error: { message: expect.stringMatching(/authentication is not enabled/) },
    });
    expect(await member.ask('/v3/auth/enable', {})).toBeDefined();
    expect(await engine.replace('k', token, 'two')).toMatchObject({ kind: 'ok' });
    expect(engine.figures().logins).toBe(3);
  });

  it('says what a user lacks', async () => {
    const { url } = use();
    const now = { openTimeoutMs: 60_000 };
    expect(await reasonOf([url], now)).toMatch(/the cluster asks for a user and a password/);
    expect(await reasonOf([url], { ...now, user: 'clerk', password: 'wrong' })).toMatch(
      /user clerk has no token: .*authentication failed.*: check the user and the password/,
    );
    expect(await reasonOf([url], { ...now, user: 'nobody', password: 'x' })).toMatch(/check the user and the password/);
    expect(await reasonOf([url], { ...now, user: 'clerk', password: 'of clerk', prefix: 'bank/' })).toMatch(
      /permission denied.*user clerk may not read and write the keys below "bank\/"/,
    );
  });
});

whenThere('an etcd without users', () => {
  const use = useCluster(() => EtcdCluster.start(program as string));

  it('says that there are none', async () => {
    const reason = await reasonOf([use().url], { user: 'root', password: 'x', openTimeoutMs: 60_000 });
    expect(reason).toMatch(/authentication is not enabled.*Leave out the user/);
  });

  it('is told from its port for peers', async () => {
    expect(await reasonOf([use().member.peerUrl], { openTimeoutMs: 60_000 })).toMatch(/Is it the port for its peers/);
  });

  it('tells that it speaks no TLS', async () => {
    const url = use().url.replace('http:', 'https:');
    expect(await reasonOf([url], { openTimeoutMs: 60_000 })).toMatch(/is no TLS port\. Use http in the URL$/);
  });
});

whenThere('an etcd whose database is full', () => {
  const use = useCluster(() => EtcdCluster.start(program as string, { quotaBytes: 4 * 1024 * 1024 }));

  it('leaves writes unknown, still reads, and says at the start what to do', async () => {
    const { url } = use();
    const engine = await openEngine([url]);
    await engine.replace('early', null, 'one');
    let last = await engine.replace('k', null, 'x');
    for (let count = 0; last.kind === 'ok' && count < 100; count++)
      last = await engine.replace(`k${count}`, null, 'x'.repeat(1_000_000));
    expect(last).toMatchObject({
      kind: 'silent',
      error: { message: expect.stringMatching(/database space exceeded/) },
    });
    expect(await engine.read('early')).toMatchObject({ text: 'one' });
    expect(await reasonOf([url], { openTimeoutMs: 60_000 })).toMatch(
      /database space exceeded.*Compact the history, defragment every member and disarm the alarm/,
    );
  });
});

describe.skipIf(program === undefined || !hasOpenssl('etcd over TLS'))('an etcd over TLS', () => {
  const folder = temporaryFolder();
  const text = (file: string) => readFileSync(file, 'utf8');
  const pair = ({ cert, key }: { cert: string; key: string }) => ({ cert: text(cert), key: text(key) });
  let authority: Authority;
  let identity: { readonly cert: string; readonly key: string };
  const now = { openTimeoutMs: 60_000 };

  describe('that asks for certificates', () => {
    const use = useCluster(() => {
      authority = new Authority(folder, 'authority');
      identity = pair(authority.sign('client', 'DNS:client'));
      const server = authority.sign('server', 'IP:127.0.0.1,DNS:etcd.example.com');
      return EtcdCluster.start(program as string, { tls: { ...server, ca: authority.file } });
    });

    it('serves who has one', async () => {
      const engine = await openEngine([use().url], { tls: { ca: authority.text, ...identity } });
      const keys = ['a', 'b', 'c'];
      const results = await Promise.all(keys.map((key) => engine.replace(key, null, 'x')));
      expect(results.map(({ kind }) => kind)).toEqual(['ok', 'ok', 'ok']);
    });

    it('is known by another name than its address', async () => {
      const tls = { ca: authority.text, ...identity, serverName: 'etcd.example.com' };
      expect(await (await openEngine([use().url], { tls })).read('missing')).toEqual({ kind: 'absent' });
    });

    it('refuses who has none, or a foreign one', async () => {
      const { url } = use();
      const wanted = /TLS: .*Give the client certificate and key that it asks for/;
      expect(await reasonOf([url], { ...now, tls: { ca: authority.text } })).toMatch(wanted);
      const foreigner = pair(new Authority(folder, 'foreign').sign('client', 'DNS:client'));
      expect(await reasonOf([url], { ...now, tls: { ca: authority.text, ...foreigner } })).toMatch(wanted);
    });

    it('is not trusted without its authority, and the reason says so', async () => {
      const reason = await reasonOf([use().url], { ...now, tls: identity });
      expect(reason).toMatch(/TLS: .*the authority that signed the certificate is not trusted/);
    });

    it('must have the name that is asked for', async () => {
      const tls = { ca: authority.text, ...identity, serverName: 'other.example.com' };
      expect(await reasonOf([use().url], { ...now, tls })).toMatch(/TLS: .*the certificate is for other names/);
    });

    it('tells who speaks http to it', async () => {
      const reason = await reasonOf([use().url.replace('https:', 'http:')], now);
      expect(reason).toMatch(/speaks TLS only\. Use https in the URL$/);
    });

    it('cannot be spoken to with what is no certificate', async () => {
      const tls = { ca: authority.text, cert: 'nonsense', key: identity.key };
      expect(await reasonOf([use().url], { ...now, tls })).toBe(
        'etcd: TLS: what was given as ca, cert, key cannot be used: no start line. Each must be PEM',
      );
    });
  });
});
