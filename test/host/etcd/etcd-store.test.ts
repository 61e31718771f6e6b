/** The engine on a real etcd of one member: it is a store, and every request means there what it is meant to. */

import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { EtcdEngine } from '../../../src/host/etcd/engine.ts';
import { describeEngine } from '../../kv/store-conformance.ts';
import { EtcdCluster, findEtcd } from '../../support/etcd.ts';
import { openEngine, PREFIX, tokenOf } from '../../support/etcd-engine.ts';
import { EtcdProxy } from '../../support/etcd-proxy.ts';

const CLIENTS = 9;
const TIMEOUT_MS = 20_000;

const program = findEtcd('the store on a real etcd');

describe.skipIf(program === undefined)('the engine on etcd', () => {
  let cluster: EtcdCluster;
  let worlds = 0;
  beforeAll(async () => {
    cluster = await EtcdCluster.start(program as string);
  });
  afterAll(() => cluster?.end());

  const open = (options: Parameters<typeof openEngine>[1] = {}) => openEngine(cluster.endpoints, options);

  describeEngine(async () => {
    const proxy = await EtcdProxy.start(cluster.endpoints[0] as string);
    const options = { endpoints: [proxy.url], prefix: `world-${worlds++}/`, timeoutMs: TIMEOUT_MS };
    const engines = await Promise.all(Array.from({ length: CLIENTS }, () => EtcdEngine.open(options)));
    onTestFinished(async () => {
      await Promise.all(engines.map((engine) => engine.close()));
      await proxy.close();
    });
    let opened = 0;
    return {
      open: () => engines[opened++ % CLIENTS] as EtcdEngine,
      run: (work) => work,
      loseNext: (what) => {
        proxy.lost = what;
      },
      cut: () => {
        proxy.isCut = true;
      },
    };
  });

  it('writes a group of the largest size, each with its own outcome, and reads it', async () => {
    const engine = await open({ group: 127, prefix: 'group/' });
    const keys = Array.from({ length: 127 }, (_, index) => `k${index}`);
    const taken = await Promise.all(['k3', 'k126'].map((key) => engine.replace(key, null, 'taken')));
    expect(taken.map(({ kind }) => kind)).toEqual(['ok', 'ok']);
    const results = await Promise.all(keys.map((key) => engine.replace(key, null, `of ${key}`)));
    expect(results.flatMap(({ kind }, index) => (kind === 'ok' ? [] : [`${keys[index]} ${kind}`]))).toEqual([
      'k3 refused',
      'k126 refused',
    ]);
    const reads = await Promise.all([...keys, 'missing'].map((key) => engine.read(key)));
    for (const [index, read] of reads.slice(0, -1).entries()) {
      const isTaken = [3, 126].includes(index);
      expect(read).toMatchObject({ kind: 'found', text: isTaken ? 'taken' : `of ${keys[index]}` });
      if (!isTaken) expect(read).toMatchObject({ token: tokenOf(results[index] as (typeof results)[number]) });
    }
    expect(reads.at(-1)).toEqual({ kind: 'absent' });
    // The keys that are read are one more than fit into a group.
    expect(engine.figures()).toMatchObject({ 'write-group-calls-max': 127, 'read-groups': 2, 'requests-sent': 7 });
  });

  it('writes as much at once as it says that etcd takes', async () => {
    const engine = await open({ prefix: 'large/' });
    const text = 'x'.repeat(1_399_000);
    expect(await engine.replace('k', null, text)).toMatchObject({ kind: 'ok' });
    expect(await engine.read('k')).toMatchObject({ kind: 'found', text });
    const keys = Array.from({ length: 64 }, (_, index) => `k${index}`);
    const results = await Promise.all(keys.map((key) => engine.replace(key, null, 'x'.repeat(21_600))));
    expect(new Set(results.map(({ kind }) => kind))).toEqual(new Set(['ok']));
    // Many small values cost the most beside themselves.
    const tiny = Array.from({ length: 64 }, (_, index) => `${'y'.repeat(10_800)}${index}`);
    const small = await Promise.all(tiny.map((key) => engine.replace(key, null, '')));
    expect(new Set(small.map(({ kind }) => kind))).toEqual(new Set(['ok']));
    expect(engine.figures()['write-groups']).toBeLessThanOrEqual(5);
  });

  it('removes only what the token stands for, after which the key can be created again', async () => {
    const engine = await open({ prefix: 'removal/' });
    const old = tokenOf(await engine.replace('k', null, 'one'));
    const token = tokenOf(await engine.replace('k', old, 'two'));
    expect(await engine.remove('k', old)).toMatchObject({ kind: 'refused' });
    expect(await engine.remove('k', token)).toEqual({ kind: 'ok' });
    expect(await engine.remove('k', token)).toMatchObject({ kind: 'refused' });
    expect(await engine.read('k')).toEqual({ kind: 'absent' });
    const again = tokenOf(await engine.replace('k', null, 'two'));
    expect(again).not.toBe(token);
    expect(await engine.replace('k', token, 'three')).toMatchObject({ kind: 'refused' });
  });

  it('lists keys by their bytes, page by page, and no probe and no neighbour', async () => {
    const engine = await open({ prefix: 'list/' });
    const neighbour = await open({ prefix: 'lisu/' });
    await neighbour.replace('a', null, 'x');
    const keys = ['a', 'a/1', 'a/2', 'a/\uFFFD', 'a/\u{10FFFF}', 'b'];
    await Promise.all(keys.map((key) => engine.replace(key, null, 'x')));
    expect(await engine.list('', undefined, 100)).toEqual({ kind: 'ok', keys, more: false });
    expect(await engine.list('a/', undefined, 2)).toEqual({ kind: 'ok', keys: ['a/1', 'a/2'], more: true });
    expect(await engine.list('a/', 'a/2', 2)).toEqual({ kind: 'ok', keys: ['a/\uFFFD', 'a/\u{10FFFF}'], more: false });
    expect(await engine.list('a/', 'b', 2)).toEqual({ kind: 'ok', keys: [], more: false });
  });

  it('leaves nothing behind from its proof at the start', async () => {
    await open({ prefix: 'proof/' });
    const [begin, end] = ['proof/', 'proof0'].map((text) => Buffer.from(text).toString('base64'));
    const left = await cluster.members[0]?.ask('/v3/kv/range', { key: begin, range_end: end });
    expect(left).toHaveProperty('header');
    expect(left).not.toHaveProperty('kvs');
  });

  it('compacts the history, and no value is lost by it', async () => {
    const warnings: string[] = [];
    const engine = await open({ prefix: PREFIX, compactEveryMs: 100, warn: (text) => warnings.push(text) });
    // Another instance does the same.
    await open({ prefix: PREFIX, compactEveryMs: 100, warn: (text) => warnings.push(text) });
    const first = tokenOf(await engine.replace('k', null, '0'));
    let token = first;
    for (let count = 1; engine.figures().compactions === 0 || count < 50; count++) {
      token = tokenOf(await engine.replace('k', token, String(count)));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(await engine.read('k')).toMatchObject({ kind: 'found', token });
    await expect
      .poll(() => readAt(cluster, 'k', first))
      .toMatchObject({ error: expect.stringMatching(/required revision has been compacted/) });
    expect(warnings).toEqual([]);
  });
});

/** The answer to a read of an old revision. */
async function readAt(cluster: EtcdCluster, key: string, revision: string): Promise<unknown> {
  const body = JSON.stringify({ key: Buffer.from(PREFIX + key).toString('base64'), revision });
  return (await fetch(`${cluster.endpoints[0]}/v3/kv/range`, { method: 'POST', body })).json();
}
