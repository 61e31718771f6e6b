/** Engines that are wrong in one way each, and the check that notices. The right engine passes all checks. */

import { describe, expect, it } from 'vitest';
import type { EtcdRules } from '../../../src/host/etcd/engine.ts';
import { classifyFailure } from '../../../src/host/etcd/failures.ts';
import { readWrites, requestOfReads } from '../../../src/host/etcd/messages.ts';
import { holdBack, openScripted, SHORT_TIMEOUT_MS, tokenOf } from '../../support/etcd-engine.ts';
import { NO_SPACE } from '../../support/scripted-gateway.ts';

type Check = (rules: EtcdRules) => Promise<void>;

/** What is `unavailable` must never take effect. */
const claimsNothingAfterATimeout: Check = async (rules) => {
  const { gateway, engine } = await openScripted({ timeoutMs: SHORT_TIMEOUT_MS }, rules);
  const { held, release } = holdBack();
  gateway.next(held);
  const result = await engine.replace('k', null, 'one');
  release();
  await expect.poll(() => engine.read('k')).toMatchObject({ text: 'one' });
  expect(result.kind).toBe('silent');
};

const claimsNothingOfAFullDatabase: Check = async (rules) => {
  const { gateway, engine } = await openScripted({}, rules);
  gateway.next({ ...NO_SPACE, isDone: true });
  const result = await engine.replace('k', null, 'one');
  expect(await engine.read('k')).toMatchObject({ text: 'one' });
  expect(result.kind).toBe('silent');
};

const tellsOutcomesApart: Check = async (rules) => {
  const { gateway, engine } = await openScripted({}, rules);
  tokenOf(await engine.replace('taken', null, 'one'));
  gateway.requests.length = 0;
  const keys = ['new', 'taken', 'newer'];
  const results = await Promise.all(keys.map((key) => engine.replace(key, null, 'two')));
  expect(gateway.requests).toHaveLength(1);
  const reads = await Promise.all(keys.map((key) => engine.read(key)));
  expect(reads).toMatchObject([{ text: 'two' }, { text: 'one' }, { text: 'two' }]);
  expect(results.map(({ kind }) => kind)).toEqual(['ok', 'refused', 'ok']);
};

const readsTheNewest: Check = async (rules) => {
  const { gateway, engine } = await openScripted({}, rules);
  const token = tokenOf(await engine.replace('k', null, 'one'));
  gateway.store.lagging = new Map(gateway.store.entries);
  await engine.replace('k', token, 'two');
  expect(await engine.read('k')).toMatchObject({ text: 'two' });
  expect(await Promise.all(['k', 'other'].map((key) => engine.read(key)))).toMatchObject([{ text: 'two' }, {}]);
};

const WRONG: readonly (readonly [string, Check, EtcdRules])[] = [
  [
    'takes a timeout for a failure',
    claimsNothingAfterATimeout,
    {
      classify: (failure) => ({
        ...classifyFailure(failure),
        ...(failure.kind === 'timeout' && { provesNotDone: true }),
      }),
    },
  ],
  [
    'takes a full database for a refusal',
    claimsNothingOfAFullDatabase,
    {
      classify: (failure) => {
        const row = classifyFailure(failure);
        return row.name === 'database space exceeded' ? { ...row, provesNotDone: true } : row;
      },
    },
  ],
  [
    'tells all of a group what happened to the first',
    tellsOutcomesApart,
    {
      readWrites: (writes, body) => {
        const [first] = readWrites(writes, body) ?? [];
        return first && writes.map(() => first);
      },
    },
  ],
  [
    'is content with what a lagging member knows',
    readsTheNewest,
    {
      requestOfReads: (keys) => {
        const { path, body } = requestOfReads(keys);
        const text = JSON.stringify(body).replaceAll('{"key":', '{"serializable":true,"key":');
        return { path, body: JSON.parse(text) };
      },
    },
  ],
];

describe('an engine that', () => {
  it.each(WRONG)('%s is found', async (_, check, rules) => {
    await check({});
    await expect(check(rules)).rejects.toThrow(/expected/);
  });
});
