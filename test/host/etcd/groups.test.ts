/** Which calls share a request, and that each gets its own outcome all the same. */

import { describe, expect, it } from 'vitest';
import type { Token } from '../../../src/kv/store.ts';
import { holdBack, openScripted, SHORT_TIMEOUT_MS, tokenOf, wireKey } from '../../support/etcd-engine.ts';
import { NO_SPACE, type ScriptedGateway } from '../../support/scripted-gateway.ts';

const names = (count: number) => Array.from({ length: count }, (_, index) => `k${index}`);

/** How many calls each request of the gateway held. */
function groupSizes({ requests }: ScriptedGateway): readonly number[] {
  return requests.map(({ body }) => (body.compare === undefined ? (body.success?.length ?? 1) : 1));
}

describe('concurrent writes', () => {
  it('share one request', async () => {
    const { gateway, engine } = await openScripted();
    const results = await Promise.all(names(64).map((key) => engine.replace(key, null, `{"of":"${key}"}`)));
    expect(new Set(results.map(({ kind }) => kind))).toEqual(new Set(['ok']));
    expect(groupSizes(gateway)).toEqual([64]);
    expect(engine.figures()).toMatchObject({
      'replaces-ok': 64,
      'write-groups': 1,
      'write-group-calls': 64,
      'write-group-calls-max': 64,
    });
  });

  it('have an outcome each', async () => {
    const { gateway, engine } = await openScripted();
    const old = tokenOf(await engine.replace('taken', null, 'one'));
    const gone = tokenOf(await engine.replace('gone', null, 'one'));
    gateway.requests.length = 0;
    const [created, refused, replaced, wrong, removed] = await Promise.all([
      engine.replace('new', null, 'two'),
      engine.replace('other', '77' as Token, 'two'),
      engine.replace('taken', old, 'two'),
      engine.remove('gone', old),
      engine.remove('gone', gone),
    ]);
    // The second removal of one key has a request of its own.
    expect(groupSizes(gateway)).toEqual([4, 1]);
    expect([created, refused, replaced, wrong, removed].map((result) => result?.kind)).toEqual([
      'ok',
      'refused',
      'ok',
      'refused',
      'ok',
    ]);
    expect(refused).toMatchObject({ error: { code: 22, message: 'other is not at revision 77' } });
    expect(await engine.read('other')).toEqual({ kind: 'absent' });
    expect(await engine.read('gone')).toEqual({ kind: 'absent' });
    expect(await engine.read('taken')).toMatchObject({ text: 'two' });
  });

  it('for one key are never in one request, and keep their order', async () => {
    const { gateway, engine } = await openScripted();
    const results = await Promise.all(['one', 'two', 'three'].map((text) => engine.replace('k', null, text)));
    expect(results.map(({ kind }) => kind)).toEqual(['ok', 'refused', 'refused']);
    expect(groupSizes(gateway)).toEqual([1, 1, 1]);
    expect(await engine.read('k')).toMatchObject({ text: 'one' });
  });

  it('gather while as many groups as may be are under way', async () => {
    const { gateway, engine } = await openScripted({ groupsInFlight: 2, group: 3 });
    const { held, release } = holdBack();
    gateway.decide = () => held;
    const calls = [];
    for (const key of names(10)) {
      calls.push(engine.replace(key, null, 'x'));
      await new Promise(setImmediate);
    }
    await expect.poll(() => gateway.requests.length).toBe(2);
    expect(engine.figures()).toMatchObject({ 'in-flight': 2, waiting: 8 });
    gateway.decide = () => 'serve';
    release();
    await Promise.all(calls);
    expect(groupSizes(gateway)).toEqual([1, 1, 3, 3, 2]);
    expect(engine.figures()).toMatchObject({ 'in-flight': 0, waiting: 0 });
  });

  it('have a request each where groups are off', async () => {
    const { gateway, engine } = await openScripted({ group: 1 });
    await Promise.all(names(20).map((key) => engine.replace(key, null, 'x')));
    await Promise.all(names(20).map((key) => engine.read(key)));
    expect(groupSizes(gateway)).toEqual(Array(40).fill(1));
  });

  it('share a request only up to the size that etcd takes', async () => {
    const { gateway, engine } = await openScripted();
    const text = 'x'.repeat(600_000);
    const results = await Promise.all(names(5).map((key) => engine.replace(key, null, text)));
    expect(results.map(({ kind }) => kind)).toEqual(Array(5).fill('ok'));
    expect(groupSizes(gateway).concat().sort()).toEqual([1, 2, 2]);
  });

  it('are not sent if one alone is too large, which is certain', async () => {
    const { gateway, engine } = await openScripted();
    const [large, small] = await Promise.all([
      engine.replace('large', null, 'x'.repeat(1_400_000)),
      engine.replace('small', null, 'x'),
    ]);
    expect(large).toMatchObject({
      kind: 'unavailable',
      error: { message: expect.stringMatching(/large and its value have 14\d+ bytes; etcd takes 1400000 at once/) },
    });
    expect(small.kind).toBe('ok');
    expect(groupSizes(gateway)).toEqual([1]);
  });

  it('all end as the request does that carried them, if it fails', async () => {
    const { gateway, engine } = await openScripted();
    gateway.next(NO_SPACE);
    const results = await Promise.all(names(3).map((key) => engine.replace(key, null, 'x')));
    expect(results.map(({ kind }) => kind)).toEqual(['silent', 'silent', 'silent']);
    expect(groupSizes(gateway)).toEqual([3]);
  });

  it('are silent if the answer does not fit the request', async () => {
    const { gateway, engine } = await openScripted();
    gateway.next({ status: 200, body: { header: { revision: '9' }, succeeded: true, responses: [{}] } });
    const results = await Promise.all(names(3).map((key) => engine.replace(key, null, 'x')));
    expect(results.map(({ kind }) => kind)).toEqual(['silent', 'silent', 'silent']);
    gateway.next({ status: 200, body: { hello: 'world' } });
    expect(await engine.replace('k', null, 'x')).toMatchObject({ kind: 'silent' });
  });
});

describe('concurrent reads', () => {
  it('share one request, and a range if they are for one key', async () => {
    const { gateway, engine } = await openScripted();
    await Promise.all(names(3).map((key) => engine.replace(key, null, key)));
    gateway.requests.length = 0;
    const keys = ['k0', 'k1', 'k0', 'missing', 'k2', 'k0'];
    const reads = await Promise.all(keys.map((key) => engine.read(key)));
    expect(reads.map((read) => (read.kind === 'found' ? read.text : read.kind))).toEqual([
      ...['k0', 'k1', 'k0', 'absent', 'k2', 'k0'],
    ]);
    expect(groupSizes(gateway)).toEqual([4]);
  });

  it('never ask for what may be out of date', async () => {
    const { gateway, engine } = await openScripted();
    await Promise.all([engine.read('a'), engine.read('b')]);
    await engine.read('a');
    await engine.list('', undefined, 10);
    expect(gateway.requests).toHaveLength(3);
    for (const { body } of gateway.requests) expect(JSON.stringify(body)).not.toContain('serializable');
  });

  it('that begin when one for the same key is under way do not share it', async () => {
    const { gateway, engine } = await openScripted();
    const { held, release } = holdBack();
    gateway.next(held);
    const early = engine.read('k');
    await expect.poll(() => gateway.requests.length).toBe(1);
    await engine.replace('k', null, 'one');
    const late = engine.read('k');
    expect(await late).toMatchObject({ kind: 'found', text: 'one' });
    release();
    await early;
    expect(gateway.paths).toEqual(['/v3/kv/range', '/v3/kv/txn', '/v3/kv/range']);
  });

  it('tell apart what is empty, what is missing and what is no text', async () => {
    const { gateway, engine } = await openScripted();
    await engine.replace('empty', null, '');
    const bytes = Buffer.from([0xff, 0xfe]).toString('base64');
    gateway.store.entries.set(wireKey('foreign'), { value: bytes, createRevision: 1, modRevision: 1 });
    const reads = await Promise.all(['empty', 'missing', 'foreign'].map((key) => engine.read(key)));
    expect(reads).toMatchObject([{ kind: 'found', text: '' }, { kind: 'absent' }, { kind: 'foreign' }]);
  });

  it('fail if the answer is about another key', async () => {
    const { gateway, engine } = await openScripted();
    const kvs = [{ key: wireKey('other'), mod_revision: '2', value: 'eA==' }];
    gateway.next({ status: 200, body: { header: { revision: '9' }, kvs } });
    expect(await engine.read('k')).toMatchObject({ kind: 'failed' });
  });
});

describe('a call that waits too long for its turn', () => {
  it('ends, was not sent, and says so', async () => {
    const { gateway, engine } = await openScripted({ timeoutMs: SHORT_TIMEOUT_MS, groupsInFlight: 1, group: 2 });
    gateway.decide = () => 'hang';
    const calls = names(9).map((key) => engine.replace(key, null, 'x'));
    const results = await Promise.all(calls);
    expect(results.slice(0, 2).map(({ kind }) => kind)).toEqual(['silent', 'silent']);
    expect(results.at(-1)).toMatchObject({
      kind: 'unavailable',
      error: { message: expect.stringMatching(/waited too long for its turn and was not sent/) },
    });
    const sent = gateway.requests.flatMap(({ body }) => body.success.map((one: object) => JSON.stringify(one)));
    for (const [index, { kind }] of results.entries())
      expect(sent.some((text: string) => text.includes(wireKey(`k${index}`)))).toBe(kind === 'silent');
  });
});
