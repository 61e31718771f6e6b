/** The state of a store on a real etcd, read page by page while others write, and while history is compacted. */

import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { EtcdEngine } from '../../../src/host/etcd/engine.ts';
import { readEtcdState, type StateRules } from '../../../src/host/etcd/state.ts';
import type { Token } from '../../../src/kv/store.ts';
import { StateGoneError } from '../../../src/kv/stored-state.ts';
import { EtcdCluster, findEtcd } from '../../support/etcd.ts';
import { openEngine, tokenOf } from '../../support/etcd-engine.ts';
import { EtcdProxy } from '../../support/etcd-proxy.ts';

const program = findEtcd('the state of a real etcd');
const KEYS = 30;

describe.skipIf(program === undefined)('the state of a store on etcd', () => {
  let cluster: EtcdCluster;
  let stores = 0;
  beforeAll(async () => {
    cluster = await EtcdCluster.start(program as string);
  });
  afterAll(() => cluster?.end());

  /** A store whose keys all have the same count. */
  async function counters(): Promise<{ prefix: string; raise: () => Promise<void>; engine: EtcdEngine }> {
    const prefix = `state-${stores++}/`;
    const engine = await openEngine(cluster.endpoints, { prefix });
    const tokens: (Token | null)[] = Array(KEYS).fill(null);
    let count = 0;
    const raise = async () => {
      const text = `${++count}`;
      for (let key = 0; key < KEYS; key++)
        tokens[key] = tokenOf(await engine.replace(`k${key}`, tokens[key] ?? null, text));
    };
    await raise();
    return { prefix, raise, engine };
  }

  async function read(prefix: string, rules: StateRules = {}, endpoints = cluster.endpoints) {
    const { position, entries } = await readEtcdState({ endpoints, prefix }, rules);
    const all: [string, string][] = [];
    for await (const some of entries) for (const { key, text } of some) all.push([key, text]);
    return { position, all };
  }

  it('is of one revision, also if something is written between its pages', async () => {
    const { prefix, raise } = await counters();
    const { all, position } = await read(prefix, { pageKeysMax: 7, beforePage: raise });
    expect(all.map(([key]) => key)).toEqual([...Array(KEYS).keys()].map((key) => `k${key}`).sort());
    expect(new Set(all.map(([, text]) => text))).toEqual(new Set(['1']));
    expect(position).toMatch(/^revision \d+$/);
  });

  it('is seen to be mixed if each page is of its own revision', async () => {
    const { prefix, raise } = await counters();
    const proxy = await EtcdProxy.start(cluster.endpoints[0] as string);
    onTestFinished(() => proxy.close());
    proxy.alter = (body) => body.replace(/,"revision":"\d+"/, '');
    const { all } = await read(prefix, { pageKeysMax: 7, beforePage: raise }, [proxy.url]);
    expect(new Set(all.map(([, text]) => text)).size).toBeGreaterThan(1);
  });

  it('is gone if its revision is compacted meanwhile', async () => {
    const { prefix, raise } = await counters();
    const compact = async () => {
      await raise();
      const headers = { 'content-type': 'application/json' };
      const look = await fetch(`${cluster.endpoints[0]}/v3/kv/range`, {
        method: 'POST',
        headers,
        body: JSON.stringify({ key: Buffer.from(prefix).toString('base64') }),
      });
      const { header } = (await look.json()) as { header: { revision: string } };
      const body = JSON.stringify({ revision: header.revision, physical: true });
      await fetch(`${cluster.endpoints[0]}/v3/kv/compaction`, { method: 'POST', headers, body });
    };
    await expect(read(prefix, { pageKeysMax: 7, beforePage: compact })).rejects.toThrow(StateGoneError);
    expect((await read(prefix)).all).toHaveLength(KEYS);
  });

  it('has long values and names of every kind, and nothing of other stores', async () => {
    const { prefix, engine } = await counters();
    const long = 'x'.repeat(1_000_000);
    const own = ['\u{1f600}', '\u{ffff}', 'ü', 'a/b c'];
    for (const key of own) tokenOf(await engine.replace(key, null, long));
    const neighbour = await openEngine(cluster.endpoints, { prefix: `${prefix.slice(0, -1)}0` });
    tokenOf(await neighbour.replace('x', null, 'theirs'));
    const { all } = await read(prefix);
    expect(all).toHaveLength(KEYS + own.length);
    expect(all.slice(-2).map(([key]) => key)).toEqual(['\u{ffff}', '\u{1f600}']);
    expect(all.filter(([, text]) => text === long)).toHaveLength(own.length);
  });

  it('is refused where there is none, or no etcd', async () => {
    await expect(read('nothing/')).rejects.toThrow('there is no store: no key begins with "nothing/"');
    const address = cluster.endpoints[0]?.replace('http:', 'https:') as string;
    await expect(read('nothing/', {}, [address])).rejects.toThrow(/is no TLS port. Use http in the URL/);
  });
});
